// The main thread's end of another thread: begins it when it is first needed, and again after it has failed; gives it orders,
// and keeps what it reports.

import type { Config } from "../config/mod.ts";
import type { AlertOptions, Observer } from "../engine/options.ts";
import type { DomainStatus, DomainTotals } from "../engine/status.ts";
import { messageIn, ThreadFailedError } from "../errors.ts";
import { logForwarded, loggerFor } from "../logging.ts";
import { receivedError } from "../sent_errors.ts";
import { duckDbPacking as packing } from "../warehouse/duckdb/packing.ts";
import { serveWarehouse } from "../warehouse/other_thread/serve.ts";
import type { Warehouse } from "../warehouse/warehouse.ts";
import { added } from "./merged_status.ts";
import type { Order, Report, Run } from "./messages.ts";

/** A bundle has the worker's module beside it. */
const MODULE = new URL(
  import.meta.url.endsWith("/thread_link.ts") ? "./thread.ts" : "./freshet_thread.js",
  import.meta.url,
);

export interface ThreadLinkOptions {
  /** From 1 on. */
  readonly number: number;
  readonly config: Config;
  /** That the thread is to reach through this one; left out where it opens its own. */
  readonly warehouse?: Warehouse;
  readonly observer: Required<Observer>;
  readonly alerts?: AlertOptions;
  /** See `RunnerOptions`. */
  readonly sharers?: number;
  /** The worker's module, where it is another. */
  readonly module?: URL;
}

/** A thread that was begun. */
interface Begun {
  readonly worker: Worker;
  /** Of the warehouse. */
  readonly served?: AsyncDisposable;
}

export class ThreadLink implements AsyncDisposable {
  #begun: Promise<Begun> | undefined;
  #beginning: PromiseWithResolvers<void> | undefined;
  readonly #runs = new Map<string, PromiseWithResolvers<void>>();
  readonly #statuses = new Map<string, DomainStatus>();
  /** Of threads before it that have failed, by domain. */
  readonly #past = new Map<string, DomainTotals>();
  #closed: PromiseWithResolvers<void> | undefined;

  constructor(private readonly options: ThreadLinkOptions) {}

  /** How a domain is in the thread, if it has said so, with all that it has done. */
  status(domain: string): DomainStatus | undefined {
    const status = this.#statuses.get(domain);
    const past = this.#past.get(domain);
    return status && past ? { ...status, totals: added(past, status.totals) } : status;
  }

  /** Runs a domain there until it ends, or the signal is aborted and its last checkpoint is written. Rejects as a runner does. */
  async run(order: Omit<Run, "kind">, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { worker } = await (this.#begun ??= this.#begin());
    const ended = Promise.withResolvers<void>();
    this.#runs.set(order.domain, ended);
    const stop = () => send(worker, { kind: "stop", domain: order.domain });
    send(worker, { kind: "run", ...order });
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    try {
      await ended.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #begin(): Promise<Begun> {
    const { number, config, warehouse, alerts, sharers, module = MODULE } = this.options;
    const worker = new Worker(module, { type: "module", name: `freshet ${number}` });
    const { port1, port2 } = new MessageChannel();
    const served = warehouse && serveWarehouse({ warehouse, port: port1, packing });
    let hasFailed = false;
    const fail = (cause: Error) => {
      if (!hasFailed) void this.#fail({ worker, served }, cause);
      hasFailed = true;
    };
    worker.onmessage = ({ data }: MessageEvent<Report>) => {
      if (data.kind === "failed") fail(receivedError(data.error));
      else this.#hear(data);
    };
    // Its module could not be loaded.
    worker.onerror = (event) => {
      event.preventDefault();
      fail(new Error(event.message));
    };
    this.#beginning = Promise.withResolvers();
    const through = warehouse && { port: port2, description: warehouse.description };
    const begin = { kind: "begin", config: this.#configOf(config), alerts, sharers, warehouse: through } as const;
    send(worker, begin, through ? [port2] : []);
    try {
      await this.#beginning.promise;
    } catch (error) {
      // Nothing that it says from here on is of the one that is begun next.
      hasFailed = true;
      this.#begun = undefined;
      await this.#end({ worker, served });
      throw error;
    }
    return { worker, served };
  }

  /** A static member of a group has a name of its own. */
  #configOf(config: Config): Config {
    const { kafkaClient } = config;
    const { groupInstanceId: id } = kafkaClient;
    const own = id === undefined ? undefined : `${id}-${this.options.number}`;
    return { ...config, kafkaClient: { ...kafkaClient, groupInstanceId: own } };
  }

  #hear(report: Exclude<Report, { readonly kind: "failed" }>): void {
    const { observer } = this.options;
    switch (report.kind) {
      case "begun":
        return report.error ? this.#beginning!.reject(receivedError(report.error)) : this.#beginning!.resolve();
      case "statuses":
        return report.statuses.forEach((status) => this.#statuses.set(status.domain, status));
      case "ended":
        this.#statuses.set(report.domain, report.status);
        return this.#settle(report.domain, report.error && receivedError(report.error));
      case "checkpoint":
        return observer.checkpoint(report.domain, report.summary);
      case "restart":
        return observer.restart(report.domain, receivedError(report.error));
      case "deadLetterCopies":
        return observer.deadLetterCopies(report.domain, report.copies);
      case "line":
        return logForwarded(report.line);
      case "closed":
        return this.#closed?.resolve();
    }
  }

  #settle(domain: string, error: Error | undefined): void {
    const run = this.#runs.get(domain);
    this.#runs.delete(domain);
    if (error) run?.reject(error);
    else run?.resolve();
  }

  /** The thread has ended by itself: what ran in it has failed, and the next run begins another. */
  async #fail(begun: Begun, cause: Error): Promise<void> {
    const error = new ThreadFailedError(
      `Thread ${this.options.number} has failed, and is begun again with the next run: ${cause.message}`,
      { cause },
    );
    this.#begun = undefined;
    for (const [domain, status] of this.#statuses) {
      const past = this.#past.get(domain);
      this.#past.set(domain, past ? added(past, status.totals) : status.totals);
      // Its partitions are nobody's until another has them.
      const { totals: _, ...gone } = { ...status, partitions: [], openWindows: {}, pausedPartitions: 0 };
      this.#statuses.set(domain, { ...gone, totals: NOTHING });
    }
    // Runs that begin from here on are of the next thread.
    const runs = [...this.#runs.values()];
    this.#runs.clear();
    this.#beginning?.reject(error);
    await this.#end(begun);
    for (const run of runs) run.reject(error);
    this.#closed?.resolve();
  }

  /** Ends the worker at once, and closes what it has left open. */
  async #end({ worker, served }: Begun): Promise<void> {
    worker.terminate();
    try {
      await served?.[Symbol.asyncDispose]();
    } catch (error) {
      // Whoever waits for the end waits no longer than that.
      loggerFor("run").warn("What thread {number} has left open cannot be closed: {error}", {
        ...{ number: this.options.number, error: messageIn(error) },
      });
    }
  }

  /** Lets the thread close what it has open, and ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const begun = await this.#begun?.catch(() => undefined);
    if (!begun) return;
    this.#closed = Promise.withResolvers();
    send(begun.worker, { kind: "close" });
    await this.#closed.promise;
    await this.#end(begun);
  }
}

const NOTHING: DomainTotals = { records: 0, accepted: 0, deadLetters: 0, late: 0, checkpoints: 0, restarts: 0 };

function send(worker: Worker, order: Order, transfer: Transferable[] = []): void {
  worker.postMessage(order, transfer);
}
