// Damages a segment of a topic in the files of a broker, which is stopped for it in good order: after a crash it would look for
// damage itself, and cut the log there.

import { Buffer } from "node:buffer";
import type { KafkaBroker } from "./broker.ts";

/** Where to damage it. */
export interface Spot {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Bytes of a record batch, to be changed in place; or how many bytes of it stay, where the file is to end in it. */
export type Change = (batch: Buffer) => void | number;

/** Flips a bit of the last record. */
export const flipBit: Change = (batch) => void (batch[batch.length - 1]! ^= 1);

/** Changes the batch that holds the offset, and starts the broker again. */
export async function damageBatch(broker: KafkaBroker, spot: Spot, change: Change): Promise<void> {
  await broker.end("SIGTERM");
  try {
    const path = `${broker.folder}/data/${spot.topic}-${spot.partition}/00000000000000000000.log`;
    const file = Buffer.from(await Deno.readFile(path));
    const { at, batch } = batchOf(file, spot.offset);
    const kept = change(batch);
    await Deno.writeFile(path, kept === undefined ? file : file.subarray(0, at + kept));
  } finally {
    await broker.resume();
  }
}

function batchOf(file: Buffer, offset: number): { readonly at: number; readonly batch: Buffer } {
  for (let at = 0; at < file.length;) {
    const end = at + 12 + file.readInt32BE(at + 8);
    if (Number(file.readBigInt64BE(at)) + file.readInt32BE(at + 23) >= offset) {
      return { at, batch: file.subarray(at, end) };
    }
    at = end;
  }
  throw new RangeError(`No batch holds offset ${offset}`);
}
