// `tail`: the last records of a topic, and those that come: offsets, keys and what values say. Reads as a group of its own that
// commits nothing, and leaves no trace.
import { decodeJson } from "../engine/decode.ts";
import { printable } from "../engine/text.ts";
import { TopicMissingError } from "../errors.ts";
import type { Generation, HeaderValue, Log, LogRecord, TopicInfo } from "../log/log.ts";
import { closest } from "../suggest.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { cut } from "./live_block.ts";
import { visible, widthOf } from "./rows.ts";

interface TailFlags {
  readonly number: number;
  readonly from?: number;
  readonly partition?: number;
  readonly key?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

const WAIT_MS = 500;
/** Without a record for so long the log has no more of what it said it has: offsets may have gaps. */
const PATIENCE_MS = 5_000;

export const addTail: Verb = (program, context) => {
  const whole = numberOption({ min: 0, whole: true });
  program.command("tail")
    .summary("look at a topic's records: the last, and those that come")
    .description(
      "Prints a topic's last records: partition and offset, time, key and value. Values are decoded where they are JSON, with or\n" +
        "without a Schema Registry's frame. Changes nothing, and moves no group's offsets. Works while `run` is up, too.",
    )
    .argument("<topic>")
    .option("-n, --number <n>", "so many of the last records", whole, 10)
    .option("--from <offset>", "from this offset of each partition on instead, 0 for all that is there", whole)
    .option("--partition <n>", "of this partition only", whole)
    .option("--key <text>", "only records with this key")
    .option("-f, --follow", "go on with what comes, until it is stopped")
    .option("--json", "one JSON object a line")
    .action((topic: string, flags: TailFlags) => tail(context, topic, flags));
};

/** A record with where it is. */
interface Found {
  readonly partition: number;
  readonly record: LogRecord;
}

async function tail(context: Context, topic: string, flags: TailFlags): Promise<void> {
  const { host, parts } = context;
  await using log = await parts.openLog(context.config(), host.clock);
  const info = await topicNamed(context, log, topic);
  const wanted = partitionsOf(info, flags);
  const stop = new AbortController();
  const group = `freshet-tail-${crypto.randomUUID()}`;
  await using members = await log.subscribe({ topic, group, signal: AbortSignal.any([stop.signal, host.signal]) });
  const print = ({ partition, record }: Found) => {
    const text = flags.json
      ? `${JSON.stringify(jsonOf(topic, partition, record, log))}\n`
      : lineOf(context, partition, record, log);
    host.stdout.write(text);
  };
  try {
    const generation = await members.nextGeneration();
    const starts = new Map(info.partitions.map(({ low, high }, partition) => {
      if (!wanted.has(partition)) return [partition, high];
      const from = flags.from ?? high - flags.number;
      return [partition, Math.min(high, Math.max(low, from))];
    }));
    await generation.start(starts);
    const matches = (found: Found) => wanted.has(found.partition) && hasKey(found.record, flags.key);
    await readThere(generation, { info, starts, context, flags, matches, print });
    while (flags.follow && !host.signal.aborted) {
      const batch = await generation.next(WAIT_MS);
      for (const record of batch?.records ?? []) {
        const found = { partition: batch!.partition, record };
        if (matches(found)) print(found);
      }
    }
  } catch (error) {
    // Whoever stops it has seen enough.
    if (!host.signal.aborted) throw error;
  }
  stop.abort();
}

interface Reading {
  readonly info: TopicInfo;
  readonly starts: ReadonlyMap<number, number>;
  readonly context: Context;
  readonly flags: TailFlags;
  readonly matches: (found: Found) => boolean;
  readonly print: (found: Found) => void;
}

/** Prints what the topic has now: of the last records those of all partitions in the order of their times. */
async function readThere(generation: Generation, reading: Reading): Promise<void> {
  const { info, starts, flags, context: { host }, matches, print } = reading;
  const last: Found[] = [];
  const waiting = new Set(
    info.partitions.flatMap(({ high }, partition) => starts.get(partition)! < high ? [partition] : []),
  );
  let heardAt = host.clock.monotonic();
  while (waiting.size > 0 && !host.signal.aborted && host.clock.monotonic() - heardAt < PATIENCE_MS) {
    const batch = await generation.next(WAIT_MS);
    if (!batch) continue;
    heardAt = host.clock.monotonic();
    const { partition } = batch;
    if (batch.nextOffset >= info.partitions[partition]!.high) waiting.delete(partition);
    for (const record of batch.records) {
      const found = { partition, record };
      if (!matches(found)) continue;
      if (flags.from === undefined) last.push(found);
      else print(found);
    }
  }
  const inTime = (a: Found, b: Found) => a.record.timestamp - b.record.timestamp;
  if (flags.number > 0) { for (const found of last.toSorted(inTime).slice(-flags.number)) print(found); }
}

async function topicNamed(context: Context, log: Log, topic: string): Promise<TopicInfo> {
  const [info] = await log.topics([topic]);
  if (info) return info;
  const near = closest(topic, [
    ...(await log.topics()).map((each) => each.topic),
    ...context.domains().map((d) => d.topic),
  ]);
  if (near && near !== topic) throw new UsageError(`There is no topic "${topic}", did you mean "${near}"?`);
  throw new TopicMissingError([topic]);
}

function partitionsOf({ topic, partitions }: TopicInfo, { partition }: TailFlags): ReadonlySet<number> {
  if (partition === undefined) return new Set(partitions.keys());
  if (partition < partitions.length) return new Set([partition]);
  throw new UsageError(`"${topic}" has no partition ${partition}: its last is ${partitions.length - 1}`);
}

function hasKey({ key }: LogRecord, wanted: string | undefined): boolean {
  return wanted === undefined || (key !== null && textOf(key) === wanted);
}

/** Bytes that are no text are in base64. */
const textOf = (bytes: Uint8Array): string => printable(bytes).text;

function lineOf(context: Context, partition: number, record: LogRecord, log: Log): string {
  const { key, value, offset, timestamp } = record;
  const decoded = decodeJson(record, log.schemas);
  const text = value === null ? "(no value)" : "stage" in decoded ? textOf(value) : decoded.text;
  const time = new Date(timestamp).toISOString();
  const width = widthOf(context.host.stdout);
  const line = visible(`${partition}:${offset}  ${time}  ${key === null ? "-" : textOf(key)}  ${text}`);
  return `${width === undefined ? line : cut(line, width)}\n`;
}

function jsonOf(topic: string, partition: number, record: LogRecord, log: Log): object {
  const { key, value, offset, timestamp, headers } = record;
  const decoded = decodeJson(record, log.schemas);
  const names = Object.entries(headers).map(([name, content]) =>
    [name, Array.isArray(content) ? content.map(headerOf) : headerOf(content as HeaderValue)] as const
  );
  return {
    topic,
    partition,
    offset,
    timestamp: new Date(timestamp).toISOString(),
    key: key && textOf(key),
    value: value === null ? null : "stage" in decoded ? textOf(value) : decoded.json,
    ...("schema" in decoded && decoded.schema !== undefined ? { schema: decoded.schema } : {}),
    headers: Object.fromEntries(names),
  };
}

const headerOf = (content: HeaderValue) => content && textOf(content);
