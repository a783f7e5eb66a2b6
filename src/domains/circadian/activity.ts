// What people and their devices send: sleep, meals, light. The schema, and when things happened. Must not know tables.

import { z } from "zod";
import { hours, minutes, parseTimestamp } from "@freshet/stream";
import { instantShownAs, timeZoneNamed } from "./time_zone.ts";

const instant = z.union([z.string(), z.number()]);
const LONGEST_MINUTES = 24 * 60;
const minutesLong = z.number().min(0).max(LONGEST_MINUTES);

const common = {
  timestamp: instant.describe(
    "ISO 8601 (by the clocks of `time_zone` when it says no offset) or epoch ms: when it ended, for sleep the waking",
  ),
  user_id: z.string().min(1).max(256),
  time_zone: z.string().max(64).refine((name) => timeZoneNamed(name) !== undefined, {
    error: "expected the name of an IANA time zone, such as Europe/Paris, or an offset such as +01:00",
  }).describe("IANA time zone that the user was in, or an offset"),
};

const SleepFields = z.object({
  activity_type: z.literal("sleep"),
  ...common,
  duration_minutes: minutesLong.nullish().describe("Length of the sleep that ended at `timestamp`"),
  sleep_start: instant.nullish().describe("Instead of `duration_minutes`, with `sleep_end`: falling asleep"),
  sleep_end: instant.nullish().describe("Waking; it counts as the event's time"),
});

function checkLength(context: z.core.ParsePayload<z.infer<typeof SleepFields>>): void {
  if (context.issues.length > 0) return;
  const length = sleepMs(context.value);
  if (length >= 0 && length <= minutes(LONGEST_MINUTES)) return;
  context.issues.push({
    code: "custom",
    input: context.value,
    path: ["duration_minutes"],
    message: "expected duration_minutes, or sleep_start and sleep_end, of a sleep of at most 24 hours",
  });
}

const Sleep = SleepFields.check(checkLength);

const Meal = z.object({
  activity_type: z.literal("meal"),
  ...common,
  duration_minutes: minutesLong.nullish(),
  meal_type: z.string().max(64).nullish(),
  calories: z.number().min(0).nullish(),
});

const Light = z.object({
  activity_type: z.literal("light"),
  ...common,
  lux: z.number().min(0).max(200_000).describe("Mean illuminance at the eye; full sun is about 100,000 lux"),
  duration_minutes: minutesLong.describe("How long the light was measured, up to `timestamp`"),
});

/** One thing that one user did. Unknown fields stay in the raw table. */
export const UserActivity = z.discriminatedUnion("activity_type", [Sleep, Meal, Light]);

/** As producers say it that know neither how long a sleep was nor how bright the light. */
export const OlderUserActivity = z.discriminatedUnion("activity_type", [
  SleepFields.check((context) => {
    if (tellsLength(context.value)) checkLength(context);
  }),
  Meal,
  Light.extend({ lux: Light.shape.lux.nullish(), duration_minutes: Light.shape.duration_minutes.nullish() }),
]);

export type UserActivity = z.infer<typeof OlderUserActivity>;

type SleepTimes = Pick<
  z.infer<typeof SleepFields>,
  "time_zone" | "timestamp" | "duration_minutes" | "sleep_start" | "sleep_end"
>;

const tellsLength = (sleep: SleepTimes): boolean =>
  (sleep.duration_minutes ?? sleep.sleep_start ?? sleep.sleep_end ?? null) !== null;

/** What a time ends in that says how far it is from UTC, from its clock time on. */
const SAYS_OFFSET = /(?:[zZ]|[+-]\d\d(?::?\d\d)?)$/;

/** The most usual end needs no search. */
const saysOffset = (told: string) => told.length > 10 && (told.endsWith("Z") || SAYS_OFFSET.test(told.slice(10)));

/** A time as told, epoch milliseconds: without an offset it is what the clocks of the zone showed. `NaN` when it is none. */
function toldTime(told: string | number, timeZone: string): number {
  const time = parseTimestamp(told);
  if (typeof told === "number" || saysOffset(told) || Number.isNaN(time)) return time;
  const zone = timeZoneNamed(timeZone);
  return zone === undefined ? NaN : instantShownAs(time, zone);
}

/** The sleep's two ends as told, epoch milliseconds (`NaN` for what is no time); `undefined` when it tells its length instead. */
function toldEnds(
  { sleep_start, sleep_end, time_zone }: SleepTimes,
): readonly [start: number, end: number] | undefined {
  if (sleep_start === null || sleep_start === undefined || sleep_end === null || sleep_end === undefined) {
    return undefined;
  }
  return [toldTime(sleep_start, time_zone), toldTime(sleep_end, time_zone)];
}

/** Length of a sleep in milliseconds; `NaN` when it is not told. */
function sleepMs(sleep: SleepTimes): number {
  const ends = toldEnds(sleep);
  return ends ? ends[1] - ends[0] : minutes(sleep.duration_minutes ?? NaN);
}

/** When it happened, epoch milliseconds: for sleep the waking. `NaN` when that is no time. */
export function timeOf(event: UserActivity): number {
  const ends = event.activity_type === "sleep" ? toldEnds(event) : undefined;
  return ends ? ends[1] : toldTime(event.timestamp, event.time_zone);
}

/** How long it took in hours; `null` when the event does not say. */
export function hoursOf(event: UserActivity): number | null {
  if (event.activity_type === "sleep") return tellsLength(event) ? sleepMs(event) / hours(1) : null;
  const { duration_minutes } = event;
  return duration_minutes === null || duration_minutes === undefined ? null : duration_minutes / 60;
}
