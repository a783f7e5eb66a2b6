// `freshet skip` for a topic that a domain reads a keyed copy of: the copy goes on behind what cannot be read, with the gap on
// record. Where it has come is in the offsets of its group; a copy that is being made here is told. A topic that ends before what
// is copied of it is copied from where somebody says: what it has there now is not what was copied.

import { type Gap, gapUpsert } from "./engine/gap.ts";
import {
  isRecorded,
  reasonFor,
  type SkipOptions,
  type Skipped,
  SkipRefusedError,
  type SkipRequest,
} from "./engine/skip.ts";
import { LogUnavailableError } from "./errors.ts";
import type { Domain } from "./domains/domain.ts";
import { copyGroupOf, type KeyedCopy } from "./keyed_copy.ts";

/** How long the group's offset is tried to be moved, and the pause between tries, milliseconds. */
const PATIENCE_MS = 15_000;
const PAUSE_MS = 100;

export interface CopySkipOptions extends Omit<SkipOptions, "domain"> {
  readonly domain: Domain;
  /** Where the copy is being made in this process. */
  readonly copy?: KeyedCopy;
}

/** Errors: those of `skipOffsets`. */
export async function skipCopied(request: SkipRequest, options: CopySkipOptions): Promise<Skipped> {
  const { copy, warehouse, clock, domain: { name } } = options;
  const { topic, partition, from, to } = request;
  const reader = { name, topic };
  const place = await placeOf(request, options);
  const { position } = place;
  const wasRecorded = await isRecorded(request, { warehouse, domain: reader });
  if (position > place.high) return await backTo(request, { ...options, place, wasRecorded });
  const wasTruncation = wasRecorded && await isRecorded(request, { warehouse, domain: reader, reason: "truncated" });
  if (wasRecorded && (position >= to || wasTruncation)) return "recorded before";
  checkPosition(request, position);
  if (copy && !copy.stopAt(partition)) {
    throw new SkipRefusedError(
      `The copy of partition ${partition} of "${topic}" has not stopped: there is nothing to skip`,
    );
  }
  const reason = await reasonFor(request, { ...options, doubtsDamaged: true });
  const gap: Gap = { partition, from, to, reason, why: "chosen by hand", by: "freshet skip", at: clock.now() };
  if (!wasRecorded) await record(options, reader, gap);
  await goOn(request, options, to);
  return wasRecorded ? "recorded before" : "recorded";
}

interface Beyond extends CopySkipOptions {
  readonly place: Place;
  readonly wasRecorded: boolean;
}

/** The topic ends before what is copied of it. Errors: `SkipRefusedError` where that is not what is asked for. */
async function backTo(request: SkipRequest, options: Beyond): Promise<Skipped> {
  const { place: { low, high, position }, wasRecorded, clock, domain } = options;
  const { topic, partition, from, to } = request;
  if (to !== position || from < low || from > high) {
    throw new SkipRefusedError(
      `Partition ${partition} of "${topic}" holds offsets ${low} to ${high}, and is copied up to ${position}: ` +
        `<to> is ${position}, and <from> where it is to be copied from, ${low} to ${high}`,
    );
  }
  const why = "chosen by hand: what comes from there on is copied";
  const gap: Gap = { partition, from, to, reason: "truncated", why, by: "freshet skip", at: clock.now() };
  if (!wasRecorded) await record(options, { name: domain.name, topic }, gap);
  await goOn(request, options, from);
  return "copied from";
}

/** The copy goes on at the offset. */
async function goOn(request: SkipRequest, options: CopySkipOptions, offset: number): Promise<void> {
  if (options.copy) options.copy.goOn(request.partition, offset);
  else await moveGroup(request, options, offset);
}

/** The same for whichever of the copies is of the topic; other topics are left to `skip`. */
export function skipInCopies(
  skip: (request: SkipRequest) => Promise<Skipped>,
  { copies, ...options }: Omit<SkipOptions, "domain"> & { readonly copies: ReadonlyMap<Domain, KeyedCopy> },
): (request: SkipRequest) => Promise<Skipped> {
  return async (request) => {
    for (const [domain, copy] of copies) {
      if (copy.source === request.topic) return await skipCopied(request, { ...options, domain, copy });
    }
    return await skip(request);
  };
}

/** Where the copy has stopped, or where it has come, and what the topic holds; `Infinity` where nobody knows its end. */
interface Place {
  readonly position: number;
  readonly low: number;
  readonly high: number;
}

async function placeOf({ topic, partition }: SkipRequest, { log, domain, copy }: CopySkipOptions): Promise<Place> {
  const stop = copy?.stopAt(partition);
  if (stop?.beginsAt !== undefined) return { position: stop.to!, low: stop.beginsAt, high: stop.from };
  const [info] = await log.topics([topic]);
  const bounds = info?.partitions[partition];
  const { low, high } = bounds && !bounds.isUnknown ? bounds : { low: 0, high: Infinity };
  if (stop) return { position: stop.from, low, high: Infinity };
  const committed = info && (await log.committed(topic, copyGroupOf(domain))).get(partition);
  return { position: committed ?? low, low, high };
}

function checkPosition({ topic, partition, from, to }: SkipRequest, position: number): void {
  if (to <= from) {
    throw new SkipRefusedError(`There is nothing to skip from ${from} to ${to}: <to> is the first offset to read`);
  }
  if (position === from) return;
  const at = `partition ${partition} of "${topic}"`;
  throw new SkipRefusedError(
    position < from
      ? `The copy of ${at} has come to offset ${position}, not ${from}: start "freshet run", and skip when it has stopped there`
      : `The copy of ${at} is at offset ${position}, past ${from} already, and never goes back`,
  );
}

async function record(
  { warehouse }: CopySkipOptions,
  reader: { readonly name: string; readonly topic: string },
  gap: Gap,
) {
  await using writer = await warehouse.writer(reader.name);
  await writer.commit({
    ...{ topic: reader.topic, appends: [], deletes: [], state: [], moves: [] },
    upserts: [gapUpsert(reader, gap)],
  });
}

/** A process elsewhere that makes the copy sees it as a member that joins, and goes on from there. */
async function moveGroup(
  { topic, partition }: SkipRequest,
  { log, domain, clock, signal }: CopySkipOptions,
  offset: number,
): Promise<void> {
  const group = copyGroupOf(domain);
  await using members = await log.subscribe({ topic, group, signal });
  let generation = await members.nextGeneration();
  for (const giveUpAt = clock.monotonic() + PATIENCE_MS; clock.monotonic() < giveUpAt;) {
    if (generation.signal.aborted) generation = await members.nextGeneration();
    if (!generation.partitions.includes(partition)) {
      throw new SkipRefusedError(`Another process makes the copy of "${topic}": skip where it runs, or stop it first`);
    }
    // A member that has just joined may not be able to commit yet, and whether it did is told nowhere else.
    await generation.commit(new Map([[partition, offset]]));
    if ((await log.committed(topic, group)).get(partition) === offset) return;
    await clock.sleep(PAUSE_MS, signal);
  }
  throw new LogUnavailableError(`The offsets of the group "${group}" were not moved: try again`);
}
