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

/** Bytes of a record batch, to be changed in place. */
export type Change = (batch: Buffer) => void;

/** Flips a bit of the last record. */
export const flipBit: Change = (batch) => void (batch[batch.length - 1]! ^= 1);

/** Changes the batch that holds the offset, and starts the broker again. */
export async function damageBatch(broker: KafkaBroker, spot: Spot, change: Change): Promise<void> {
  await broker.end("SIGTERM");
  try {
    const path = segmentOf(broker, spot);
    const file = Buffer.from(await Deno.readFile(path));
    change(batchOf(file, spot.offset).batch);
    await Deno.writeFile(path, file);
  } finally {
    await broker.resume();
  }
}

/**
 * Ends the partition before the batch that holds the offset, as one does whose leader lagged behind. The broker takes stock
 * of its files anew, as after a crash: it would cut off what is damaged in them, too.
 */
export async function cutBefore(broker: KafkaBroker, spot: Spot): Promise<void> {
  await broker.end("SIGTERM");
  try {
    const path = segmentOf(broker, spot);
    const file = Buffer.from(await Deno.readFile(path));
    await Deno.writeFile(path, file.subarray(0, batchOf(file, spot.offset).at));
    const folder = path.slice(0, path.lastIndexOf("/"));
    for await (const { name } of Deno.readDir(folder)) {
      if (/\.(index|timeindex|snapshot)$/.test(name)) await Deno.remove(`${folder}/${name}`);
    }
    await Deno.remove(`${broker.folder}/data/.kafka_cleanshutdown`);
  } finally {
    await broker.resume();
  }
}

const segmentOf = ({ folder }: KafkaBroker, { topic, partition }: Spot) =>
  `${folder}/data/${topic}-${partition}/00000000000000000000.log`;

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
