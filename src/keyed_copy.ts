// A copy of a domain's topic whose records have the domain's key. Whoever produces to the topic without keys, or with others,
// spreads a key over its partitions, which have no order in common; in the copy a key is in one partition, in the order of the
// records' timestamps. Made in the process that reads it; knows the log and the domain's key, no table.
//
// Every record is copied once, also when the process dies: a copy says in a header which record it is of, and a run begins
// by reading which ones there are already. Two processes that make one copy at the same time may copy records twice.

import type { Clock } from "./clock.ts";
import type { Domain } from "./domains/domain.ts";
import { decodeJson } from "./engine/decode.ts";
import type { Logger } from "./engine/options.ts";
import { OlderForms } from "./engine/older_forms.ts";
import { ConfigError, isRetriable, LogDamagedError, TopicMissingError } from "./errors.ts";
import type { Generation, Log, LogBatch, LogRecord, NewRecord } from "./log/log.ts";
import { MergedPartitions, type PlacedRecord } from "./merged_partitions.ts";

/** Says which record a copy is of: partition and offset, with a slash between. */
const SOURCE_HEADER = "freshet.copy.of";
/** Records in one write. */
const WRITE_RECORDS = 1_000;
const WAIT_MS = 200;
const RETRY_MS = 1_000;

const placeOf = ({ partition, record }: PlacedRecord) => `${partition}/${record.offset}`;

/** What the copy of a topic is called. */
export const keyedCopyOf = (topic: string): string => `${topic}.keyed`;

/** The domain as its producers see it, Freshet's own, too: they write to the copied topic, which others may read. */
export const asProduced = (domain: Domain): Domain =>
  domain.copyOf === undefined ? domain : { ...domain, topic: domain.copyOf, copyOf: undefined };

/** The domains, those of the names reading their keyed copies. Throws `ConfigError` for a name that no domain has. */
export function readingCopies(domains: readonly Domain[], names: readonly string[]): readonly Domain[] {
  const unknown = names.find((name) => !domains.some((domain) => domain.name === name));
  if (unknown !== undefined) {
    const known = domains.map(({ name }) => name).join(", ");
    throw new ConfigError(`FRESHET_KEYED_COPIES names "${unknown}", which is no domain: expected some of ${known}`);
  }
  return domains.map((domain) =>
    names.includes(domain.name) ? { ...domain, topic: keyedCopyOf(domain.topic), copyOf: domain.topic } : domain
  );
}

export interface KeyedCopyOptions {
  readonly domain: Domain;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the topic, where that has to be made, too. */
  readonly partitions: number;
}

/** The copy that a domain reads. */
export class KeyedCopy {
  readonly #source: string;
  readonly #group: string;
  readonly #older: OlderForms | undefined;

  constructor(private readonly options: KeyedCopyOptions) {
    const { domain } = options;
    this.#source = domain.copyOf!;
    this.#group = `${domain.topic}-copy`;
    this.#older = domain.older && new OlderForms(domain, domain.older);
  }

  /** Makes the topic of the copy when it is missing, with as many partitions as the copied one has. */
  async provide(): Promise<void> {
    const { log, domain, partitions } = this.options;
    if (log.kind === "embedded") await log.createTopics([{ topic: this.#source, partitions }]);
    const [source] = await log.topics([this.#source]);
    if (!source) throw new TopicMissingError([this.#source]);
    await log.createTopics([{ topic: domain.topic, partitions: source.partitions.length }]);
  }

  /** Copies until the signal is aborted, or with `untilEnd` what there is now. */
  async run(signal: AbortSignal, { untilEnd = false } = {}): Promise<void> {
    const { log, clock, logger } = this.options;
    while (!signal.aborted) {
      try {
        await using members = await log.subscribe({ topic: this.#source, group: this.#group, signal });
        while (!signal.aborted) {
          const generation = await members.nextGeneration();
          if (await this.#copyIn(generation, untilEnd)) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (untilEnd || !isRetriable(error)) throw error;
        // What a write has left behind is read before anything is written again.
        logger.warn("Copying {topic} by key waits: {error}", { topic: this.#source, error: (error as Error).message });
        await clock.sleep(RETRY_MS, signal).catch(() => {});
      }
    }
  }

  /** Copies the partitions of a generation until it ends; says whether the end was reached, where that is asked for. */
  async #copyIn(generation: Generation, untilEnd: boolean): Promise<boolean> {
    const { log, domain } = this.options;
    const bounds = await generation.bounds();
    const committed = await log.committed(this.#source, this.#group);
    const positions = new Map(
      generation.partitions.map((p) => [p, Math.max(bounds.get(p)?.low ?? 0, committed.get(p) ?? 0)]),
    );
    const copied = await this.#copiedSince(positions, generation.signal);
    const merged = new MergedPartitions(generation, positions);
    await generation.start(positions);
    while (!generation.signal.aborted) {
      if (merged.mustWait) {
        merged.take(this.#whole(await generation.next(WAIT_MS)));
        if (untilEnd && merged.isAtEnd) return true;
        continue;
      }
      const records = merged.oldest(WRITE_RECORDS).filter((placed) => !copied.delete(placeOf(placed)));
      // A write that fails ends the generation's copying: what of it is there is found out by reading.
      if (records.length > 0) await log.produce(domain.topic, records.map((one) => this.#copy(one)), { asIs: true });
      await generation.commit(merged.given());
    }
    return false;
  }

  /** In a copy nobody would see that what the records say is in doubt. */
  #whole(batch: LogBatch | undefined): LogBatch | undefined {
    const [first] = batch?.records ?? [];
    if (batch?.damage === undefined || first === undefined) return batch;
    const { partition, nextOffset: to, damage: why } = batch;
    const { copyOf: topic = this.options.domain.topic } = this.options.domain;
    throw new LogDamagedError({ topic, partition, from: first.offset, to, reason: "unreadable", why });
  }

  #copy(placed: PlacedRecord): NewRecord {
    const { value, timestamp, headers } = placed.record;
    return {
      key: this.#keyOf(placed.record),
      value,
      timestamp,
      headers: { ...headers, [SOURCE_HEADER]: placeOf(placed) },
    };
  }

  /** Which records from the positions on are in the copy already. */
  async #copiedSince(positions: ReadonlyMap<number, number>, signal: AbortSignal): Promise<Set<string>> {
    const { log, domain: { topic } } = this.options;
    const copied = new Set<string>();
    await using members = await log.subscribe({ topic, group: `freshet-copy-${crypto.randomUUID()}`, signal });
    const generation = await members.nextGeneration();
    const bounds = await generation.bounds();
    await generation.start(new Map(generation.partitions.map((p) => [p, bounds.get(p)?.low ?? 0])));
    while (!generation.partitions.every((p) => generation.caughtUp(p)) && !generation.signal.aborted) {
      const batch = await generation.next(WAIT_MS);
      for (const { headers } of batch?.records ?? []) {
        const source = headers[SOURCE_HEADER];
        if (!(source instanceof Uint8Array)) continue;
        const place = new TextDecoder().decode(source);
        const [partition, offset] = place.split("/").map(Number);
        if (offset! >= (positions.get(partition!) ?? Infinity)) copied.add(place);
      }
    }
    return copied;
  }

  /** The key that the domain gives an event; of what is no event the key that it has. */
  #keyOf(record: LogRecord): string | Uint8Array | null {
    const { domain } = this.options;
    const decoded = decodeJson(record, this.options.log.schemas);
    if ("stage" in decoded) return record.key;
    try {
      const parsed = domain.schema.safeParse(decoded.json);
      const event = parsed.data ?? this.#older?.read(decoded.json, record.timestamp)?.event;
      return event === undefined ? record.key : domain.key(event);
    } catch {
      return record.key;
    }
  }
}
