// Values read out of the bytes of a JSON text, one after another. What is not read here with certainty (a control character, a
// broken escape, bytes that are not UTF-8) makes the whole text "not mine": see `isRead`. The state is of the module, because
// functions of one text at a time are then as fast as if they were written into the code that calls them. Must not know schemas.

import { Buffer } from "node:buffer";
import { parseJson } from "../decode.ts";
import { textOf } from "../text.ts";

const { latin1Slice } = Buffer.prototype;
const [QUOTE, BACKSLASH, SPACE, COMMA, MINUS, POINT, ZERO, NINE] = [34, 92, 32, 44, 45, 46, 48, 57];
const [BRACKET, BRACE, BRACKET_END, BRACE_END, UPPER_E, LOWER_E, PLUS] = [91, 123, 93, 125, 69, 101, 43];
const [LETTER_F, LETTER_N, LETTER_T] = [102, 110, 116];
const FIRST_NOT_ASCII = 128;

let bytes: Uint8Array = new Uint8Array(0);
let at = 0;
let good = true;
let ascii = true;
let plain = true;

/** Begins to read a text, of which the bytes between its values are ASCII or not, and without a backslash or not. */
export function begin(text: Uint8Array, isAscii: boolean, isPlain: boolean): void {
  bytes = text;
  at = 0;
  good = true;
  ascii = isAscii;
  plain = isPlain;
}

/** Whether everything was read, to the last byte. */
export function isRead(): boolean {
  return good && at === bytes.length;
}

/** Whether all that was read since {@link begin} is ASCII. */
export function isAscii(): boolean {
  return ascii;
}

/** Whether all that was read since {@link begin} is without a backslash. */
export function isPlain(): boolean {
  return plain;
}

/** The first byte of the next value. */
export function next(): number {
  return bytes[at]!;
}

/** Whether the text goes on with these bytes, which are then read. */
export function skip(expected: Uint8Array): boolean {
  const from = at;
  for (let i = 0; i < expected.length; i++) if (bytes[from + i] !== expected[i]) return good = false;
  at = from + expected.length;
  return true;
}

/** Strings of up to so many bytes are looked for among those seen before. */
const SHORT_BYTES = 32;
const SEEN_STRINGS = 4096;
const seenTexts: string[] = new Array(SEEN_STRINGS).fill("");
const seenLengths = new Int32Array(SEEN_STRINGS);
const seenBytes = new Uint8Array(SEEN_STRINGS * SHORT_BYTES);

/** A string. */
export function string(): string {
  const b = bytes;
  if (b[at] !== QUOTE) return unread("");
  const from = at + 1;
  let hash = 0;
  let bits = 0;
  let i = from;
  for (let byte = b[i]!; byte !== QUOTE; byte = b[++i]!) {
    if (byte === BACKSLASH) return escaped(from - 1, i);
    if (!(byte >= SPACE)) return unread(""); // a control character, or the end
    bits |= byte;
    hash = Math.imul(hash, 31) + byte | 0;
  }
  at = i + 1;
  if (bits >= FIRST_NOT_ASCII) return notAscii(from, i);
  const length = i - from;
  if (length > SHORT_BYTES) return latin1Slice.call(b, from, i);
  const slot = (hash ^ hash >>> 12) & SEEN_STRINGS - 1;
  const seen = slot * SHORT_BYTES;
  if (seenLengths[slot] === length) {
    let same = 0;
    while (same < length && seenBytes[seen + same] === b[from + same]) same++;
    if (same === length) return seenTexts[slot]!;
  }
  for (let at = 0; at < length; at++) seenBytes[seen + at] = b[from + at]!;
  seenLengths[slot] = length;
  return seenTexts[slot] = latin1Slice.call(b, from, i);
}

function notAscii(from: number, to: number): string {
  ascii = false;
  return textOf(bytes.subarray(from, to)) ?? unread("");
}

/** The string whose opening quote is at `from`, and which has its first escape at `i`. */
function escaped(from: number, i: number): string {
  plain = false;
  const b = bytes;
  for (let byte = b[i]!; byte !== QUOTE; byte = b[++i]!) {
    if (byte === undefined) return unread("");
    if (byte === BACKSLASH) i++;
  }
  const text = textOf(b.subarray(from, i + 1));
  if (text === undefined) return unread("");
  at = i + 1;
  if (text.length !== at - from) ascii = false;
  try {
    return JSON.parse(text);
  } catch {
    return unread("");
  }
}

/** Powers of ten that a double holds exactly. */
const TENS = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** So many digits make a number below 2^53, which a double holds exactly: its quotient by a power of ten is then correctly rounded. */
const EXACT_DIGITS = 15;

/** A number. */
export function number(): number {
  const b = bytes;
  const from = at;
  let i = from;
  let byte = b[i]!;
  const isNegative = byte === MINUS;
  if (isNegative) byte = b[++i]!;
  const firstDigit = i;
  let digits = 0;
  while (byte >= ZERO && byte <= NINE) {
    digits = digits * 10 + (byte - ZERO);
    byte = b[++i]!;
  }
  let count = i - firstDigit;
  if (count === 0 || count > 1 && b[firstDigit] === ZERO) return unread(0);
  let fraction = 0;
  if (byte === POINT) {
    byte = b[++i]!;
    const firstOfFraction = i;
    while (byte >= ZERO && byte <= NINE) {
      digits = digits * 10 + (byte - ZERO);
      byte = b[++i]!;
    }
    fraction = i - firstOfFraction;
    if (fraction === 0) return unread(0);
    count += fraction;
  }
  if (count > EXACT_DIGITS || byte === LOWER_E || byte === UPPER_E) return longNumber(from, i);
  at = i;
  const value = fraction === 0 ? digits : digits / TENS[fraction]!;
  return isNegative ? -value : value;
}

/** The number that begins at `from`, of which the sign, the digits and the fraction end at `i`. */
function longNumber(from: number, i: number): number {
  const b = bytes;
  if (b[i] === LOWER_E || b[i] === UPPER_E) {
    i++;
    if (b[i] === PLUS || b[i] === MINUS) i++;
    const first = i;
    while (b[i]! >= ZERO && b[i]! <= NINE) i++;
    if (i === first) return unread(0);
  }
  at = i;
  const value = Number(latin1Slice.call(b, from, i));
  return Number.isFinite(value) ? value : unread(0);
}

const [TRUE, FALSE, NULL] = ["true", "false", "null"].map((word) => new TextEncoder().encode(word));

/** True or false. */
export function boolean(): boolean {
  if (bytes[at] === LETTER_T) return skip(TRUE!);
  skip(FALSE!);
  return false;
}

/** Null. */
export function nothing(): null {
  skip(NULL!);
  return null;
}

/** Longer objects and lists are left to who reads the whole text, and knows how deep they may nest. */
const LONGEST_INNER_BYTES = 1_000;

/** Any value. */
export function anything(): unknown {
  switch (bytes[at]) {
    case QUOTE:
      return string();
    case LETTER_T:
    case LETTER_F:
      return boolean();
    case LETTER_N:
      return nothing();
    case BRACE:
    case BRACKET:
      return inner();
    default:
      return number();
  }
}

/** An object or a list. */
function inner(): unknown {
  const from = at;
  const end = innerEnd(from);
  if (end === undefined || end - from > LONGEST_INNER_BYTES) return unread(null);
  const parsed = parseJson(bytes.subarray(from, end));
  if ("stage" in parsed) return unread(null);
  at = end;
  if (parsed.text.length !== end - from) ascii = false;
  if (parsed.text.includes("\\")) plain = false;
  return parsed.json;
}

/** Where the object or list ends that begins at `from`. */
function innerEnd(from: number): number | undefined {
  const b = bytes;
  let depth = 0;
  for (let i = from; i < b.length; i++) {
    switch (b[i]) {
      case QUOTE:
        for (i++; i < b.length && b[i] !== QUOTE; i++) if (b[i] === BACKSLASH) i++;
        break;
      case BRACE:
      case BRACKET:
        depth++;
        break;
      case BRACE_END:
      case BRACKET_END:
        if (--depth === 0) return i + 1;
    }
  }
  return undefined;
}

/** Whether a list goes on: reads the separator between two elements, or the end. The opening bracket is read. */
export function goesOn(separator: Uint8Array): boolean {
  if (bytes[at] === BRACKET_END) {
    at++;
    return false;
  }
  return bytes[at] === COMMA && skip(separator);
}

function unread<T>(value: T): T {
  good = false;
  return value;
}
