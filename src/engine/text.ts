// From bytes to text, strictly: what is not UTF-8 is not text.

import { Buffer, isAscii, isUtf8 } from "node:buffer";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const { toString } = Buffer.prototype;

/** The bytes as text, or `undefined` when they are not UTF-8. A fatal TextDecoder takes three times as long. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (isAscii(bytes)) return toString.call(bytes, "latin1");
  return isUtf8(bytes) ? utf8.decode(bytes) : undefined;
}

/** The bytes as text: as they are, or in base64 where they are not UTF-8. */
export function printable(bytes: Uint8Array): { readonly text: string; readonly encoding: "utf-8" | "base64" } {
  const text = textOf(bytes);
  return text === undefined ? { text: bytes.toBase64(), encoding: "base64" } : { text, encoding: "utf-8" };
}
