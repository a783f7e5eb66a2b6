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
/** The buffer that the text lies in, the same for all records of a batch. */
let buffer: ArrayBufferLike = bytes.buffer;
let view = new DataView(buffer);
/** Where the text begins in it. */
let start = 0;
let at = 0;
let good = true;
let ascii = true;
let plain = true;

/**
 * Begins to read a text, of which the bytes between its values are ASCII or not, and without a backslash or not. Returns the
 * view by which {@link reach} places are compared.
 */
export function begin(text: Uint8Array, isAscii: boolean, isPlain: boolean): DataView {
  bytes = text;
  const of = text.buffer;
  if (of !== buffer) [buffer, view] = [of, new DataView(of)];
  start = text.byteOffset;
  at = 0;
  good = true;
  ascii = isAscii;
  plain = isPlain;
  return view;
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

/** Goes so many bytes on. Returns where they begin in the view, -1 when there are fewer. */
export function reach(length: number): number {
  const from = at;
  at += length;
  return at <= bytes.length ? start + from : -1;
}

/** Whether the text goes on with these bytes, which are then read. */
export function skip(expected: Uint8Array): boolean {
  const from = at;
  for (let i = 0; i < expected.length; i++) if (bytes[from + i] !== expected[i]) return good = false;
  at = from + expected.length;
  return true;
}

/** Strings of up to so many bytes are looked for among those seen before: ids and words are, times are a little longer. */
const SHORT_BYTES = 20;
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
  if (length > SHORT_BYTES) return asciiText(b, from, length);
  const slot = (hash ^ hash >>> 12) & SEEN_STRINGS - 1;
  const seen = slot * SHORT_BYTES;
  if (seenLengths[slot] === length) {
    let same = 0;
    while (same < length && seenBytes[seen + same] === b[from + same]) same++;
    if (same === length) return seenTexts[slot]!;
  }
  for (let at = 0; at < length; at++) seenBytes[seen + at] = b[from + at]!;
  seenLengths[slot] = length;
  return seenTexts[slot] = asciiText(b, from, length);
}

/** Longer texts are made by a call into the runtime, which is dearer, but not by the byte. */
const LONGEST_BY_CODES = 32;
/** Makes a text of so many bytes out of its codes. */
type FromCodes = (bytes: Uint8Array, from: number) => string;
const textsByCodes: (FromCodes | undefined)[] = [];

/** Bytes that are ASCII as text. */
function asciiText(b: Uint8Array, from: number, length: number): string {
  if (length > LONGEST_BY_CODES) return latin1Slice.call(b, from, from + length);
  return (textsByCodes[length] ??= fromCodes(length))(b, from);
}

function fromCodes(length: number): FromCodes {
  const codes = Array.from({ length }, (_, i) => `bytes[from + ${i}]`);
  return new Function("bytes", "from", `return String.fromCharCode(${codes.join(", ")});`) as FromCodes;
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
/** Digits after the first {@link EXACT_DIGITS} that can be had exactly too: then the whole is below 10^19. */
const MORE_DIGITS = 4;

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
  let more = Math.max(0, count - EXACT_DIGITS);
  let tail = 0;
  if (byte === POINT) {
    byte = b[++i]!;
    const firstOfFraction = i;
    const lastExact = i + EXACT_DIGITS - count;
    while (byte >= ZERO && byte <= NINE && i < lastExact) {
      digits = digits * 10 + (byte - ZERO);
      byte = b[++i]!;
    }
    const firstOfTail = i;
    while (byte >= ZERO && byte <= NINE) {
      tail = tail * 10 + (byte - ZERO);
      byte = b[++i]!;
    }
    fraction = i - firstOfFraction;
    if (fraction === 0) return unread(0);
    count += fraction;
    more += i - firstOfTail;
  }
  if (byte === LOWER_E || byte === UPPER_E) return anyNumber(from, i);
  at = i;
  let value: number;
  if (more === 0) value = fraction === 0 ? digits : digits / TENS[fraction]!;
  else if (fraction === 0 && digits <= Number.MAX_SAFE_INTEGER) value = digits; // has stayed exact
  else {
    // Programs write so many digits of what they have computed.
    value = more > MORE_DIGITS || count - fraction > EXACT_DIGITS ? NaN : quotientOf(digits, tail, more, fraction);
    if (Number.isNaN(value)) return anyNumber(from, i);
  }
  return isNegative ? -value : value;
}

/** Splits a double in two halves of 26 bits (Veltkamp). */
const SPLITTER = 2 ** 27 + 1;
/** A bound far above what the remainder of a quotient may be wrong by, of itself. */
const DOUBT = 2 ** -40;

/**
 * The double nearest to the digits of `head`, of which there are at most {@link EXACT_DIGITS}, and the `more` ones of `tail`, with
 * the point before the last `fraction` of them; `NaN` where it is not sure. The digits are the exact sum of two doubles, and so is
 * their quotient but for a last remainder: where all that this may be wrong by leads to the same double, that is the nearest one
 * (Ziv's test).
 */
function quotientOf(head: number, tail: number, more: number, fraction: number): number {
  if (fraction >= TENS.length) return NaN;
  const scale = TENS[more]!;
  const divisor = TENS[fraction]!;
  const shifted = head * scale;
  const whole = shifted + tail;
  // What the product and the sum have lost, exactly: all are whole numbers below 2^64, of which `whole` has 53 bits.
  const rest = productError(shifted, head, scale) + (tail - (whole - shifted));
  const quotient = whole / divisor;
  const product = quotient * divisor;
  const remainder = whole - product - productError(product, quotient, divisor) + rest;
  return nearest(quotient, remainder / divisor);
}

/** What `product`, which is a × b rounded, lacks of it (Dekker). */
function productError(product: number, a: number, b: number): number {
  const aHigh = SPLITTER * a - (SPLITTER * a - a);
  const bHigh = SPLITTER * b - (SPLITTER * b - b);
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** The double nearest to `value` and a small `rest`, `NaN` where doubt of the rest leaves it open. */
function nearest(value: number, rest: number): number {
  const low = value + (rest - Math.abs(rest) * DOUBT);
  return low === value + (rest + Math.abs(rest) * DOUBT) ? low : NaN;
}

/** Any number: it begins at `from`, and its sign, digits and fraction end at `i`. */
function anyNumber(from: number, i: number): number {
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
  return bytes[at] === COMMA ? skip(separator) : unread(false);
}

function unread<T>(value: T): T {
  good = false;
  return value;
}
