// `topics`: what is in the log and how far each group has got; `topics create` makes the domains' topics.
import { deadLetterTopic } from "../engine/mod.ts";
import { asProduced, copyGroupOf } from "../keyed_copy.ts";
import type { Log, TopicInfo } from "../log/log.ts";
import { groupOf } from "../parts.ts";
import { type Context, numberOption, type Verb } from "./context.ts";
import type { Command } from "commander";
import { JSON_ARRAY, jsonText } from "./json.ts";
import { countOf, textTable, widthOf } from "./rows.ts";

interface CreateFlags {
  readonly partitions?: number;
  readonly replication?: number;
  readonly json?: boolean;
}

/** A partition as seen by a group; group and committed are `null` where no domain reads the topic. */
interface PartitionLine {
  readonly topic: string;
  readonly partition: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly group: string | null;
  readonly committed: number | null;
  readonly lag: number | null;
}

export const addTopics: Verb = (program, context) => {
  const topics = program.command("topics")
    .summary("list topics with their lag, or create them")
    .description("Lists the log's topics: partitions, offsets, and how far each domain's group has committed.")
    .option(...JSON_ARRAY)
    .action((flags: { readonly json?: boolean }) => list(context, flags));
  topics.command("create")
    .description(
      "Creates topics that are missing: the ones named, or those of all domains with their dead letter topics. A topic " +
        "that is there stays as it is.",
    )
    .argument("[topic...]")
    .option(
      "--partitions <n>",
      "partitions of each (default FRESHET_TOPIC_PARTITIONS)",
      numberOption({ min: 1, max: 1000, whole: true }),
    )
    .option(
      "--replication <n>",
      "replicas of each (default FRESHET_TOPIC_REPLICATION)",
      numberOption({ min: 1, max: 100, whole: true }),
    )
    .option(...JSON_ARRAY)
    .action((names: readonly string[], flags: CreateFlags, { parent }: Command) =>
      // Both have the option: commander gives it to the one that it finds first.
      create(context, names, { ...flags, json: flags.json ?? parent?.opts().json })
    );
};

async function create(context: Context, names: readonly string[], flags: CreateFlags): Promise<void> {
  const { host, parts } = context;
  const config = context.config();
  const ofDomains = () =>
    context.domains().flatMap((domain) => [
      asProduced(domain).topic,
      deadLetterTopic(domain.topic, config.deadLetterSuffix),
    ]);
  const wanted = [...new Set(names.length > 0 ? names : ofDomains())];
  await using log = await parts.openLog(config, host.clock);
  const created = await log.createTopics(wanted.map((topic) => ({
    topic,
    partitions: flags.partitions ?? config.topicPartitions,
    replicationFactor: flags.replication ?? config.topicReplication,
  })));
  const there = (await log.topics(wanted)).map(({ topic, partitions }) => (
    { topic, partitions: partitions.length, created: created.includes(topic) }
  ));
  if (flags.json) return host.stdout.write(jsonText(there));
  for (const { topic, partitions, created } of there) {
    host.stdout.write(`${topic}: ${created ? "created" : "exists already"}, ${countOf(partitions, "partition")}\n`);
  }
}

async function list(context: Context, { json }: { readonly json?: boolean }): Promise<void> {
  const { host, parts } = context;
  await using log = await parts.openLog(context.config(), host.clock);
  const lines: PartitionLine[] = [];
  for (const topic of await log.topics()) lines.push(...await describe(context, log, topic));
  if (json) {
    host.stdout.write(jsonText(lines));
    return;
  }
  if (lines.length === 0) {
    host.stdout.write(`No topics in ${log.description}: "freshet topics create" makes those of the domains\n`);
    return;
  }
  const head = ["TOPIC", "PARTITION", "LOW", "HIGH", "GROUP", "COMMITTED", "LAG"];
  const cell = (value: unknown) => value ?? "-";
  const rows = lines.map((
    l,
  ) => [l.topic, l.partition, cell(l.low), cell(l.high), cell(l.group), cell(l.committed), cell(l.lag)]);
  host.stdout.write(
    textTable(head, rows, { right: [false, true, true, true, false, true, true], width: widthOf(host.stdout) }),
  );
}

async function describe(context: Context, log: Log, { topic, partitions }: TopicInfo): Promise<PartitionLine[]> {
  const config = context.config();
  const readers = context.domains().flatMap((domain) => [
    ...domain.topic === topic ? [groupOf(config, domain)] : [],
    ...domain.copyOf === topic ? [copyGroupOf(domain)] : [],
  ]);
  const lines: PartitionLine[] = [];
  for (const group of readers.length > 0 ? readers : [null]) {
    const committed = group === null ? new Map<number, number>() : await log.committed(topic, group);
    partitions.forEach(({ low, high, isUnknown }, partition) => {
      const offset = committed.get(partition) ?? null;
      const lag = group === null || isUnknown ? null : Math.max(0, high - (offset ?? low));
      const bounds = isUnknown ? { low: null, high: null } : { low, high };
      lines.push({ topic, partition, ...bounds, group, committed: offset, lag });
    });
  }
  return lines;
}
