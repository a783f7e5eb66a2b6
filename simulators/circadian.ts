// Circadian: people around the world who sleep, eat and see light, and some who fly to another time zone. Each reports every
// quarter of an hour what has just ended: a sleep, a meal, or a stretch of light. A pure function of seed and time.
import { PEOPLE, type Person, zoneAt } from "./circadian_people.ts";
import { type LocalDay, localDayAt, mealIn, sleepIn } from "./circadian_days.ts";
import { gaussian } from "./random.ts";
import type { GenerateOptions, SimulatedRecord, Simulator } from "./simulator.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Simulator of the domain `circadian`. */
export const circadian: Simulator = {
  domain: "circadian",
  sources: PEOPLE.length,
  intervalMs: 15 * MINUTE_MS,
  demoDays: 7,
  fields: { timestamp: "timestamp", required: "user_id", amount: "duration_minutes" },
  *generate(options) {
    const days = new Map<string, LocalDay>();
    // People take turns within the interval, anchored to the epoch: another start does not move the reports.
    for (let slot = Math.ceil(options.start * PEOPLE.length / options.intervalMs);; slot++) {
      const timestamp = Math.ceil(slot * options.intervalMs / PEOPLE.length);
      const person = PEOPLE[slot % PEOPLE.length]!;
      yield toRecord(person, timestamp, dayOf(person, timestamp, { days, options }), options);
    }
  },
};

interface DayContext {
  /** Each person's day that was asked for last. */
  readonly days: Map<string, LocalDay>;
  readonly options: GenerateOptions;
}

function dayOf(person: Person, time: number, { days, options: { seed } }: DayContext): LocalDay {
  const zone = zoneAt(person, time, seed);
  const known = days.get(person.id);
  if (known && known.zone.timeZone === zone.timeZone && time >= known.start && time < known.end) return known;
  const day = localDayAt(person, time, { zone, seed });
  days.set(person.id, day);
  return day;
}

/** What the person reports at that moment: what ended since the last report. */
function toRecord(person: Person, time: number, day: LocalDay, { seed, intervalMs }: GenerateOptions): SimulatedRecord {
  const since = time - intervalMs;
  const sleep = sleepIn(day, since, time);
  const meal = mealIn(day, since, time);
  const common = { timestamp: new Date(time).toISOString(), user_id: person.id, time_zone: day.zone.timeZone };
  const event = sleep
    ? { ...common, activity_type: "sleep", duration_minutes: tenth((sleep.end - sleep.start) / MINUTE_MS) }
    : meal
    ? { ...common, activity_type: "meal", duration_minutes: 25, meal_type: meal.type, calories: meal.calories }
    : {
      ...common,
      activity_type: "light",
      duration_minutes: intervalMs / MINUTE_MS,
      lux: lux(person, time, day, seed),
    };
  return { timestamp: time, key: person.id, value: JSON.stringify(event) };
}

/** Light at the eye: none asleep, lamps in the evening, a window by day, the sky on the way to work and back. */
function lux(person: Person, time: number, day: LocalDay, seed: number): number {
  if (day.sleeps.some(({ start, end }) => time >= start && time < end)) return 0;
  const hour = (time - day.start) / HOUR_MS;
  const awake = (time - day.wake) / HOUR_MS;
  const outside = hour > 7 && hour < 20 && ((awake > 1 && awake < 1.75) || (hour > 17 && hour < 18));
  const daylight = Math.max(0, Math.sin(Math.PI * (hour - 6.5) / 13));
  const base = outside ? 400 + 18_000 * daylight : hour > 7 && hour < 19 ? 120 + 600 * daylight : 60;
  return tenth(base * Math.exp(0.4 * gaussian(seed, person.number, Math.floor(time / MINUTE_MS))));
}

const tenth = (x: number) => Math.round(x * 10) / 10;
