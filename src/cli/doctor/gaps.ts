// Offsets that are in no table: whether the log has records there, which then were lost, or none either.
import type { Clock } from "../../clock.ts";
import type { Generation, Log } from "../../log/log.ts";

/** Offsets of a partition that are in no table; `to` is exclusive. */
export interface Gap {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** What the log has where a gap is: a record; none; or it cannot be told, because the log no longer reaches back so far. */
export type InLog = { readonly kind: "record"; readonly offset: number } | {
  readonly kind: "none" | "no longer there";
};

export interface GapOptions {
  readonly log: Log;
  readonly topic: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long a gap is looked at, milliseconds. */
const PATIENCE_MS = 30_000;

/** Looks a gap up in the log, as a group of its own that commits nothing; `undefined` when the log took too long. */
export async function lookUp(gap: Gap, { log, topic, clock, signal }: GapOptions): Promise<InLog | undefined> {
  const group = `freshet-doctor-${crypto.randomUUID()}`;
  await using members = await log.subscribe({ topic, group, signal });
  const generation = await members.nextGeneration();
  const bounds = await generation.bounds();
  const { low, high } = bounds.get(gap.partition) ?? { low: 0, high: 0 };
  if (low >= gap.to) return { kind: "no longer there" };
  const from = Math.max(gap.from, low);
  const positions = new Map([...bounds].map(([partition, { high }]) => [partition, high]));
  await generation.start(positions.set(gap.partition, Math.min(from, high)));
  return await readThrough(generation, { ...gap, from }, clock);
}

async function readThrough(generation: Generation, gap: Gap, clock: Clock): Promise<InLog | undefined> {
  for (const end = clock.monotonic() + PATIENCE_MS; clock.monotonic() < end;) {
    const batch = await generation.next(1_000);
    if (!batch) {
      if (generation.signal.aborted) return undefined;
      if (generation.caughtUp(gap.partition)) return { kind: "none" };
      continue;
    }
    if (batch.partition !== gap.partition) continue;
    const found = batch.records.find(({ offset }) => offset >= gap.from && offset < gap.to);
    if (found) return { kind: "record", offset: found.offset };
    if (batch.nextOffset >= gap.to) return { kind: "none" };
  }
  return undefined;
}
