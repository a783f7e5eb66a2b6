// Where event time of a simulation begins: after what its topic has, but not longer ago than is worth while.
import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import { peek } from "./peek.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MORNING_HOUR = 6;
const MORNING_AGE_MS = 18 * HOUR_MS;

/**
 * Where a simulation begins that is to reach the present at once: just after the topic's last record, but at most so many days
 * ago; that limit is rounded down to the hour, so that the first hourly window is whole. Epoch milliseconds.
 */
export async function demoStart(
  log: Log,
  topic: string,
  { now, days = 1 }: { readonly now: number; readonly days?: number },
): Promise<number> {
  const earliest = Math.floor((now - days * DAY_MS) / HOUR_MS) * HOUR_MS;
  return await afterTheLast(log, topic, { now, earliest });
}

/**
 * Where a simulation begins that hurries to the present: after the topic's last record, but no earlier than the latest 06:00 UTC of a
 * weekday that is at least 18 hours ago, so that a rush hour is in the first minute. Epoch milliseconds.
 */
export async function hurriedStart(log: Log, topic: string, clock: Clock): Promise<number> {
  const now = clock.now();
  return await afterTheLast(log, topic, { now, earliest: hurriedMorning(now) });
}

/** The latest 06:00 UTC of a weekday that is at least 18 hours ago. */
export function hurriedMorning(now: number): number {
  const latest = now - MORNING_AGE_MS - MORNING_HOUR * HOUR_MS;
  let day = Math.floor(latest / DAY_MS) * DAY_MS;
  while (new Date(day).getUTCDay() % 6 === 0) day -= DAY_MS;
  return day + MORNING_HOUR * HOUR_MS;
}

async function afterTheLast(
  log: Log,
  topic: string,
  { now, earliest }: { readonly now: number; readonly earliest: number },
): Promise<number> {
  const records = await peek(log, topic, { which: "last", group: `freshet-simulator-${now}` });
  const last = Math.max(...records.map((record) => record?.timestamp ?? -Infinity), -Infinity);
  return Math.max(earliest, Math.min(last + 1, now));
}
