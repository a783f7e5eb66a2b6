// Records that flow through a topic while brokers come and go: a writer for each partition, a reader that notes when it got
// what. Each partition's records count up, so that a gap or a duplicate shows.

import type { Generation, Log, NewRecord, Subscription } from "../../../src/log/log.ts";
import { text } from "../../contracts/log/place.ts";

const WRITE_EVERY_MS = 25;

export interface WriterOptions {
  readonly log: Log;
  readonly topic: string;
  readonly partition: number;
  readonly everyMs?: number;
  /** The records to be written next, after as many as were written before; counts 0, 1, 2 … when left out. */
  readonly take?: (written: number) => readonly NewRecord[];
}

/** Writes into one partition until it is told to stop; tries again for as long as it is refused. */
export class Writer implements AsyncDisposable {
  #stopped = false;
  #written = 0;
  readonly #writing: Promise<void>;

  constructor(readonly options: WriterOptions) {
    this.#writing = this.#write();
  }

  /** How many records are surely in the partition. */
  get written(): number {
    return this.#written;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.options.log[Symbol.asyncDispose]();
  }

  async #write(): Promise<void> {
    const { log, topic, partition, everyMs = WRITE_EVERY_MS, take = counting } = this.options;
    let records = take(this.#written);
    while (!this.#stopped) {
      try {
        await log.produce(topic, records.map((record) => ({ ...record, partition })));
        this.#written += records.length;
        records = take(this.#written);
      } catch { /* whatever it is: once more */ }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}

const counting = (written: number): readonly NewRecord[] => [{ value: String(written) }];

/** When something happened to each partition, on the machine's steady clock. */
export class Moments {
  readonly #times = new Map<number, number[]>();

  note(partition: number): void {
    const times = this.#times.get(partition) ?? [];
    this.#times.set(partition, times);
    times.push(performance.now());
  }

  /** The longest time in which nothing happened to the partition since `sinceMs`, until now. */
  longestGapMs(partition: number, sinceMs: number): number {
    const times = (this.#times.get(partition) ?? []).filter((at) => at >= sinceMs);
    const all = [sinceMs, ...times, performance.now()];
    return Math.max(...all.slice(1).map((at, i) => at - all[i]!));
  }
}

/** Reads as the engine does: each generation begins where the last one stopped. */
export class FlowReader implements AsyncDisposable {
  readonly #arrivals = new Moments();
  readonly #next = new Map<number, number>();
  readonly #values = new Map<number, number>();
  readonly #stopping = new AbortController();
  readonly #reading: Promise<void>;
  #generation: Generation | undefined;
  #generations = 0;
  #failure: unknown;

  constructor(readonly subscription: Subscription) {
    this.#reading = this.#read().catch((failure) => void (this.#failure = failure));
  }

  get generations(): number {
    return this.#generations;
  }

  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** How many different records of a partition came; fails on a gap, a duplicate, or when reading failed. */
  count(partition: number): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#values.get(partition) ?? 0;
  }

  /** The longest time without a record of the partition since `sinceMs`, until now. */
  longestGapMs(partition: number, sinceMs: number): number {
    return this.#arrivals.longestGapMs(partition, sinceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#reading;
    await this.subscription[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const generation = await this.#nextGeneration();
      if (generation === undefined) return;
      this.#generation = generation;
      this.#generations += 1;
      await generation.start(new Map(generation.partitions.map((p) => [p, this.#next.get(p) ?? 0])));
      while (!generation.signal.aborted && !this.#stopping.signal.aborted) await this.#take(generation);
    }
  }

  async #nextGeneration(): Promise<Generation | undefined> {
    const stopped = new Promise<undefined>((resolve) =>
      this.#stopping.signal.addEventListener("abort", () => resolve(undefined), { once: true })
    );
    return await Promise.race([this.subscription.nextGeneration(), stopped]);
  }

  async #take(generation: Generation): Promise<void> {
    const batch = await generation.next(100);
    if (batch === undefined) return;
    const { partition, records, nextOffset } = batch;
    for (const { offset, value } of records) {
      const expected = this.#next.get(partition) ?? 0;
      if (offset !== expected) throw new Error(`Partition ${partition}: offset ${offset} came, ${expected} was due`);
      this.#next.set(partition, offset + 1);
      // A writer whose answer was lost writes again: the value then comes twice, at offsets of its own.
      this.#values.set(partition, Math.max(this.#values.get(partition) ?? 0, Number(text(value)) + 1));
    }
    this.#next.set(partition, nextOffset);
    this.#arrivals.note(partition);
  }
}
