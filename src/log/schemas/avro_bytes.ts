// Reads the primitive values of Avro's binary encoding, and never beyond the end. Knows no schemas.
//
// Source: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding

import { Buffer, isUtf8 } from "node:buffer";
import { UnreadableValueError } from "../../errors.ts";
import { mismatch, stringText } from "./json_text.ts";

/** Values that are nested deeper are given up: a schema may name itself. */
const MAX_DEPTH = 500;
/** A number's bytes hold 7 bits each; so many fit into a number of JavaScript, and so many there may be. */
const SAFE_BYTES = 7;
const MAX_VARINT_BYTES = 10;
const MOST_BITS = 1n << 64n;
const INT_LIMIT = 2 ** 31;
const { toString } = Buffer.prototype;
const [SPACE, QUOTE, BACKSLASH, LAST_OF_ASCII] = [32, 34, 92, 126];

export class AvroBytes {
  #at = 0;
  #depth = 0;
  readonly #view: DataView;
  #text: string | undefined;

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  /** Called on the way into a value of several, and {@link leave} on the way out. */
  enter(): void {
    if (++this.#depth > MAX_DEPTH) {
      throw new UnreadableValueError("nested_too_deep", `The value is nested deeper than ${MAX_DEPTH} levels`);
    }
  }

  leave(): void {
    this.#depth--;
  }

  boolean(): boolean {
    const byte = this.bytes[this.#take(1)]!;
    if (byte > 1) throw mismatch(`A boolean is the byte ${byte}`);
    return byte === 1;
  }

  int(): number {
    const value = this.long();
    if (typeof value === "bigint" || value >= INT_LIMIT || value < -INT_LIMIT) {
      throw mismatch(`An int is ${value}`);
    }
    return value;
  }

  /** A number where that holds it exactly. */
  long(): number | bigint {
    let [zigzag, factor] = [0, 1];
    for (let i = 0; i < SAFE_BYTES; i++) {
      const byte = this.bytes[this.#take(1)]!;
      zigzag += (byte & 127) * factor;
      if (byte < 128) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      factor *= 128;
    }
    return this.#rest(BigInt(zigzag));
  }

  float(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** So many bytes. */
  fixed(size: number): Uint8Array {
    const at = this.#take(size);
    return this.bytes.subarray(at, at + size);
  }

  sized(): Uint8Array {
    return this.fixed(this.size());
  }

  /** A string as JSON text. What is plain is cut out of one text of all bytes, which costs a fraction of a call for each. */
  quotedString(): string {
    const { bytes } = this;
    const start = this.#take(this.size());
    const end = this.#at;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte < SPACE || byte > LAST_OF_ASCII || byte === QUOTE || byte === BACKSLASH) {
        return encodedText(bytes.subarray(start, end));
      }
    }
    const text = this.#text ??= toString.call(bytes, "latin1");
    return `"${text.slice(start, end)}"`;
  }

  /** A length or a count that is not negative. */
  size(): number {
    const size = this.long();
    if (typeof size === "bigint" || size < 0) throw mismatch(`A length is ${size}`);
    return size;
  }

  /** How many items the next block of a list or map has; 0 at its end. */
  block(): number {
    const count = this.long();
    if (typeof count === "bigint") throw mismatch(`A list has a block of ${count} items`);
    // A negative count has the block's size in bytes behind it, for those who skip it.
    if (count < 0) this.size();
    return Math.abs(count);
  }

  /** The long whose first 49 bits are given. */
  #rest(bits: bigint): number | bigint {
    for (let i = SAFE_BYTES; i < MAX_VARINT_BYTES; i++) {
      const byte = this.bytes[this.#take(1)]!;
      bits |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte >= 128) continue;
      if (bits >= MOST_BITS) break;
      const value = (bits >> 1n) ^ -(bits & 1n);
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    }
    throw mismatch("A number has more than 64 bits");
  }

  /** Where the next `size` bytes begin, which are then behind. */
  #take(size: number): number {
    const at = this.#at;
    if (size > this.bytes.length - at) {
      throw mismatch(`The value ends after ${this.bytes.length} bytes, within a field`);
    }
    this.#at = at + size;
    return at;
  }
}

function encodedText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw mismatch("A string is not UTF-8");
  return stringText(toString.call(bytes, "utf8"));
}
