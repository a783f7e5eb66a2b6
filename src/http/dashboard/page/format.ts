// Numbers, times and durations as people read them. Every number gets its unit here or beside it.

/** Numbers are grouped and pointed as in the browser's language. Times are ISO 8601, which is the same in all of them. */
export const LOCALE = navigator.language;

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });

/** Without fraction from 100 on, with one digit below; an en dash for what is not known. */
export function numberText(value: number | null | undefined, unit = ""): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 100 || Number.isInteger(value) ? whole.format(value) : one.format(value);
  return unit === "" ? text : `${text}\u00a0${text === "1" ? singular(unit) : unit}`;
}

/** A power, with its unit apart: kW, or MW from a thousand of them on, to a hundredth while there are few. */
export function powerOf(kw: number | null | undefined): readonly [value: string, unit: "kW" | "MW"] {
  if (kw === null || kw === undefined || Math.abs(kw) < LEAST_MW) return [numberText(kw), "kW"];
  const mw = kw / 1000;
  return [Math.abs(mw) < 10 ? two.format(mw) : numberText(mw), "MW"];
}

/** A power as text: `468 kW`, `2.54 MW`; an en dash for what is not known. */
export function powerText(kw: number | null | undefined): string {
  const [value, unit] = powerOf(kw);
  return value === "–" ? value : `${value}\u00a0${unit}`;
}

/** What kW without fraction would call a thousand. */
const LEAST_MW = 999.5;

/** Units that are words are given in the plural, also before a slash; `km/h` and `s` are none. */
function singular(unit: string): string {
  return unit.replace(/^([a-z]{3,})s(?=$|\/)/, "$1");
}

/** How many there are of something, in words: `1 record`, `2 records`. */
export function countText(count: number, things: string): string {
  return `${whole.format(count)} ${count === 1 ? things.slice(0, -1) : things}`;
}

/** How often something is, in words: `hourly`, `every 5 min`. */
export function everyText(seconds: number): string {
  const names: Readonly<Record<number, string>> = { 60: "every minute", 3600: "hourly", 86_400: "daily" };
  return names[seconds] ?? `every ${durationText(seconds * 1000)}`;
}

/** Such as 1.2K or 3M. */
export function compactText(value: number): string {
  return Math.abs(value) < 10_000 ? numberText(value) : compact.format(value);
}

/** Which clock the page shows. */
export type Zone = "utc" | "local";

/** A timestamp of the warehouse (UTC, without zone), or ISO 8601, as epoch milliseconds. */
export function momentOf(text: string): number {
  return Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text.replace(" ", "T")}Z`);
}

const parts = (ms: number, zone: Zone) => {
  const shifted = zone === "utc" ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(shifted).toISOString();
};

/** `2026-01-31 13:45:00`. */
export function timeText(ms: number | null | undefined, zone: Zone): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  return parts(ms, zone).slice(0, 19).replace("T", " ");
}

/** `13:45:00`, or with the date when that is another day than `beside`. */
export function clockText(ms: number | null | undefined, zone: Zone, beside?: number): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  const iso = parts(ms, zone);
  if (beside !== undefined && parts(beside, zone).slice(0, 10) !== iso.slice(0, 10)) {
    return `${iso.slice(5, 10)} ${iso.slice(11, 19)}`;
  }
  return iso.slice(11, 19);
}

/** The name of the zone, for beside times. */
export function zoneText(zone: Zone): string {
  if (zone === "utc") return "UTC";
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return name === "" ? "local" : name;
}

/** What values are counted in, and how they are told. */
export interface ValueUnit {
  readonly unit: string;
  /** Milliseconds, told in the units that people use for them. */
  readonly isDuration?: boolean;
  /** Kilowatts, told as megawatts where they are many. */
  readonly isPower?: boolean;
}

/** A value with its unit. */
export function valueText(value: number, { unit, isDuration, isPower }: ValueUnit): string {
  return isDuration ? shortDurationText(value) : isPower ? powerText(value) : numberText(value, unit);
}

const STEPS = [[1, "s"], [60, "min"], [3600, "h"], [86_400, "d"]] as const;
/** Of ten days and more nobody asks the hours. */
const HOURS_MATTER_BELOW_S = 10 * 86_400;

/** A length of time by its two greatest units: `2 h 5 min`; from ten days on by days alone: `12 d`. */
export function durationText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (Math.abs(ms) < 1000) return `${Math.round(Math.abs(ms))}\u00a0ms`;
  const i = STEPS.findLastIndex(([size]) => seconds >= size);
  const [size, unit] = STEPS[Math.max(0, i)]!;
  const big = `${Math.floor(seconds / size)}\u00a0${unit}`;
  if (i <= 0 || seconds >= HOURS_MATTER_BELOW_S) return big;
  const [smallSize, smallUnit] = STEPS[i - 1]!;
  const small = Math.floor((seconds % size) / smallSize);
  return small === 0 ? big : `${big} ${small}\u00a0${smallUnit}`;
}

/** A length of time, of which tenths of seconds matter while it is short: `1.2 s`. */
export function shortDurationText(ms: number): string {
  return ms >= 1000 && ms < 10_000 ? numberText(ms / 1000, "s") : durationText(ms);
}

/** How long ago: `just now`, `5 s ago`. */
export function agoText(ms: number): string {
  return ms < 1500 ? "just now" : `${durationText(ms)} ago`;
}

/** A moment for a field of a form, in the page's zone: `2026-01-31T13:45`. */
export function fieldText(ms: number, zone: Zone): string {
  return timeText(ms, zone).slice(0, 16).replace(" ", "T");
}

/** What such a field says, epoch milliseconds; NaN for nothing. */
export function fieldMoment(text: string, zone: Zone): number {
  return Date.parse(zone === "utc" ? `${text}Z` : text);
}

/** A change as a share of what was before; `null` when there was nothing. */
export function changeOf(now: number, before: number): number | null {
  return before === 0 ? null : (now - before) / Math.abs(before);
}

/** Without sign: an arrow beside it tells the direction. */
export function percentText(share: number): string {
  const percent = share * 100;
  return `${one.format(Math.abs(percent))}\u00a0%`;
}

/** `ATS_ALERTS` and `HIGH_POWER_DRAW` as words: `High power draw`. */
export function wordsOf(name: string): string {
  const words = name.toLowerCase().replaceAll("_", " ");
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** Text cut to a length that a cell can show. */
export function cutText(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
