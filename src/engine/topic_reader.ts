// Looks at records of a topic: the last, those from an offset on, and those that come. Reads as a group of its own that commits
// nothing, and leaves no trace. Must not know who looks.

import type { Clock } from "../clock.ts";
import type { Generation, HeaderValue, Log, LogRecord, TopicInfo } from "../log/log.ts";
import { decodeJson } from "./decode.ts";
import { printable } from "./text.ts";
import type { RecordText, TopicSource } from "./topic_records.ts";

/** A record with where it is. */
export interface Found {
  readonly partition: number;
  readonly record: LogRecord;
}

export interface TopicLook {
  /** What the log said of the topic. */
  readonly info: TopicInfo;
  /** Of these partitions only; of all when it is left out. */
  readonly partition?: number;
  /** From this offset of each partition on; the last `last` when it is left out. */
  readonly from?: number;
  /** So many of the last records. */
  readonly last: number;
  /** Only records with this key, as text. */
  readonly key?: string;
  /** Whether to go on with what comes, until the signal is aborted or nobody asks for more. */
  readonly follow?: boolean;
}

export interface TopicReading {
  readonly log: Pick<Log, "subscribe">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly signal: AbortSignal;
}

const WAIT_MS = 500;
/** Without a record for so long the log has no more of what it said it has: offsets may have gaps. */
const PATIENCE_MS = 5_000;

/**
 * The records, a list at a time: the last ones in the order of their times, all others as they come. Ends when all there was
 * has been read, or with the signal; an empty list while nothing comes. Errors: those of the log.
 */
export async function* readTopic(look: TopicLook, options: TopicReading): AsyncGenerator<readonly Found[]> {
  const { log, signal } = options;
  const stop = new AbortController();
  const group = `freshet-tail-${crypto.randomUUID()}`;
  const { topic } = look.info;
  await using members = await log.subscribe({ topic, group, signal: AbortSignal.any([stop.signal, signal]) });
  try {
    const generation = await members.nextGeneration();
    const starts = startsOf(look);
    await generation.start(starts);
    yield* readThere(generation, starts, { look, options });
    while (look.follow && !signal.aborted) {
      const batch = await generation.next(WAIT_MS);
      yield matching(look, batch?.partition ?? 0, batch?.records ?? []);
    }
  } catch (error) {
    // Whoever stops it has seen enough.
    if (!signal.aborted) throw error;
  } finally {
    stop.abort();
  }
}

/** Where reading begins; a partition that nobody wants at its end. */
function startsOf({ info, from, last, partition: wanted }: TopicLook): ReadonlyMap<number, number> {
  return new Map(info.partitions.map(({ low, high }, partition) => {
    if (wanted !== undefined && partition !== wanted) return [partition, high];
    return [partition, Math.min(high, Math.max(low, from ?? high - last))];
  }));
}

interface There {
  readonly look: TopicLook;
  readonly options: TopicReading;
}

/** What the topic has now. */
async function* readThere(
  generation: Generation,
  starts: ReadonlyMap<number, number>,
  { look, options: { clock, signal } }: There,
): AsyncGenerator<readonly Found[]> {
  const { info, from, last } = look;
  const newest: Found[] = [];
  const waiting = new Set(
    info.partitions.flatMap(({ high }, partition) => starts.get(partition)! < high ? [partition] : []),
  );
  let heardAt = clock.monotonic();
  while (waiting.size > 0 && !signal.aborted && clock.monotonic() - heardAt < PATIENCE_MS) {
    const batch = await generation.next(WAIT_MS);
    if (!batch) continue;
    heardAt = clock.monotonic();
    if (batch.nextOffset >= info.partitions[batch.partition]!.high) waiting.delete(batch.partition);
    const found = matching(look, batch.partition, batch.records);
    if (from === undefined) newest.push(...found);
    else yield found;
  }
  if (from !== undefined || last === 0) return;
  yield newest.toSorted((a, b) => a.record.timestamp - b.record.timestamp).slice(-last);
}

function matching(look: TopicLook, partition: number, records: readonly LogRecord[]): readonly Found[] {
  if (look.partition !== undefined && partition !== look.partition) return [];
  return records.filter(({ key }) => look.key === undefined || (key !== null && textOf(key) === look.key))
    .map((record) => ({ partition, record }));
}

/** Bytes that are no text are in base64. */
const textOf = (bytes: Uint8Array): string => printable(bytes).text;

/** Headers as text, null for those without a value. */
export function headerTexts(record: LogRecord): Readonly<Record<string, unknown>> {
  const text = (content: HeaderValue) => content && textOf(content);
  return Object.fromEntries(
    Object.entries(record.headers).map(([name, content]) =>
      [name, Array.isArray(content) ? content.map(text) : text(content as HeaderValue)] as const
    ),
  );
}

/** Longer texts are cut at `limit` characters. */
function recordText({ partition, record }: Found, log: Pick<Log, "schemas">, limit: number): RecordText {
  const { key, value, offset, timestamp } = record;
  const written = value === null ? null : printable(value);
  const said = decodeJson(record, log.schemas);
  const decoded = "stage" in said || said.text === written?.text ? null : said.text;
  const isCut = (text: string | null | undefined) => (text?.length ?? 0) > limit;
  return {
    ...{ partition, offset, timestamp },
    key: key === null ? null : textOf(key).slice(0, limit),
    raw: written && written.text.slice(0, limit),
    encoding: written?.encoding ?? "utf-8",
    length: value?.length ?? 0,
    decoded: decoded && decoded.slice(0, limit),
    ...("stage" in said ? { problem: `${said.reason}: ${said.detail}` } : { schema: said.schema }),
    is_cut: isCut(written?.text) || isCut(decoded),
    headers: headerTexts(record),
  };
}

/** Of records that come together so many are shown. */
const SHOWN_AT_ONCE = 50;
/** Characters of a text. */
const SHOWN_CHARACTERS = 20_000;

/** The topics of a log for people: bounded in number and length. */
export function topicSource({ log, clock }: { readonly log: Log; readonly clock: Clock }): TopicSource {
  return {
    async topics(names) {
      return (await log.topics(names)).map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ low, high }) => ({ low, high })),
      }));
    },
    async *read({ topic, ...look }, signal) {
      const [info] = await log.topics([topic]);
      if (info === undefined) return;
      let left = look.last;
      for await (const found of readTopic({ ...look, info }, { log, clock, signal })) {
        // Those that were asked for first, then the newest of those that come.
        const shown = left > 0 ? found.slice(0, left) : found.slice(-SHOWN_AT_ONCE);
        left -= shown.length;
        yield {
          records: shown.map((one) => recordText(one, log, SHOWN_CHARACTERS)),
          left_out: look.follow && left <= 0 ? found.length - shown.length : 0,
        };
        if (left <= 0 && !look.follow) return;
      }
    },
  };
}
