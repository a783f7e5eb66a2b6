// From bytes to text, strictly: what is not UTF-8 is not text.

import { Buffer, isAscii, isUtf8 } from "node:buffer";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const { toString } = Buffer.prototype;

/** The bytes as text, or `undefined` when they are not UTF-8. A fatal TextDecoder takes three times as long. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (isAscii(bytes)) return toString.call(bytes, "latin1");
  return isUtf8(bytes) ? utf8.decode(bytes) : undefined;
}

/** Reads bytes as text, or says `undefined` when they are not UTF-8. */
export type ReadText = (bytes: Uint8Array) => string | undefined;

/** Longer stretches are not worth their copy: records lie close together, or they do not lie in one. */
const MAX_STRETCH_BYTES = 4 * 1024 * 1024;

/**
 * Reads views of one buffer that lie close together, as the keys and values of a batch do, from `first` to `last`: as much
 * of it as is ASCII is cut out of one text, which costs a fraction of a call for each. As good as {@link textOf} for any
 * other bytes. The buffer must not change meanwhile.
 */
export function reading(first: Uint8Array | null | undefined, last: Uint8Array | null | undefined): ReadText {
  if (!first || !last || first.buffer !== last.buffer) return textOf;
  const { buffer } = first;
  const from = first.byteOffset;
  const to = last.byteOffset + last.length;
  if (to <= from || to - from > MAX_STRETCH_BYTES) return textOf;
  const text = toString.call(new Uint8Array(buffer, from, to - from), "latin1");
  const words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  return (bytes) => {
    const start = bytes.byteOffset;
    const end = start + bytes.length;
    if (bytes.buffer !== buffer || start < from || end > to || !allAscii(bytes, words)) return textOf(bytes);
    return text.slice(start - from, end - from);
  };
}

/** Whether no byte has its highest bit set; `words` are the whole buffer. */
function allAscii(bytes: Uint8Array, words: Int32Array): boolean {
  const start = bytes.byteOffset;
  const end = start + bytes.length;
  const firstWord = (start + 3) >>> 2;
  const endWord = end >>> 2;
  let bits = 0;
  for (let at = firstWord; at < endWord; at++) bits |= words[at]!;
  if ((bits & 0x80808080) !== 0) return false;
  const edge = Math.min(end, firstWord << 2);
  for (let at = start; at < edge; at++) bits |= bytes[at - start]!;
  for (let at = Math.max(endWord << 2, edge); at < end; at++) bits |= bytes[at - start]!;
  return (bits & 0x80) === 0;
}

/** The bytes as text: as they are, or in base64 where they are not UTF-8. */
export function printable(
  bytes: Uint8Array,
  read: ReadText = textOf,
): { readonly text: string; readonly encoding: "utf-8" | "base64" } {
  const text = read(bytes);
  return text === undefined ? { text: bytes.toBase64(), encoding: "base64" } : { text, encoding: "utf-8" };
}
