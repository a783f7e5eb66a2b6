// Values as JSON text, each with all its digits: what a number of JavaScript cannot hold is written from what was sent.
// Knows no format that they were sent in.

import { UnreadableValueError } from "../../errors.ts";

/** Longer texts are given up: a few bytes may stand for many. Freshet takes no record whose text is longer. */
export const MAX_TEXT = 8 * 1024 * 1024;
/** More digits than a warehouse's NUMBER has are text. */
const MAX_NUMBER_DIGITS = 38;
/** Bytes of a decimal's digits, and places of its point, beyond which it is none that anybody meant. */
const MAX_DECIMAL_BYTES = 512;
const MAX_DECIMAL_SCALE = 1_000;
/** The years 1 to 9999, in seconds since 1970: what ISO 8601 can say without a sign. */
export const FIRST_SECOND = -62_135_596_800;
export const LAST_SECOND = 253_402_300_799;

export const mismatch = (detail: string) => new UnreadableValueError("schema_mismatch", detail);

/** The text of an object or list, or an error when it is too long. */
export function bounded(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  throw new UnreadableValueError("too_large", `The value is JSON of more than ${MAX_TEXT} characters`);
}

export function stringText(value: string): string {
  return JSON.stringify(value);
}

/** Base64, as ProtoJSON has it. */
export function bytesText(value: Uint8Array): string {
  return `"${value.toBase64()}"`;
}

/** JSON has no infinity and no NaN: they are their names, as in ProtoJSON. */
export function doubleText(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

/** The fewest digits that are this number of 32 bits: 41.7, not 41.70000076293945. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(9)));
}

/** A decimal: digits as a whole number in two's complement, big endian, and how many of them are behind the point. */
export function decimalText(digits: Uint8Array, scale: number): string {
  if (digits.length > MAX_DECIMAL_BYTES || Math.abs(scale) > MAX_DECIMAL_SCALE) {
    throw mismatch(`A decimal has ${digits.length} bytes and the scale ${scale}`);
  }
  const value = digits.length === 0 ? 0n : BigInt.asIntN(8 * digits.length, BigInt(`0x${digits.toHex()}`));
  const whole = (value < 0n ? -value : value).toString() + (value === 0n ? "" : "0".repeat(Math.max(0, -scale)));
  const padded = whole.padStart(scale + 1, "0");
  const point = padded.length - Math.max(0, scale);
  const text = (value < 0n ? "-" : "") + padded.slice(0, point) + (scale > 0 ? `.${padded.slice(point)}` : "");
  return whole.length > MAX_NUMBER_DIGITS ? `"${text}"` : text;
}

/**
 * A time in ISO 8601, with so many digits behind the second as `value` counts: milliseconds have 3, microseconds 6. A time
 * outside of the years 1 to 9999 is the number that it was.
 */
export function timestampText(value: number | bigint, digits: 3 | 6 | 9, zone: "Z" | ""): string {
  const [seconds, rest] = split(value, 10 ** digits);
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) return String(value);
  return `"${secondsText(seconds)}.${String(rest).padStart(digits, "0")}${zone}"`;
}

/** A day in ISO 8601, from days since 1970. */
export function dateText(days: number): string {
  const seconds = days * 86_400;
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) return String(days);
  return `"${secondsText(seconds).slice(0, 10)}"`;
}

/** A time of day, from midnight; what is longer than a day is the number that it was. */
export function timeOfDayText(value: number | bigint, digits: 3 | 6): string {
  const [seconds, rest] = split(value, 10 ** digits);
  if (seconds < 0 || seconds >= 86_400) return String(value);
  return `"${secondsText(seconds).slice(11)}.${String(rest).padStart(digits, "0")}"`;
}

/** Seconds since 1970 as date and time, without a zone. */
export function secondsText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}

/** Whole seconds, and what is above them. */
function split(value: number | bigint, perSecond: number): readonly [seconds: number, rest: number] {
  if (typeof value === "number") {
    const seconds = Math.floor(value / perSecond);
    return [seconds, value - seconds * perSecond];
  }
  const unit = BigInt(perSecond);
  const rest = ((value % unit) + unit) % unit;
  return [Number((value - rest) / unit), Number(rest)];
}
