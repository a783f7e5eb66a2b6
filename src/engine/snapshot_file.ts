// The file of a snapshot: a header, what was saved, and a checksum of both. Must not know what they mean.

import { crc32 } from "node:zlib";
import type { ByteSink, ByteSource } from "@freshet/stream";

const BLOCK_BYTES = 1024 * 1024;
/** Of the checksum, and of the header's length. */
const WORD_BYTES = 4;

const wordOf = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);

/** Writes the file. Throws when there is no room. */
export function writeSnapshot(path: string, header: unknown, save: (sink: ByteSink) => void): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
  let checksum = 0;
  const write = (bytes: Uint8Array) => {
    checksum = crc32(bytes, checksum);
    for (let from = 0; from < bytes.length;) from += file.writeSync(bytes.subarray(from));
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  write(wordOf(text.length));
  write(text);
  save({ write });
  write(wordOf(checksum));
}

/** Hands out the header, and behind it what was saved. Throws when the file is not whole. */
export function readSnapshot<T>(path: string, load: (header: unknown, source: ByteSource) => T): T {
  using file = Deno.openSync(path, { read: true });
  let left = file.statSync().size;
  const read = (into: Uint8Array) => {
    if ((left -= into.length) < 0) throw new Error("The snapshot is shorter than it says");
    for (let from = 0; from < into.length;) {
      const bytes = file.readSync(into.subarray(from));
      if (bytes === null) throw new Error("The snapshot has become shorter");
      from += bytes;
    }
  };
  checkSum(left, read);
  left = file.statSync().size - WORD_BYTES;
  file.seekSync(0, Deno.SeekMode.Start);
  const text = new Uint8Array(readWord(read));
  read(text);
  return load(JSON.parse(new TextDecoder().decode(text)), { read });
}

function checkSum(size: number, read: (into: Uint8Array) => void): void {
  const block = new Uint8Array(BLOCK_BYTES);
  let checksum = 0;
  for (let left = size - WORD_BYTES; left > 0; left -= block.length) {
    const bytes = block.subarray(0, Math.min(left, block.length));
    read(bytes);
    checksum = crc32(bytes, checksum);
  }
  if (readWord(read) !== checksum) throw new Error("The snapshot is damaged");
}

function readWord(read: (into: Uint8Array) => void): number {
  const word = new Uint32Array(1);
  read(new Uint8Array(word.buffer));
  return word[0]!;
}
