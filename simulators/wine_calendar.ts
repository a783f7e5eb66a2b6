// When the wine shop sells: even ticks, or a year of trade with its weekdays, seasons and holidays. A pure function of seed and
// time. Local time is UTC+1 all year. Knows nothing of products but their categories.
import { uniform } from "./random.ts";
import type { Category } from "./wine_catalogue.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LOCAL_MS = HOUR_MS;
/** Enough that each warehouse is delivered what it lacks, few enough that none runs out. */
const EVEN_BLOCK_EVENTS = 1500;
/** Blocks of trade have half of this many events to this many. */
const BLOCK_EVENTS = 2400;
/** No day has less than this share of the mean. */
const QUIETEST_DAY = 0.3;

/** Events that follow each other. Deliveries of one block bring what the last one has taken. */
export interface Block {
  /** Another one for each block of a calendar. */
  readonly id: number;
  /** Event times, epoch milliseconds, ascending. */
  readonly times: readonly number[];
}

/** Blocks in units of time that can be asked for in any order. */
export interface Calendar {
  /** The unit that holds the time. */
  unitAt(time: number): number;
  /** The unit's blocks, at least one. */
  blocks(unit: number): readonly Block[];
}

/** An event every `intervalMs`, anchored to the epoch. */
export function evenCalendar(intervalMs: number): Calendar {
  const tick = (number: number) => Math.ceil(number * intervalMs);
  return {
    unitAt: (time) => Math.floor(time / intervalMs / EVEN_BLOCK_EVENTS),
    blocks: (
      unit,
    ) => [{ id: unit, times: Array.from({ length: EVEN_BLOCK_EVENTS }, (_, i) => tick(unit * EVEN_BLOCK_EVENTS + i)) }],
  };
}

/** Trade as the year goes, with `intervalMs` between two events in the mean of a year. */
export function tradeCalendar(seed: number, intervalMs: number): Calendar {
  const quietestDay = DAY_MS / intervalMs * QUIETEST_DAY;
  const unitMs = Math.ceil(BLOCK_EVENTS / quietestDay) * DAY_MS;
  return {
    unitAt: (time) => Math.floor(time / unitMs),
    blocks(unit) {
      const times: number[] = [];
      for (let hour = unit * unitMs; hour < (unit + 1) * unitMs; hour += HOUR_MS) {
        const mean = tradeAt(hour) * HOUR_MS / intervalMs;
        const count = Math.floor(mean + uniform(seed, hour / HOUR_MS));
        for (let i = 0; i < count; i++) {
          times.push(Math.floor(hour + (i + uniform(seed, hour / HOUR_MS, i)) / count * HOUR_MS));
        }
      }
      const parts = Math.max(1, Math.ceil(times.length / BLOCK_EVENTS));
      return Array.from({ length: parts }, (_, part) => ({
        id: unit * 4096 + part,
        times: times.slice(Math.floor(part * times.length / parts), Math.floor((part + 1) * times.length / parts)),
      }));
    },
  };
}

/** How busy an hour is, beside the mean of a year. */
export function tradeAt(time: number): number {
  const { online, shops } = demandAt(time);
  return (online + shops) / yearlyMean();
}

let mean: number | undefined;

/** Of demand, over the hours of 2025. */
function yearlyMean(): number {
  if (mean !== undefined) return mean;
  let [sum, hours] = [0, 0];
  for (let time = Date.UTC(2025, 0, 1); time < Date.UTC(2026, 0, 1); time += HOUR_MS, hours++) {
    const { online, shops } = demandAt(time);
    sum += online + shops;
  }
  return mean = sum / hours;
}

/** By local hour, from 0. People order on the net in the evening, and shops are open from 10 to 20. */
const ONLINE_HOURS = [4, 2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 12, 11, 9, 9, 9, 10, 12, 15, 19, 20, 15, 9];
const SHOP_HOURS = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 14, 15, 9, 9, 11, 14, 22, 30, 22, 0, 0, 0, 0];
/** By weekday, from Sunday. */
const ONLINE_DAYS = [1.15, 0.95, 0.9, 0.95, 1, 1.1, 1];
const SHOP_DAYS = [0, 0.6, 0.8, 0.95, 1.05, 1.55, 2.05];

interface Demand {
  readonly online: number;
  readonly shops: number;
}

/** What people want to buy in an hour, on the net and in the shops. */
export function demandAt(time: number): Demand {
  const local = new Date(time + LOCAL_MS);
  const { season, closed } = dayOf(Math.floor((time + LOCAL_MS) / DAY_MS));
  const [hour, weekday] = [local.getUTCHours(), local.getUTCDay()];
  return {
    online: season * ONLINE_DAYS[weekday]! * ONLINE_HOURS[hour]!,
    shops: closed ? 0 : season * SHOP_DAYS[weekday]! * SHOP_HOURS[hour]!,
  };
}

interface Day {
  readonly season: number;
  /** Shops are closed. */
  readonly closed: boolean;
  /** How much each category is in demand, beside the others. */
  readonly taste: Readonly<Record<Category, number>>;
}

/** By month, from January: the quiet start of the year, the summer, the long run-up to Christmas. */
const MONTHS = [0.62, 0.78, 0.86, 0.92, 1, 1.05, 1, 0.8, 1.05, 1.05, 1.2, 1.35];
const CLOSED = new Set(["1-1", "5-1", "12-25"]);
const days = new Map<number, Day>();

/** Of a local day, counted from the epoch. */
function dayOf(day: number): Day {
  const known = days.get(day);
  if (known) return known;
  if (days.size > 1000) days.clear();
  const made = makeDay(day);
  days.set(day, made);
  return made;
}

/** What is in demand at a time. */
export function tasteAt(time: number): Readonly<Record<Category, number>> {
  return dayOf(Math.floor((time + LOCAL_MS) / DAY_MS)).taste;
}

function makeDay(day: number): Day {
  const date = new Date(day * DAY_MS);
  const [month, dayOfMonth] = [date.getUTCMonth(), date.getUTCDate()];
  const inMonth = (n: number, from: number, to: number) => month === n - 1 && dayOfMonth >= from && dayOfMonth <= to;
  const beforeEaster = easterDay(date.getUTCFullYear()) - day;
  const easter = beforeEaster >= 0 && beforeEaster <= 7;
  const sinceNouveau = day - beaujolaisNouveauDay(date.getUTCFullYear());
  const nouveau = sinceNouveau >= 0 && sinceNouveau <= 3;
  const [christmas, newYear] = [inMonth(12, 8, 24), inMonth(12, 26, 31)];
  const [valentine, fair, bastille] = [inMonth(2, 9, 14), inMonth(9, 5, 25), inMonth(7, 10, 14)];
  const summer = Math.max(0, Math.cos((day - midsummer(date)) / 365 * 2 * Math.PI));
  const lift = (christmas ? 1 + (dayOfMonth - 7) / 17 * 1.4 : 1) * (newYear ? 1.5 : 1) * (valentine ? 1.35 : 1) *
    (fair ? 1.5 : 1) * (easter ? 1.35 : 1) * (nouveau ? 1.4 : 1) * (bastille ? 1.25 : 1);
  return {
    season: MONTHS[month]! * lift,
    closed: CLOSED.has(`${month + 1}-${dayOfMonth}`),
    taste: {
      Rouge: (1.25 - 0.45 * summer) * (fair ? 1.2 : 1) * (nouveau ? 1.8 : 1),
      Blanc: 1 + 0.3 * summer,
      Rosé: 0.35 + 1.9 * summer,
      Effervescent: 0.8 + (christmas ? 1 : 0) + (newYear ? 2.4 : 0) + (valentine ? 1.2 : 0),
      Spiritueux: (1.15 - 0.5 * summer) * (christmas ? 1.5 : 1),
    },
  };
}

/** 15 July of the date's year, counted from the epoch. */
function midsummer(date: Date): number {
  return Date.UTC(date.getUTCFullYear(), 6, 15) / DAY_MS;
}

/** Easter Sunday, counted from the epoch, by the algorithm "Anonymous Gregorian" (Nature, 20 April 1876). */
export function easterDay(year: number): number {
  const a = year % 19;
  const [b, c] = [Math.floor(year / 100), year % 100];
  const f = Math.floor((b + 8) / 25);
  const g = Math.floor((b - f + 1) / 3);
  const h = (19 * a + b - Math.floor(b / 4) - g + 15) % 30;
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - c % 4) % 7;
  const m = Math.floor((a + 11 * h + 22 * l) / 451);
  const n = h + l - 7 * m + 114;
  return Date.UTC(year, Math.floor(n / 31) - 1, n % 31 + 1) / DAY_MS;
}

/** The third Thursday of November, when the new Beaujolais is sold, counted from the epoch. */
function beaujolaisNouveauDay(year: number): number {
  const first = Date.UTC(year, 10, 1);
  return first / DAY_MS + (4 - new Date(first).getUTCDay() + 7) % 7 + 14;
}
