// What the log has at offsets that are in no table: a record, none, or nothing that can be read. Knows nothing of tables.
import type { Clock } from "../clock.ts";
import { LogDamagedError } from "../errors.ts";
import type { Generation, Log, LogBatch } from "./log.ts";

/** A stretch of a partition; `to` is exclusive. */
export interface OffsetRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/**
 * What the log has there: a record that can be read, the first of them; nothing but what cannot be read, or no record; or it
 * cannot be told, because the log no longer reaches back so far.
 */
export type InLog = { readonly kind: "record"; readonly offset: number; readonly timestamp: number } | {
  readonly kind: "none" | "unreadable" | "no longer there";
};

export interface LookUpOptions {
  readonly log: Log;
  readonly topic: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whether records of a damaged stretch, which can be told apart, count as such: what they say may be wrong. */
  readonly doubtsDamaged?: boolean;
}

/** How long a stretch is looked at, milliseconds. */
const PATIENCE_MS = 30_000;

/** Looks in the log, as a group of its own that commits nothing; `undefined` when the log took too long. */
export async function lookUp(
  stretch: OffsetRange,
  { log, topic, clock, signal, doubtsDamaged = false }: LookUpOptions,
): Promise<InLog | undefined> {
  const group = `freshet-doctor-${crypto.randomUUID()}`;
  await using members = await log.subscribe({ topic, group, signal });
  const generation = await members.nextGeneration();
  const bounds = await generation.bounds();
  const { low, high } = bounds.get(stretch.partition) ?? { low: 0, high: 0 };
  if (low >= stretch.to) return { kind: "no longer there" };
  const from = Math.max(stretch.from, low);
  const positions = new Map([...bounds].map(([partition, { high }]) => [partition, high]));
  await generation.start(positions.set(stretch.partition, Math.min(from, high)));
  return await readThrough(generation, { ...stretch, from, doubtsDamaged }, clock);
}

async function readThrough(
  generation: Generation,
  stretch: OffsetRange & Pick<LookUpOptions, "doubtsDamaged">,
  clock: Clock,
): Promise<InLog | undefined> {
  const { partition, from, to, doubtsDamaged } = stretch;
  let kind: "none" | "unreadable" = "none";
  for (const end = clock.monotonic() + PATIENCE_MS; clock.monotonic() < end;) {
    const batch = await nextOf(generation, stretch);
    if (batch === "unreadable") return { kind: batch };
    if (typeof batch === "number") {
      kind = "unreadable";
      if (batch >= to) return { kind };
      generation.skip(partition, batch);
      continue;
    }
    if (!batch) {
      if (generation.signal.aborted) return undefined;
      if (generation.caughtUp(partition)) return { kind };
      continue;
    }
    if (batch.partition !== partition) continue;
    const isDoubted = doubtsDamaged && batch.damage !== undefined;
    if (isDoubted) kind = "unreadable";
    const found = isDoubted ? undefined : batch.records.find(({ offset }) => offset >= from && offset < to);
    if (found) return { kind: "record", offset: found.offset, timestamp: found.timestamp };
    if (batch.nextOffset >= to) return { kind };
  }
  return undefined;
}

/** The next batch; or where what cannot be read ends; or "unreadable" where nobody knows. */
async function nextOf(
  generation: Generation,
  { partition }: OffsetRange,
): Promise<LogBatch | number | "unreadable" | undefined> {
  try {
    return await generation.next(1_000);
  } catch (error) {
    if (!(error instanceof LogDamagedError)) throw error;
    return error.damage.partition === partition ? error.damage.to ?? "unreadable" : undefined;
  }
}
