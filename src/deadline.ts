// One end for a time limit and a caller's signal, which work waits and runs by. Must not know the work.
// Our own: AbortSignal.timeout has an error that says nothing of what was late, and a timer that outlives what was in time.

export interface DeadlineOptions {
  /** The caller's: its reason is what work ends with. */
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** What work ends with when the time is up. */
  readonly late?: () => Error;
}

export class Deadline implements Disposable {
  /** Aborted at the end, with its reason. */
  readonly signal: AbortSignal;
  readonly #end = new AbortController();
  readonly #late: () => Error;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];

  constructor({ signal, timeoutMs, late = () => new Error("The time is up") }: DeadlineOptions) {
    this.signal = signal ? AbortSignal.any([signal, this.#end.signal]) : this.#end.signal;
    this.#late = late;
    if (timeoutMs !== undefined) this.shorten(timeoutMs);
  }

  /** The time is up after `ms` milliseconds at the latest. */
  shorten(ms: number): void {
    this.#timers.push(setTimeout(() => this.end(this.#late()), ms));
  }

  /** Ends now, for a reason of its own. */
  end(reason: Error): void {
    this.#end.abort(reason);
  }

  /** Throws the reason when the end has come. */
  check(): void {
    this.signal.throwIfAborted();
  }

  /** What `work` gives, or the reason when the end comes first; the work itself goes on. */
  async within<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {});
    this.check();
    const ended = Promise.withResolvers<never>();
    const end = () => ended.reject(this.signal.reason);
    this.signal.addEventListener("abort", end, { once: true });
    try {
      return await Promise.race([work, ended.promise]);
    } finally {
      this.signal.removeEventListener("abort", end);
    }
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

/** Resolves when the work has ended, well or not, or after `ms` milliseconds; the work itself goes on. */
export async function endedWithin(work: Promise<unknown>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([work.catch(() => {}), late.promise]);
  clearTimeout(timer);
}
