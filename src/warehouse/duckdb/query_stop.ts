// When a query ends before its answer: its time is up, its signal is aborted, or the file is being closed.
// Must not know what a query may do.

import type { DuckDBConnection } from "@duckdb/node-api";
import { QueryRefusedError } from "../../errors.ts";
import type { QueryOptions } from "../warehouse.ts";

/** How often an interrupt is repeated, milliseconds: DuckDB forgets one that comes just before a statement starts. */
const INTERRUPT_EVERY_MS = 20;

/** Stops waiting, and what a connection runs, when the time is up or the signal is aborted. */
export class Stop implements Disposable {
  readonly #options: QueryOptions;
  readonly #stopping = new AbortController();
  readonly #onAbort = () => this.#stop();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #interrupts: ReturnType<typeof setInterval> | undefined;
  #connection: DuckDBConnection | undefined;
  #ended: Error | undefined;

  constructor(options: QueryOptions) {
    this.#options = options;
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined) this.shorten(timeoutMs);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Stops for a reason of its own. */
  end(reason: Error): void {
    this.#ended = reason;
    this.#stop();
  }

  /** The time is up after `ms` milliseconds at the latest. */
  shorten(ms: number): void {
    this.#timers.push(setTimeout(this.#onAbort, ms));
  }

  /** What `work` gives, unless it is stopped before; the work itself goes on. */
  async within<T>(work: Promise<T>): Promise<T> {
    this.check();
    const stopped = Promise.withResolvers<void>();
    this.#stopping.signal.addEventListener("abort", () => stopped.resolve(), { once: true });
    const outcome = await Promise.race([work.then((value) => ({ value })), stopped.promise]);
    if (outcome) return outcome.value;
    throw this.#reason();
  }

  /** Until it is disposed of, stopping interrupts what the connection runs. */
  watch(connection: DuckDBConnection): Disposable {
    this.check();
    this.#connection = connection;
    return { [Symbol.dispose]: () => this.#connection = undefined };
  }

  /** Throws the signal's reason, or that the time is up. */
  check(): void {
    if (this.stopped) throw this.#reason();
  }

  #reason(): unknown {
    const { signal, timeoutMs } = this.#options;
    if (this.#ended) return this.#ended;
    return signal?.aborted ? signal.reason : new QueryRefusedError(`The query took longer than ${timeoutMs} ms`);
  }

  #stop(): void {
    this.#stopping.abort();
    const interrupt = () => this.#connection?.interrupt();
    interrupt();
    this.#interrupts ??= setInterval(interrupt, INTERRUPT_EVERY_MS);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    clearInterval(this.#interrupts);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}
