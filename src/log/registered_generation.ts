// A generation of a log with a Schema Registry: batches wait until the registry has said what it knows of the schemas they name.
// Other partitions go on meanwhile, until so many records wait that no more may be kept. Knows no domains and no adapters.

import { ExponentialBackoff } from "cockatiel";
import type { Clock } from "../clock.ts";
import { isRetriable, LogDamagedError } from "../errors.ts";
import type { Generation, LogBatch, PartitionBounds, PartitionLook } from "./log.ts";
import type { SchemaRegistry } from "./schema_registry.ts";
import { isFramed, SCHEMA_HEADER, schemaOf, type SchemaRef } from "./wire_format.ts";

/** Records of waiting partitions that are kept here: at this many nothing more is read, of any partition, until there is an answer. */
const MAX_HELD_RECORDS = 20_000;
/** How often waiting records are looked at, milliseconds. */
const LOOK_MS = 100;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;

export interface RegisteredGenerationOptions {
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly onWarning: (message: string) => void;
}

/** A partition whose next records name schemas that the registry is being asked for. */
interface Held {
  /** In order; the registry is asked about the first, or has answered and the others are still to be looked at. */
  readonly batches: LogBatch[];
  /** Milliseconds of the monotonic clock. */
  readonly sinceMs: number;
  answered: boolean;
  /** Set when there will be no answer. */
  error?: unknown;
}

export class RegisteredGeneration implements Generation {
  readonly #held = new Map<number, Held>();
  /** Told once what was read before them has been handed out. */
  readonly #damages: LogDamagedError[] = [];
  #heldRecords = 0;

  constructor(private readonly inner: Generation, private readonly options: RegisteredGenerationOptions) {}

  get id(): number {
    return this.inner.id;
  }
  get topic(): string {
    return this.inner.topic;
  }
  get partitions(): readonly number[] {
    return this.inner.partitions;
  }
  get signal(): AbortSignal {
    return this.inner.signal;
  }

  bounds(): Promise<ReadonlyMap<number, PartitionBounds>> {
    return this.inner.bounds();
  }

  start(positions: ReadonlyMap<number, number>): Promise<void> {
    return this.inner.start(positions);
  }

  skip(partition: number, offset: number): void {
    this.inner.skip(partition, offset);
  }

  commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    return this.inner.commit(offsets);
  }

  paused(): number {
    return this.inner.paused?.() ?? 0;
  }

  caughtUp(partition: number): boolean {
    return !this.#held.has(partition) && this.inner.caughtUp(partition);
  }

  look(partition: number): PartitionLook | undefined {
    const look = this.inner.look(partition);
    const held = this.#held.get(partition);
    if (!look || !held || held.answered) return look;
    // The log may answer as often as it likes: what waits here has not got on since.
    const atMs = Math.min(look.atMs, held.sinceMs);
    return {
      ...look,
      atMs,
      obstacle: `waits for a schema of the Schema Registry at ${this.options.registry.description}`,
    };
  }

  /** As the port says. A registry that does not answer makes a partition with a new schema wait; see {@link MAX_HELD_RECORDS}. */
  async next(waitMs: number): Promise<LogBatch | undefined> {
    const told = this.#damages.findIndex(({ damage }) => !this.#held.has(damage.partition));
    if (told >= 0) throw this.#damages.splice(told, 1)[0]!;
    const batch = this.#takeAnswered() ?? await this.#read(waitMs);
    if (!batch) return undefined;
    const schemas = this.#schemasToAskFor(batch);
    if (schemas.size === 0) return batch;
    const before = this.#held.get(batch.partition)?.batches ?? [];
    const held: Held = { batches: [batch, ...before], sinceMs: this.options.clock.monotonic(), answered: false };
    this.#held.set(batch.partition, held);
    this.#heldRecords += batch.records.length;
    const asked = this.#ask(batch, schemas).then(
      () => held.answered = true,
      (error) => held.error = error,
    );
    const done = new AbortController();
    await Promise.race([asked, this.#sleep(waitMs, done.signal)]);
    done.abort();
    return this.#takeFrom(batch.partition, held);
  }

  /** The next batch of a partition that does not wait. */
  async #read(waitMs: number): Promise<LogBatch | undefined> {
    if (this.#held.size === 0) return await this.inner.next(waitMs);
    const lookMs = Math.min(waitMs, LOOK_MS);
    if (this.#heldRecords >= MAX_HELD_RECORDS) return await this.#sleep(lookMs);
    const batch = await this.inner.next(lookMs).catch((error) => {
      if (!(error instanceof LogDamagedError)) throw error;
      this.#damages.push(error);
      return undefined;
    });
    const held = batch && this.#held.get(batch.partition);
    if (!held) return batch;
    held.batches.push(batch);
    this.#heldRecords += batch.records.length;
  }

  /** The next batch of a partition that waits no more. Throws what its question failed with. */
  #takeAnswered(): LogBatch | undefined {
    for (const [partition, held] of this.#held) {
      const batch = this.#takeFrom(partition, held);
      if (batch) return batch;
    }
  }

  #takeFrom(partition: number, held: Held): LogBatch | undefined {
    if (this.inner.signal.aborted) return undefined;
    if (held.error !== undefined) throw held.error;
    if (!held.answered) return undefined;
    const batch = held.batches.shift()!;
    this.#heldRecords -= batch.records.length;
    if (held.batches.length === 0) this.#held.delete(partition);
    return batch;
  }

  #schemasToAskFor({ records }: LogBatch): Set<SchemaRef> {
    const { registry } = this.options;
    const schemas = new Set<SchemaRef>();
    for (const record of records) {
      // Plain JSON costs these two looks.
      if (!(record.value !== null && isFramed(record.value)) && !(SCHEMA_HEADER in record.headers)) continue;
      const schema = schemaOf(record);
      if (schema !== undefined && registry.mustAsk(schema)) schemas.add(schema);
    }
    return schemas;
  }

  /** Asks until there is an answer. Rejects when there can be none, or the generation ends. */
  async #ask({ partition }: LogBatch, schemas: ReadonlySet<SchemaRef>): Promise<void> {
    const { registry, onWarning, clock } = this.options;
    const { signal } = this.inner;
    let pause = new ExponentialBackoff({ initialDelay: FIRST_PAUSE_MS, maxDelay: MAX_PAUSE_MS }).next();
    while (true) {
      try {
        return await registry.learn(schemas);
      } catch (error) {
        signal.throwIfAborted();
        if (!isRetriable(error)) throw error;
        const waiting = `Partition ${partition} of "${this.topic}" waits for ${[...schemas].slice(0, 5).join(", ")}`;
        onWarning(`${error.message}. ${waiting}; its records are not lost`);
      }
      await clock.sleep(pause.duration, signal);
      pause = pause.next({});
    }
  }

  async #sleep(ms: number, signal?: AbortSignal): Promise<undefined> {
    const signals = signal ? [signal, this.inner.signal] : [this.inner.signal];
    await this.options.clock.sleep(ms, AbortSignal.any(signals)).catch(() => {});
  }
}
