// A person's day from midnight to midnight by the local clock: sleeps and meals with their times. Must not know records.
import { habitualWake, type Person, sleepHours, type Whereabouts } from "./circadian_people.ts";
import { gaussian, uniform } from "./random.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NAP_CHANCE = 0.12;
/** Share of the difference in time by which people still get up wrong right after a flight, and hours a day that it shrinks. */
const LAG_SHARE = 0.4;
const LAG_RATE = 0.6;

interface Sleep {
  readonly start: number;
  readonly end: number;
}

interface Meal {
  readonly type: string;
  /** When it ended. */
  readonly end: number;
  readonly calories: number;
}

/** Times are epoch milliseconds. */
export interface LocalDay {
  readonly zone: Whereabouts;
  readonly start: number;
  readonly end: number;
  /** End of the night's sleep. */
  readonly wake: number;
  /** The night's, the next night's, and a nap. */
  readonly sleeps: readonly Sleep[];
  readonly meals: readonly Meal[];
}

/** The person's local day at that time, epoch milliseconds. */
export function localDayAt(
  person: Person,
  time: number,
  { zone, seed }: { readonly zone: Whereabouts; readonly seed: number },
): LocalDay {
  const now = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(zone.timeZone);
  const date = now.toPlainDate();
  const start = now.startOfDay().epochMilliseconds;
  const lag = remainingLag(zone, now);
  const night = (day: Temporal.PlainDate): Sleep => {
    const utcDate = Date.parse(day.toString());
    const end = localTime(day, zone.timeZone, habitualWake(person, utcDate, seed) + lag);
    return { start: Math.round(end - sleepHours(person, utcDate, seed) * HOUR_MS), end };
  };
  const [tonight, tomorrow] = [night(date), night(date.add({ days: 1 }))];
  const day = Math.floor(Date.parse(date.toString()) / DAY_MS);
  const noise = (n: number) => gaussian(seed, 81, person.number, day, n);
  const meal = (type: string, hour: number, calories: number, n: number): Meal => ({
    type,
    end: localTime(date, zone.timeZone, hour + 0.5 * noise(n)),
    calories: Math.round(calories * (1 + 0.2 * noise(n + 10))),
  });
  const breakfast = {
    ...meal("breakfast", 0, 400, 1),
    end: tonight.end + Math.round((0.8 + 0.2 * noise(1)) * HOUR_MS),
  };
  return {
    zone,
    start,
    end: now.startOfDay().add({ days: 1 }).epochMilliseconds,
    wake: tonight.end,
    sleeps: [tonight, tomorrow, ...nap(person, { date, zone, seed, day })],
    meals: [breakfast, meal("lunch", 12.7, 700, 2), meal("dinner", 19.6, 800, 3)],
  };
}

/** Hours by which the person still gets up later (or earlier) than by habit. */
function remainingLag({ daysSinceFlight, before }: Whereabouts, now: Temporal.ZonedDateTime): number {
  if (!(daysSinceFlight < 30)) return 0;
  const ahead = (now.offsetNanoseconds - now.withTimeZone(before).offsetNanoseconds) / 3.6e12;
  const shortest = ((ahead + 36) % 24) - 12;
  const left = Math.max(0, Math.abs(shortest) * LAG_SHARE - LAG_RATE * Math.floor(daysSinceFlight));
  return Math.sign(shortest) * left;
}

interface NapOptions {
  readonly date: Temporal.PlainDate;
  readonly zone: Whereabouts;
  readonly seed: number;
  readonly day: number;
}

function nap({ number }: Person, { date, zone, seed, day }: NapOptions): Sleep[] {
  if (uniform(seed, 82, number, day) >= NAP_CHANCE) return [];
  const end = localTime(date, zone.timeZone, 15 + gaussian(seed, 83, number, day) * 0.5);
  return [{ start: end - Math.round((0.3 + 0.8 * uniform(seed, 84, number, day)) * HOUR_MS), end }];
}

/** When the local clock shows that hour of the date, epoch milliseconds; hours beyond 24 are of the next day. */
function localTime(date: Temporal.PlainDate, timeZone: string, hour: number): number {
  return date.toPlainDateTime().add({ milliseconds: Math.round(hour * HOUR_MS) }).toZonedDateTime(timeZone)
    .epochMilliseconds;
}

/** The sleep of the day that ended after `since` and not after `until`. */
export function sleepIn({ sleeps, start, end: dayEnd }: LocalDay, since: number, until: number): Sleep | undefined {
  return sleeps.find(({ end }) => end > since && end <= until && end >= start && end < dayEnd);
}

/** The meal of the day that ended after `since` and not after `until`. */
export function mealIn({ meals }: LocalDay, since: number, until: number): Meal | undefined {
  return meals.find(({ end }) => end > since && end <= until);
}
