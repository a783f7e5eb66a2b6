// How many may work at a time; the others wait in line, and leave it when their signal is aborted. Must not know the work.

import PQueue from "p-queue";

export interface SemaphoreOptions {
  /** Work that runs at a time. */
  readonly maxRunning: number;
  /** Work that waits for its turn. */
  readonly maxWaiting: number;
  /** What is thrown when there is no place left to wait. */
  readonly full: () => Error;
}

export class Semaphore {
  readonly #options: SemaphoreOptions;
  readonly #queue: PQueue;

  constructor(options: SemaphoreOptions) {
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.maxRunning });
  }

  /** Runs `work` in its turn. Rejects with the signal's reason when it is aborted before: running work must look itself. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const { maxRunning, maxWaiting, full } = this.#options;
    if (this.#queue.pending >= maxRunning && this.#queue.size >= maxWaiting) throw full();
    // The queue would give the place of aborted work away while it still runs: it is told only of what is aborted before.
    const waiting = new AbortController();
    const leave = () => waiting.abort(signal!.reason);
    signal?.addEventListener("abort", leave, { once: true });
    return await this.#queue.add(() => {
      signal?.removeEventListener("abort", leave);
      return work();
    }, { signal: waiting.signal });
  }
}
