/**
 * Tests of pipelines: lists in, lists out, and a clock that stands still until it is told to go on.
 *
 * @module
 */

import type { Output } from "./outputs.ts";
import type { BatchOptions } from "./partition_input.ts";
import { type Answer, type Checkpoint, Pipeline, type PipelineSettings } from "./pipeline.ts";
import type { StateDelta } from "./state.ts";

/** Runs a pipeline on lists. Partitions are numbered by the lists that are fed to them, offsets count from 0. */
export class PipelineTester<E, const O extends readonly Output<E>[]> implements AsyncDisposable {
  #pipeline: Pipeline<E, O>;
  readonly #offsets = new Map<number, number>();
  #now = 0;
  #positions: Checkpoint["positions"] = new Map();
  readonly #stored = new Map<string, StateDelta>();

  /** A pipeline that has seen nothing, at time 0 of its clock. */
  constructor(private readonly settings: PipelineSettings<E, O>) {
    this.#pipeline = new Pipeline(settings);
  }

  /** Feeds a partition with values, as one batch. */
  feed(values: readonly E[], partition = 0, options: BatchOptions = {}): Promise<Answer<O>> {
    let offset = this.#offsets.get(partition) ?? 0;
    const records = values.map((value) => ({ offset: offset++, value }));
    this.#offsets.set(partition, offset);
    return this.#pipeline.push(partition, records, options);
  }

  /** Asks for the early rows of what is open. */
  early(partition = 0): Promise<Answer<O>> {
    return this.feed([], partition, { early: true });
  }

  /** The input ends: everything closes. */
  end(partition = 0): Promise<Answer<O>> {
    return this.feed([], partition, { ended: true });
  }

  /** Nothing comes for so many milliseconds: the partition is silent from now on until then. */
  async pass(ms: number, partition = 0): Promise<Answer<O>> {
    await this.#pipeline.idle(partition, this.#now);
    return await this.#pipeline.idle(partition, this.#now += ms);
  }

  /** The process ends and another one goes on from the checkpoint that it has left, through JSON as a database would have it. */
  async restart(): Promise<void> {
    const { positions, changes } = this.#pipeline.checkpoint();
    this.#positions = positions;
    for (const change of changes) {
      const key = JSON.stringify([change.operator, change.partition, change.namespace, change.key]);
      if (change.value === null) this.#stored.delete(key);
      else this.#stored.set(key, change);
    }
    await this.#pipeline[Symbol.asyncDispose]();
    this.#pipeline = new Pipeline(this.settings);
    this.#pipeline.restore({ positions: this.#positions, changes: [...this.#stored.values()] });
  }

  /** Closes the pipeline. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pipeline[Symbol.asyncDispose]();
  }
}
