// One batch through several operators in turn: a branch without a tee, because every operator answers one batch with one.

import type { Batch, Operator } from "./batch.ts";

/** Hands the one batch that was put in to the operator that asks. */
class Inlet<T> implements AsyncIterable<Batch<T>> {
  #batch: Batch<T> | undefined;

  put(batch: Batch<T>): void {
    this.#batch = batch;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch<T>, void, undefined> {
    while (true) {
      const batch = this.#batch;
      if (!batch) {
        throw new Error("Cannot give the operator a batch: it asked for the next one before it answered the last");
      }
      this.#batch = undefined;
      yield batch;
    }
  }
}

/** Several operators over the same input. */
export class FanOut<T> {
  readonly #arms: readonly { readonly inlet: Inlet<T>; readonly outlet: AsyncGenerator<Batch<unknown>, void> }[];

  /** Starts the operators. */
  constructor(operators: readonly Operator<T, unknown>[]) {
    this.#arms = operators.map((operator) => {
      const inlet = new Inlet<T>();
      return { inlet, outlet: operator(inlet) };
    });
  }

  /** Each operator's answer to the batch, in the order of the operators. */
  async push(batch: Batch<T>): Promise<Batch<unknown>[]> {
    const answers: Batch<unknown>[] = [];
    for (const { inlet, outlet } of this.#arms) {
      inlet.put(batch);
      const { value, done } = await outlet.next();
      if (done || !value) throw new Error("Cannot go on: an operator ended before its input did");
      answers.push(value);
    }
    return answers;
  }

  /** Closes every operator; rejects with what the first one that failed to close failed with. */
  async close(): Promise<void> {
    const closings = await Promise.allSettled(this.#arms.map(({ outlet }) => outlet.return()));
    for (const closing of closings) if (closing.status === "rejected") throw closing.reason;
  }
}
