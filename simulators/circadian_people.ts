// Who the simulated people are: where they live, when they get up, and when they are away. Must not know what they do.
import { gaussian, uniform } from "./random.ts";

export interface Person {
  readonly id: string;
  readonly number: number;
  readonly home: string;
}

const CITIES = [
  "Europe/Paris",
  "America/New_York",
  "Asia/Tokyo",
  "Europe/London",
  "America/Los_Angeles",
  "Australia/Sydney",
  "Asia/Kolkata",
  "America/Sao_Paulo",
  "Africa/Nairobi",
  "Pacific/Auckland",
  "America/Chicago",
  "Asia/Singapore",
] as const;

const PEOPLE_COUNT = 48;
const DAY_MS = 86_400_000;
/** A person's life is cut into stretches of so many days, in some of which there is a journey. */
const STRETCH_DAYS = 28;
const JOURNEY_DAYS = 9;
const TRAVELLERS = 0.4;

export const PEOPLE: readonly Person[] = Array.from({ length: PEOPLE_COUNT }, (_, number) => ({
  id: `user_${String(number + 1).padStart(3, "0")}`,
  number,
  home: CITIES[number % CITIES.length]!,
}));

/** Where a person is, and since when. */
export interface Whereabouts {
  readonly timeZone: string;
  /** Days since the last flight, whole and partial; large when there was none for long. */
  readonly daysSinceFlight: number;
  /** The zone before that flight. */
  readonly before: string;
}

/** Where the person is at that time, epoch milliseconds. People fly at noon, UTC. */
export function zoneAt({ number, home }: Person, time: number, seed: number): Whereabouts {
  const days = time / DAY_MS - 0.5 + number * 5;
  const stretch = Math.floor(days / STRETCH_DAYS);
  const into = days - stretch * STRETCH_DAYS;
  const away = CITIES[Math.floor(uniform(seed, 71, number, stretch) * CITIES.length)]!;
  const travels = uniform(seed, 72, number, stretch) < TRAVELLERS && away !== home;
  if (!travels) return { timeZone: home, daysSinceFlight: Infinity, before: home };
  return into < JOURNEY_DAYS
    ? { timeZone: away, daysSinceFlight: into, before: home }
    : { timeZone: home, daysSinceFlight: into - JOURNEY_DAYS, before: away };
}

/** Hour of waking by the local clock that the person keeps on a day: habit, later on days off, and chance. */
export function habitualWake({ number }: Person, date: number, seed: number): number {
  const habit = 7 + 0.8 * gaussian(seed, 73, number);
  const dayOff = new Date(date).getUTCDay() % 6 === 0 ? 0.5 + uniform(seed, 74, number) : 0;
  return habit + dayOff + 0.4 * gaussian(seed, 75, number, date / DAY_MS);
}

/** Hours that the person sleeps before waking on a day. */
export function sleepHours({ number }: Person, date: number, seed: number): number {
  return 7.4 + 0.6 * gaussian(seed, 76, number) + 0.5 * gaussian(seed, 77, number, date / DAY_MS);
}
