// `tail`: the last records of a topic, and those that come: offsets, keys and what values say. Reads as a group of its own that
// commits nothing, and leaves no trace.
import { decodeJson } from "../engine/decode.ts";
import { printable } from "../engine/text.ts";
import { type Found, headerTexts, readTopic } from "../engine/topic_reader.ts";
import { TopicMissingError } from "../errors.ts";
import { readTopics } from "../keyed_copy.ts";
import type { Log, TopicInfo } from "../log/log.ts";
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

export const addTail: Verb = (program, context) => {
  const whole = numberOption({ min: 0, whole: true });
  program.command("tail")
    .summary("look at a topic's records: the last, and those that come")
    .description(
      "Prints a topic's last records: partition and offset, time, key and value. Values are decoded where they are JSON, with or " +
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

async function tail(context: Context, topic: string, flags: TailFlags): Promise<void> {
  const { host, parts } = context;
  await using log = await parts.openLog(context.config(), host.clock);
  const info = await topicNamed(context, log, topic);
  checkPartition(info, flags);
  const { number: last, from, partition, key, follow } = flags;
  const reading = readTopic({ info, partition, from, last, key, follow }, { ...host, log });
  for await (const found of reading) {
    for (const one of found) {
      const text = flags.json ? `${JSON.stringify(jsonOf(topic, one, log))}\n` : lineOf(context, one, log);
      host.stdout.write(text);
    }
  }
}

async function topicNamed(context: Context, log: Log, topic: string): Promise<TopicInfo> {
  const [info] = await log.topics([topic]);
  if (info) return info;
  const near = closest(topic, [
    ...(await log.topics()).map((each) => each.topic),
    ...context.domains().flatMap(readTopics),
  ]);
  if (near && near !== topic) throw new UsageError(`There is no topic "${topic}", did you mean "${near}"?`);
  throw new TopicMissingError([topic]);
}

function checkPartition({ topic, partitions }: TopicInfo, { partition }: TailFlags): void {
  if (partition === undefined || partition < partitions.length) return;
  throw new UsageError(`"${topic}" has no partition ${partition}: its last is ${partitions.length - 1}`);
}

/** Bytes that are no text are in base64. */
const textOf = (bytes: Uint8Array): string => printable(bytes).text;

function lineOf(context: Context, { partition, record }: Found, log: Log): string {
  const { key, value, offset, timestamp } = record;
  const decoded = decodeJson(record, log.schemas);
  const text = value === null ? "(no value)" : "stage" in decoded ? textOf(value) : decoded.text;
  const time = new Date(timestamp).toISOString();
  const width = widthOf(context.host.stdout);
  const line = visible(`${partition}:${offset}  ${time}  ${key === null ? "-" : textOf(key)}  ${text}`);
  return `${width === undefined ? line : cut(line, width)}\n`;
}

function jsonOf(topic: string, { partition, record }: Found, log: Log): object {
  const { key, value, offset, timestamp } = record;
  const decoded = decodeJson(record, log.schemas);
  return {
    topic,
    partition,
    offset,
    timestamp: new Date(timestamp).toISOString(),
    key: key && textOf(key),
    value: value === null ? null : "stage" in decoded ? textOf(value) : decoded.json,
    ...("schema" in decoded && decoded.schema !== undefined ? { schema: decoded.schema } : {}),
    headers: headerTexts(record),
  };
}
