// Looks at single records of a topic: the first or the last of each partition.
import type { Log, LogRecord } from "../log/log.ts";

const PEEK_MS = 5_000;

/** The first or last record of each partition; `undefined` where there is none, or where it cannot be had in time. */
export async function peek(
  log: Log,
  topic: string,
  { which, group }: { readonly which: "first" | "last"; readonly group: string },
): Promise<readonly (LogRecord | undefined)[]> {
  const [info] = await log.topics([topic]);
  const found: (LogRecord | undefined)[] = (info?.partitions ?? []).map(() => undefined);
  if (!info || info.partitions.every(({ low, high }) => low === high)) return found;
  const done = new AbortController();
  await using members = await log.subscribe({ topic, group, signal: done.signal });
  const generation = await members.nextGeneration();
  const at = ({ low, high }: { low: number; high: number }) => which === "first" ? low : Math.max(low, high - 1);
  await generation.start(new Map(info.partitions.map((bounds, partition) => [partition, at(bounds)])));
  const waiting = new Set(info.partitions.flatMap(({ low, high }, partition) => low < high ? [partition] : []));
  while (waiting.size > 0) {
    const batch = await generation.next(PEEK_MS);
    if (!batch) break;
    found[batch.partition] ??= which === "first" ? batch.records[0] : batch.records.at(-1);
    waiting.delete(batch.partition);
  }
  done.abort();
  return found;
}
