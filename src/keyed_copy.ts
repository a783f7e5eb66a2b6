// A copy of a domain's topic whose records have the domain's key. Whoever produces to the topic without keys, or with others,
// spreads a key over its partitions, which have no order in common; in the copy a key is in one partition, in the order of the
// records' timestamps. Made in the process that reads it; knows the log and the domain's key, no table.
//
// Every record is copied once, also when the process dies: a copy says in a header which record it is of, and a run begins
// by reading which ones there are already. Two processes that make one copy at the same time may copy records twice.
//
// A partition that meets a stretch which cannot be read goes past it, with a gap on record, or stops while the others go on:
// until it is told to go on (copy_skip.ts), or the log can be read there again. So does one that ends before what is copied of
// it: what it has since then under the same offsets are other records, whose copies say so behind their places.

import type { Clock } from "./clock.ts";
import { CopiedPartitions } from "./copied_partitions.ts";
import type { Domain } from "./domains/domain.ts";
import { decodeJson } from "./engine/decode.ts";
import type { Gap } from "./engine/gap.ts";
import type { Logger } from "./engine/options.ts";
import { OlderForms } from "./engine/older_forms.ts";
import type { CopyStatus, Standstill } from "./engine/status.ts";
import { ConfigError, type Damage, isRetriable, LogDamagedError, TopicMissingError } from "./errors.ts";
import type { Generation, Log, LogRecord, NewRecord, PartitionBounds } from "./log/log.ts";
import type { PlacedRecord } from "./merged_partitions.ts";

/** Says which record a copy is of: partition and offset, with a slash between; then how often that partition has lost its end, if it has. */
const SOURCE_HEADER = "freshet.copy.of";
/** Records in one write. */
const WRITE_RECORDS = 1_000;
const WAIT_MS = 200;
const RETRY_MS = 1_000;
const COMMIT_TRIES = 50;

/** What the copy of a topic is called. */
export const keyedCopyOf = (topic: string): string => `${topic}.keyed`;

/** The group that a domain's copy is made in: its offsets say how far the copied topic is copied. */
export const copyGroupOf = ({ topic }: Pick<Domain, "topic">): string => `${topic}-copy`;

/** The domain as its producers see it, Freshet's own, too: they write to the copied topic, which others may read. */
export const asProduced = (domain: Domain): Domain =>
  domain.copyOf === undefined ? domain : { ...domain, topic: domain.copyOf, copyOf: undefined };

/** The topics that are read for a domain: its own, and what that is a copy of. */
export const readTopics = ({ topic, copyOf }: Pick<Domain, "topic" | "copyOf">): readonly string[] =>
  copyOf === undefined ? [topic] : [topic, copyOf];

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
  /** What a stretch that cannot be read does to its partition. */
  readonly onDamage: "stop" | "skip";
  /** Puts a gap on record; rejects when it cannot. */
  readonly onGap: (gap: Gap) => Promise<void>;
  /** How often partitions have lost what was copied of them, as it is on record. */
  readonly truncations: () => Promise<ReadonlyMap<number, number>>;
  /** Told of records that are in the copy, and of those among them that have the key that they had. */
  readonly onCopied?: (records: number, withOwnKey: number) => void;
}

/** Where damage is met. */
interface Meeting {
  readonly partitions: CopiedPartitions;
  readonly generation: Generation;
  /** Where partitions begin of which nothing has ever been copied: they have no offset in the group, so that it is known later. */
  readonly unread: Map<number, number>;
}

/** How far partitions are copied, and where they begin and end. */
interface Places {
  readonly positions: ReadonlyMap<number, number>;
  readonly bounds: ReadonlyMap<number, PartitionBounds>;
}

/**
 * Makes the topic of a domain's copy when it is missing, with as many partitions as the copied one has; returns the names of
 * what it made. Errors: `TopicMissingError` when there is nothing to copy, and those of the log.
 */
export async function provideCopy(log: Log, { topic, copyOf }: Domain): Promise<readonly string[]> {
  const found = await log.topics([topic, copyOf!]);
  const source = found.find((one) => one.topic === copyOf);
  if (!source) throw new TopicMissingError([copyOf!]);
  if (found.some((one) => one.topic === topic)) return [];
  return await log.createTopics([{ topic, partitions: source.partitions.length }]);
}

/** The copy that a domain reads. */
export class KeyedCopy {
  /** The copied topic. */
  readonly source: string;
  readonly #group: string;
  readonly #older: OlderForms | undefined;
  #partitions: CopiedPartitions | undefined;
  /** Where partitions that have stopped are to go on. */
  readonly #told = new Map<number, number>();
  #truncations: ReadonlyMap<number, number> = new Map();
  #isWarned = false;

  constructor(private readonly options: KeyedCopyOptions) {
    const { domain } = options;
    this.source = domain.copyOf!;
    this.#group = copyGroupOf(domain);
    this.#older = domain.older && new OlderForms(domain, domain.older);
  }

  /** Makes the topic of the copy when it is missing. A log that is away is waited for, but not with `untilEnd`. Errors: see {@link provideCopy}. */
  async provide(signal: AbortSignal, { untilEnd = false } = {}): Promise<void> {
    while (!signal.aborted) {
      try {
        const made = await provideCopy(this.options.log, this.options.domain);
        if (made.length > 0) this.options.logger.info("Created topics", { topics: made.join(",") });
        return;
      } catch (error) {
        if (untilEnd || !isRetriable(error)) throw error;
        await this.#wait(error, signal);
      }
    }
  }

  /** Copies until the signal is aborted, or with `untilEnd` what there is now. */
  async run(signal: AbortSignal, { untilEnd = false } = {}): Promise<void> {
    const { log } = this.options;
    while (!signal.aborted) {
      try {
        await using members = await log.subscribe({ topic: this.source, group: this.#group, signal });
        while (!signal.aborted) {
          const generation = await members.nextGeneration();
          if (await this.#copyIn(generation, untilEnd)) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (untilEnd || !isRetriable(error)) throw error;
        // What a write has left behind is read before anything is written again.
        await this.#wait(error, signal);
      }
    }
  }

  /** How far it has come, as last known. */
  status(): CopyStatus {
    return { topic: this.source, partitions: this.#partitions?.status() ?? [] };
  }

  /** What a stopped partition means for the domain: it does not get all that there is. */
  get standstill(): Standstill | null {
    const stop = this.#partitions?.firstStop;
    if (stop === undefined) return null;
    const { clock } = this.options;
    const since = Math.round(clock.now() - (clock.monotonic() - stop.sinceMs));
    return { kind: "partition_stopped", reason: new LogDamagedError(stop.damage).message, since };
  }

  /** Why not all is copied that there is; undefined while no partition has stopped. */
  get error(): LogDamagedError | undefined {
    const stop = this.#partitions?.firstStop;
    return stop && new LogDamagedError(stop.damage);
  }

  /** Where a partition of the copied topic has stopped. */
  stopAt(partition: number): Damage | undefined {
    return this.#partitions?.stopAt(partition);
  }

  /** A partition that has stopped goes on at the offset, soon. */
  goOn(partition: number, offset: number): void {
    this.#told.set(partition, offset);
  }

  async #wait(error: Error, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    logger.warn("Copying {topic} by key waits: {error}", { topic: this.source, error: error.message });
    await clock.sleep(RETRY_MS, signal).catch(() => {});
  }

  /** Copies the partitions of a generation until it ends; says whether the end was reached, where that is asked for. */
  async #copyIn(generation: Generation, untilEnd: boolean): Promise<boolean> {
    const { log, clock } = this.options;
    const bounds = await generation.bounds();
    const committed = await log.committed(this.source, this.#group);
    const positions = new Map(generation.partitions.map((p) => [p, committed.get(p) ?? bounds.get(p)?.low ?? 0]));
    const unread = new Map([...positions].filter(([partition]) => !committed.has(partition)));
    const partitions = this.#partitions = new CopiedPartitions({ generation, positions, bounds, clock });
    this.#truncations = await this.options.truncations();
    const copied = await this.#copiedSince(positions, generation.signal);
    const starts = new Map([...positions].map(([p, from]) => [p, Math.min(from, bounds.get(p)?.high ?? Infinity)]));
    await this.#stopAtLostEnds({ partitions, generation, unread }, {
      positions: copiedEnds(positions, copied),
      bounds,
    });
    await generation.start(starts);
    while (!generation.signal.aborted) {
      await this.#goOn({ partitions, generation, unread });
      if (partitions.mustWait) {
        const damage = await partitions.take(WAIT_MS);
        if (damage) await this.#meet(damage, { partitions, generation, unread });
        if (untilEnd && partitions.isAtEnd) return true;
        continue;
      }
      await this.#write(partitions.oldest(WRITE_RECORDS).filter((placed) => !copied.delete(this.#placeOf(placed))));
      await generation.commit(copiedUpTo({ partitions, unread }));
    }
    return false;
  }

  /** A write that fails ends the generation's copying: what of it is there is found out by reading. */
  async #write(records: readonly PlacedRecord[]): Promise<void> {
    if (records.length === 0) return;
    const { log, domain, onCopied } = this.options;
    let withOwnKey = 0;
    const copies = records.map((placed) => {
      const key = this.#keyOf(placed.record);
      if (key === undefined) {
        withOwnKey++;
        this.#warnOf(placed);
      }
      return this.#copyOf(placed, key === undefined ? placed.record.key : key);
    });
    await log.produce(domain.topic, copies, { asIs: true });
    onCopied?.(records.length, withOwnKey);
  }

  /** Partitions that have stopped go on where they are told to, or where they can be read again. */
  async #goOn({ partitions, generation, unread }: Meeting): Promise<void> {
    partitions.retry();
    if (this.#told.size === 0) return;
    this.#truncations = await this.options.truncations();
    for (const [partition, offset] of this.#told) {
      if (partitions.stopAt(partition) === undefined) continue;
      partitions.goOn(partition, offset);
      const at = placeIn(this.source, partition);
      this.options.logger.info("Copying {at} by key goes on at offset {offset}", { at, offset });
    }
    this.#told.clear();
    await generation.commit(copiedUpTo({ partitions, unread }));
  }

  /** Partitions that end before what is copied of them stop: nobody can tell what they have at the offsets that were copied. */
  async #stopAtLostEnds({ partitions, generation, unread }: Meeting, { positions, bounds }: Places): Promise<void> {
    const lost = new Map([...positions].filter(([partition, to]) => to > (bounds.get(partition)?.high ?? Infinity)));
    // A broker forgets what was committed of a topic that is deleted; with it `freshet skip` knows also where no run is up.
    await this.#commitSurely(generation, lost);
    for (const [partition, to] of lost) {
      const { low: beginsAt, high: from } = bounds.get(partition)!;
      unread.delete(partition);
      partitions.beginsAt(partition, to);
      const why = "the topic was made anew, or has lost its end";
      this.#stop(partitions, { topic: this.source, partition, from, to, reason: "truncated", why, beginsAt });
    }
  }

  /** A member that has just joined may not be able to commit yet, and whether it did is told nowhere else. */
  async #commitSurely(generation: Generation, offsets: ReadonlyMap<number, number>): Promise<void> {
    const { log, clock } = this.options;
    for (let tries = 0; tries < COMMIT_TRIES && offsets.size > 0 && !generation.signal.aborted; tries++) {
      await generation.commit(offsets);
      const committed = await log.committed(this.source, this.#group);
      if ([...offsets].every(([partition, offset]) => committed.get(partition) === offset)) return;
      await clock.sleep(WAIT_MS, generation.signal).catch(() => {});
    }
  }

  #stop(partitions: CopiedPartitions, damage: Damage): void {
    partitions.stop(damage);
    this.options.logger.error("Copying {at} by key stops, the others go on: {error}", {
      at: placeIn(this.source, damage.partition),
      error: new LogDamagedError(damage).message,
    });
  }

  #placeOf({ partition, record: { offset } }: PlacedRecord): string {
    const truncations = this.#truncations.get(partition) ?? 0;
    return truncations === 0 ? `${partition}/${offset}` : `${partition}/${offset}/${truncations}`;
  }

  #copyOf(placed: PlacedRecord, key: NewRecord["key"]): NewRecord {
    const { value, timestamp, headers } = placed.record;
    return { key, value, timestamp, headers: { ...headers, [SOURCE_HEADER]: this.#placeOf(placed) } };
  }

  async #meet(damage: Damage, { partitions, generation, unread }: Meeting): Promise<void> {
    const { clock, logger, onDamage, onGap } = this.options;
    const { partition, from, to, reason, why } = damage;
    const at = placeIn(this.source, partition);
    // Nobody's loss: only the beginning.
    const isFirst = reason === "deleted" && unread.get(partition) === from;
    if (to === undefined || (onDamage !== "skip" && !isFirst)) {
      return this.#stop(partitions, damage);
    }
    if (!isFirst) {
      await onGap({ partition, from, to, reason, why, by: "FRESHET_ON_DAMAGE", at: clock.now() });
      logger.warn("Offsets {from} to {last} of {at} are not copied, and recorded in FRESHET_GAPS: {why}", {
        ...{ at, from, last: to - 1, why },
      });
    }
    if (isFirst) unread.set(partition, to);
    partitions.goOn(partition, to);
    await generation.commit(copiedUpTo({ partitions, unread }));
  }

  /** Which records from the positions on are in the copy already. What of the copy cannot be read is written again. */
  async #copiedSince(positions: ReadonlyMap<number, number>, signal: AbortSignal): Promise<Set<string>> {
    const { log, domain: { topic } } = this.options;
    const copied = new Set<string>();
    await using members = await log.subscribe({ topic, group: `freshet-copy-${crypto.randomUUID()}`, signal });
    const generation = await members.nextGeneration();
    const bounds = await generation.bounds();
    const left = new Set(generation.partitions);
    await generation.start(new Map(generation.partitions.map((p) => [p, bounds.get(p)?.low ?? 0])));
    while (left.size > 0 && !generation.signal.aborted) {
      for (const { headers } of await this.#nextOf(generation, left)) {
        const source = headers[SOURCE_HEADER];
        if (!(source instanceof Uint8Array)) continue;
        const place = new TextDecoder().decode(source);
        const [partition, offset, truncations = 0] = place.split("/").map(Number);
        const isCurrent = truncations === (this.#truncations.get(partition!) ?? 0);
        if (isCurrent && offset! >= (positions.get(partition!) ?? Infinity)) copied.add(place);
      }
      for (const partition of left) if (generation.caughtUp(partition)) left.delete(partition);
    }
    return copied;
  }

  /** The next records of the copy, past what cannot be read of it; `left` loses a partition of which nobody knows how far that is. */
  async #nextOf(generation: Generation, left: Set<number>): Promise<readonly LogRecord[]> {
    try {
      return (await generation.next(WAIT_MS))?.records ?? [];
    } catch (error) {
      if (!(error instanceof LogDamagedError)) throw error;
      const { partition, to } = error.damage;
      if (to === undefined) left.delete(partition);
      else generation.skip(partition, to);
      return [];
    }
  }

  /** Whoever produces to the topic is told once: there may be a record like it in each write. */
  #warnOf(placed: PlacedRecord): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    const { logger, domain } = this.options;
    logger.warn(
      "{place} of {topic} is copied with the key that it had, as the key of {domain} cannot be read of it; so are others like it",
      { place: this.#placeOf(placed), topic: this.source, domain: domain.name },
    );
  }

  /** The key that the domain gives an event; undefined for what is no event. */
  #keyOf(record: LogRecord): string | Uint8Array | null | undefined {
    const { domain } = this.options;
    const decoded = decodeJson(record, this.options.log.schemas);
    if ("stage" in decoded) return undefined;
    try {
      const parsed = domain.schema.safeParse(decoded.json);
      const event = parsed.data ?? this.#older?.read(decoded.json, record.timestamp)?.event;
      return event === undefined ? undefined : domain.key(event);
    } catch {
      return undefined;
    }
  }
}

/** Where each partition was copied up to, or its position where that is further. `copied`: places from the positions on. */
function copiedEnds(positions: ReadonlyMap<number, number>, copied: ReadonlySet<string>): Map<number, number> {
  const ends = new Map(positions);
  for (const place of copied) {
    const [partition, offset] = place.split("/").map(Number) as [number, number];
    ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1));
  }
  return ends;
}

/** Up to where partitions are copied, but for those of which nothing is. */
function copiedUpTo({ partitions, unread }: Pick<Meeting, "partitions" | "unread">): Map<number, number> {
  return new Map([...partitions.given()].filter(([partition, offset]) => unread.get(partition) !== offset));
}

const placeIn = (topic: string, partition: number) => `partition ${partition} of "${topic}"`;
