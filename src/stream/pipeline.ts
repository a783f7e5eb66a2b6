// A pipeline for a reading loop of one's own: records of partitions go in, rows come out, and a checkpoint says what must be
// stored so that a later run goes on from there. Knows nothing of where records come from, and reads no clock.

import type { Batch, Element, FailedElement, LateElement, Operator } from "./batch.ts";
import { FanOut } from "./fan_out.ts";
import type { Output } from "./outputs.ts";
import { type BatchOptions, PartitionInput, type PartitionPosition } from "./partition_input.ts";
import type { StateDelta } from "./state.ts";
import { StateBackend } from "./state_backend.ts";
import { type EpisodeNames, Stream } from "./stream.ts";

/** What a {@link Pipeline} needs. */
export interface PipelineSettings<E, O extends readonly Output<E>[]> {
  /** Event time of a value: epoch milliseconds, see {@link parseTimestamp}. */
  readonly eventTime: (value: E) => number;
  /** How much later than a newer event an event may come and still be on time, milliseconds. 0 when left out. */
  readonly maxOutOfOrdernessMs?: number;
  /** How long after a window's end late events still correct it, milliseconds of event time. 0 when left out. */
  readonly allowedLatenessMs?: number;
  /** How long a partition is silent before {@link Pipeline.idle} moves its watermark, milliseconds. Never when left out. */
  readonly idleAfterMs?: number;
  /** What an episode's own results are called: "count" and "peak" when left out. */
  readonly episodeNames?: EpisodeNames;
  /** What is made of the events. */
  readonly outputs: (events: Stream<E>) => O;
}

/** A record as its partition has it. */
export interface PipelineRecord<E> {
  /** Its position in the partition; grows from record to record. */
  readonly offset: number;
  /** What it says. */
  readonly value: E;
}

/** What an output answers with. */
export type RowOf<O> = O extends { readonly operator: Operator<never, infer R> } ? R : never;

/** What became of records. */
export interface Answer<O extends readonly unknown[]> {
  /** The rows of each output, in the order of the outputs. A row takes the place of an earlier one of its key and window. */
  readonly rows: { readonly [I in keyof O]: readonly RowOf<O[I]>[] };
  /** Records that came too late for windows. */
  readonly late: readonly LateElement[];
  /** Records for which a function of the pipeline threw: state may hold a part of them. */
  readonly failed: readonly FailedElement[];
}

/** What is to be stored, in one transaction with the rows: by position and by key it takes the place of what was stored before. */
export interface Checkpoint {
  /** How far each partition has been worked off. */
  readonly positions: ReadonlyMap<number, PartitionPosition>;
  /** What has changed in the state since the checkpoint before. A change whose value is `null` deletes its key. */
  readonly changes: readonly StateDelta[];
}

/** Outputs of events, and the state that they need. */
export class Pipeline<E, const O extends readonly Output<E>[]> implements AsyncDisposable {
  /** What the pipeline ends in. */
  readonly outputs: O;
  readonly #state = new StateBackend();
  readonly #operators: FanOut<E>;
  readonly #inputs = new Map<number, PartitionInput>();

  /** A pipeline that has seen nothing. */
  constructor(private readonly settings: PipelineSettings<E, O>) {
    const { allowedLatenessMs = 0, episodeNames } = settings;
    this.outputs = settings.outputs(Stream.of<E>({ state: this.#state, allowedLatenessMs, episodeNames }));
    this.#operators = new FanOut(this.outputs.map(({ operator }): Operator<E, unknown> => operator));
  }

  /** What stored state depends on, by operator: state that was stored under another fingerprint must not be restored. */
  get fingerprints(): ReadonlyMap<string, string> {
    return this.#state.fingerprints;
  }

  /** Goes on from what checkpoints have stored. Before the first push; a partition without a position begins anew. */
  restore({ positions, changes }: Checkpoint): void {
    for (const [partition, position] of positions) {
      this.#inputs.set(partition, new PartitionInput(partition, this.#watermarks, position));
    }
    for (const change of changes) this.#state.restore(change);
  }

  /**
   * Takes the partition's next records; those that have been taken already are passed over. Rejects with `RangeError` when one
   * has no event time: then none has been taken.
   */
  async push(partition: number, records: Iterable<PipelineRecord<E>>, options?: BatchOptions): Promise<Answer<O>> {
    const input = this.#input(partition);
    const timed = Array.from(records, ({ offset, value }) => ({ offset, value, time: this.#timeOf(offset, value) }));
    const elements: Element<E>[] = [];
    for (const { offset, value, time } of timed) {
      if (offset < input.nextOffset) continue;
      elements.push({ value, time, offset, watermark: input.watermark.observe(time) });
      input.nextOffset = offset + 1;
    }
    if (elements.length > 0) input.watermark.busy();
    return await this.#process(input.batch(elements, options));
  }

  /**
   * The partition is caught up and silent at `now`, milliseconds of a clock that never goes back. To be called now and then: once
   * the silence has lasted, event time goes on with the clock and closes what is open.
   */
  idle(partition: number, now: number): Promise<Answer<O>> {
    const input = this.#input(partition);
    input.watermark.quiet(now);
    return this.#process(input.batch<E>([]));
  }

  /** What has changed since the last checkpoint. */
  checkpoint(): Checkpoint {
    const positions = new Map(Array.from(this.#inputs, ([partition, { position }]) => [partition, position]));
    return { positions, changes: this.#state.drain() };
  }

  /** Closes the operators. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#operators.close();
  }

  get #watermarks() {
    const { maxOutOfOrdernessMs = 0, idleAfterMs = Infinity } = this.settings;
    return { maxOutOfOrdernessMs, idleAfterMs };
  }

  #input(partition: number): PartitionInput {
    let input = this.#inputs.get(partition);
    if (!input) this.#inputs.set(partition, input = new PartitionInput(partition, this.#watermarks));
    return input;
  }

  #timeOf(offset: number, value: E): number {
    const time = this.settings.eventTime(value);
    if (Number.isFinite(time)) return time;
    throw new RangeError(`Cannot take the record at offset ${offset}: it has no event time`);
  }

  async #process(batch: Batch<E>): Promise<Answer<O>> {
    const answers = await this.#operators.push(batch);
    const rows = answers.map(({ elements }) => elements.map(({ value }) => value));
    // Each output's own operator has answered, in the order of the outputs.
    return { rows: rows as Answer<O>["rows"], late: batch.side.late, failed: batch.side.failed };
  }
}
