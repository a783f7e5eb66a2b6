// Threads that share the partitions of every domain. Each is to a domain's group what a process is; what they do together is one
// run to the supervision, the status and the metrics.

import type { DomainStatus } from "../engine/status.ts";
import type { Domain } from "../domains/domain.ts";
import type { TimeBefore } from "../engine/options.ts";
import { messageIn } from "../errors.ts";
import type { Runner, RunnerOptions, Threads, ThreadsOptions } from "../parts.ts";
import { everyObserver } from "../wiring.ts";
import { mergedStatus } from "./merged_status.ts";
import { ThreadLink } from "./thread_link.ts";

/** Works everything off, and closes nothing. */
const CLOSES_NOTHING: TimeBefore = { watermarks: new Map(), closed: [] };

export interface WorkerThreadsOptions extends ThreadsOptions {
  /** Makes a runner in this thread. */
  readonly createRunner: (options: RunnerOptions) => Runner;
  /** The worker's module, where it is another. */
  readonly module?: URL;
}

export class WorkerThreads implements Threads {
  readonly #links: readonly ThreadLink[];

  constructor(private readonly options: WorkerThreadsOptions) {
    const { config, warehouse, observers, alerts, sharers, module } = options;
    const observer = everyObserver(observers);
    // Snowflake takes as many sessions as there are; of a file only one thread writes.
    const through = config.snowflake ? undefined : warehouse;
    this.#links = Array.from(
      { length: config.threads },
      (_, i) => new ThreadLink({ number: i + 1, config, warehouse: through, observer, alerts, sharers, module }),
    );
  }

  runner(domain: Domain): Runner {
    return new ThreadedRunner(domain, this.#links, this.options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#links.map((link) => link[Symbol.asyncDispose]()));
  }
}

/** A domain in all of the threads. */
class ThreadedRunner implements Runner {
  readonly #untilEnd: boolean | TimeBefore;
  /** Runs in this thread at the end of an input: what all partitions close together is closed once all are worked off. */
  readonly #last: Runner;
  #isLast = false;
  #topicPartitions = 0;
  /** How it is since it has failed, until it is run again. */
  #failure: Pick<DomainStatus, "lastError" | "retryAt"> | undefined;

  constructor(
    private readonly domain: Domain,
    private readonly links: readonly ThreadLink[],
    private readonly options: WorkerThreadsOptions,
  ) {
    this.#untilEnd = options.untilEnd;
    this.#last = options.createRunner({ ...options, domain });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#failure = undefined;
    const [topic] = await this.options.log.topics([this.domain.topic]);
    this.#topicPartitions = topic?.partitions.length ?? 0;
    await this.#runThreads(signal);
    if (!this.#untilEnd || signal.aborted) return;
    this.#isLast = true;
    await this.#last.run(signal);
  }

  /** Rejects with what failed first, when the other threads have written a last checkpoint. */
  async #runThreads(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const order = { domain: this.domain.name, untilEnd: this.#untilEnd && CLOSES_NOTHING };
    const ends = AbortSignal.any([signal, failed.signal]);
    const failures: unknown[] = [];
    await Promise.all(this.links.map(async (link) => {
      try {
        await link.run(order, ends);
      } catch (error) {
        failures.push(error);
        failed.abort();
      }
    }));
    if (failures.length > 0) throw failures[0];
  }

  status(): DomainStatus {
    const statuses = this.links.flatMap((link) => link.status(this.domain.name) ?? []);
    if (this.#isLast || statuses.length === 0) statuses.push(this.#last.status());
    const status = mergedStatus(statuses, this.#topicPartitions);
    return this.#failure ? { ...status, phase: "failed", ...this.#failure } : status;
  }

  failed(error: unknown): void {
    this.#failure = { lastError: messageIn(error), retryAt: null };
  }

  retriesAt(retryAt: number): void {
    if (this.#failure) this.#failure = { ...this.#failure, retryAt };
  }
}
