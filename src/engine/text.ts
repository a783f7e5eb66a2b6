// From bytes to text, strictly: what is not UTF-8 is not text.

import { Buffer, isAscii, isUtf8 } from "node:buffer";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const { toString } = Buffer.prototype;

/** The bytes as text, or `undefined` when they are not UTF-8. A fatal TextDecoder takes three times as long. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (isAscii(bytes)) return toString.call(bytes, "latin1");
  return isUtf8(bytes) ? utf8.decode(bytes) : undefined;
}

/** Whether the bytes are UTF-8. */
export function isText(bytes: Uint8Array): boolean {
  return isUtf8(bytes);
}

/** Reads bytes as text. */
export interface TextReader {
  /** The bytes as text, or `undefined` when they are not UTF-8. */
  read(bytes: Uint8Array): string | undefined;
  /** What {@link namesAtMost} says of the text read last, where that fell out of the reading. */
  readonly namesAtMost: number | undefined;
}

/** Reads each by itself. */
export const oneByOne: TextReader = { read: textOf, namesAtMost: undefined };

/** Names of members end in a quote, white space, and a colon: up to this character, of which none is a letter or digit. */
const LAST_BEFORE_COLON = 34;

/** At most so many names does a JSON text have: as many colons as come after a quote or white space. */
export function namesAtMost(text: string): number {
  let names = 0;
  for (let i = text.indexOf(":"); i >= 0; i = text.indexOf(":", i + 1)) {
    if (text.charCodeAt(i - 1) <= LAST_BEFORE_COLON) names++;
  }
  return names;
}

/** Longer stretches are not worth their copy: records lie close together, or they do not lie in one. */
const MAX_STRETCH_BYTES = 4 * 1024 * 1024;

/**
 * Reads views of one buffer that lie close together, as the keys and values of a batch do, from `first` to `last`: as much
 * of it as is ASCII is cut out of one text, which costs a fraction of a call for each. As good as {@link textOf} for any
 * other bytes. The buffer must not change meanwhile.
 */
export function reading(first: Uint8Array | null | undefined, last: Uint8Array | null | undefined): TextReader {
  if (!first || !last || first.buffer !== last.buffer) return oneByOne;
  const from = first.byteOffset;
  const to = last.byteOffset + last.length;
  return to <= from || to - from > MAX_STRETCH_BYTES ? oneByOne : new StretchReader(first.buffer, from, to);
}

class StretchReader implements TextReader {
  namesAtMost: number | undefined;
  /** Made when it is first needed: most batches are read by their schema alone. */
  #text: string | undefined;
  /** The whole buffer. */
  #words: Int32Array | undefined;

  constructor(private readonly buffer: ArrayBufferLike, private readonly from: number, private readonly to: number) {}

  read(bytes: Uint8Array): string | undefined {
    this.namesAtMost = undefined;
    if (!this.#holds(bytes)) return textOf(bytes);
    this.#words ??= new Int32Array(this.buffer, 0, this.buffer.byteLength >>> 2);
    const names = namesInAscii(bytes, this.#words);
    if (names < 0) return textOf(bytes);
    this.namesAtMost = names;
    return this.#cut(bytes);
  }

  #holds({ buffer, byteOffset, length }: Uint8Array): boolean {
    return buffer === this.buffer && byteOffset >= this.from && byteOffset + length <= this.to;
  }

  #cut({ byteOffset, length }: Uint8Array): string {
    const start = byteOffset - this.from;
    const text = this.#text ??= toString.call(new Uint8Array(this.buffer, this.from, this.to - this.from), "latin1");
    return text.slice(start, start + length);
  }
}

/** Four bytes that are each `byte`. */
const fourOf = (byte: number) => Math.imul(byte, 0x01010101);
const [COLON, HIGHEST_BITS] = [58, fourOf(0x80)];
const COLONS = fourOf(COLON);
/** Added to a byte below 128 it sets the highest bit of all but 0. */
const NOT_ZERO = fourOf(0x7f);
/** Added to a byte below 128 it sets the highest bit of those that cannot be before the colon of a name. */
const NOT_BEFORE_COLON = fourOf(0x7f - LAST_BEFORE_COLON);
/** So many can be counted in the bytes of a word. */
const COUNTED_WORDS = 255;

/**
 * {@link namesAtMost} of ASCII bytes, or -1 where one has its highest bit set; `words` are the whole buffer. Looks at four
 * bytes at a time, which costs a third of looking for colons in the text. A colon at the very beginning of the words counts
 * whatever is before it: that is too many, never too few.
 */
function namesInAscii(bytes: Uint8Array, words: Int32Array): number {
  const start = bytes.byteOffset;
  const end = start + bytes.length;
  const firstWord = (start + 3) >>> 2;
  const endWord = end >>> 2;
  let [bits, names, before] = [0, 0, 0];
  for (let at = firstWord; at < endWord;) {
    const stop = Math.min(endWord, at + COUNTED_WORDS);
    names += 4 * (stop - at);
    let others = 0;
    for (; at < stop; at++) {
      const word = words[at]!;
      bits |= word;
      // The first byte in memory is the lowest one.
      const isNone = ((word ^ COLONS) + NOT_ZERO) | ((word << 8 | before) + NOT_BEFORE_COLON);
      before = word >>> 24;
      others = (others + ((isNone >>> 7) & 0x01010101)) | 0;
    }
    names -= (others & 255) + ((others >>> 8) & 255) + ((others >>> 16) & 255) + (others >>> 24);
  }
  if ((bits & HIGHEST_BITS) !== 0) return -1;
  const edge = Math.min(end, firstWord << 2);
  for (let at = 0; at < edge - start; at++) {
    const byte = bytes[at]!;
    bits |= byte;
    if (byte === COLON && at > 0 && bytes[at - 1]! <= LAST_BEFORE_COLON) names++;
  }
  for (let at = Math.max(endWord << 2, edge) - start; at < end - start; at++) {
    const byte = bytes[at]!;
    bits |= byte;
    if (byte === COLON && at > 0 && bytes[at - 1]! <= LAST_BEFORE_COLON) names++;
  }
  return (bits & 0x80) === 0 ? names : -1;
}

/** The bytes as text: as they are, or in base64 where they are not UTF-8. */
export function printable(
  bytes: Uint8Array,
  reader: TextReader = oneByOne,
): { readonly text: string; readonly encoding: "utf-8" | "base64" } {
  const text = reader.read(bytes);
  return text === undefined ? { text: bytes.toBase64(), encoding: "base64" } : { text, encoding: "utf-8" };
}
