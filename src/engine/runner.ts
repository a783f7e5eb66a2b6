// Runs one domain: joins the group, runs generation after generation, and after a failure goes back to the warehouse and tries
// again, a bounded number of times.

import { ExponentialBackoff } from "cockatiel";
import { FencedError, FreshetError, RowsRefusedError, TopicMissingError, WarehouseMemoryError } from "../errors.ts";
import type { TimeSettings } from "../domains/domain.ts";
import type { Subscription } from "../log/log.ts";
import type { Writer } from "../warehouse/warehouse.ts";
import { deadLetterTopic } from "./checkpoint.ts";
import { CondemnedRecordsError, type Outcome, runGeneration } from "./generation.ts";
import { Condemned } from "./ingest.ts";
import type { RunnerOptions } from "./options.ts";
import { checkOperators } from "./pipeline.ts";
import { Progress } from "./progress.ts";
import { runStartChecks } from "./start_checks.ts";
import type { DomainStatus } from "./status.ts";
import { UnitLimit } from "./unit_limit.ts";

const MAX_BACKOFF_MS = 30_000;

export class DomainRunner {
  readonly #options: RunnerOptions;
  readonly #time: TimeSettings;
  readonly #progress: Progress;
  readonly #condemned = new Condemned();
  readonly #unitLimit = new UnitLimit();

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { domain, clock, observer } = options;
    const overrides = Object.entries(options.time ?? {}).filter(([, value]) => value !== undefined);
    this.#time = { ...domain.time, ...Object.fromEntries(overrides) };
    this.#progress = new Progress(domain.name, domain.topic, () => clock.now(), observer);
  }

  status(): DomainStatus {
    return this.#progress.status();
  }

  /**
   * Runs until `signal` is aborted and a last checkpoint is written, or with `untilEnd` until the end is reached.
   * Rejects when the run cannot go on; everything committed before stays.
   */
  async run(signal: AbortSignal): Promise<void> {
    const draining = () => void (this.#progress.phase = "draining");
    signal.addEventListener("abort", draining, { once: true });
    try {
      await this.#ensureTopics();
      await runStartChecks(this.#options.domain, this.#options.warehouse, this.#options.logger);
      await this.#runWithRestarts(signal);
      this.#progress.phase = "stopped";
    } catch (error) {
      this.#progress.phase = "failed";
      this.#progress.lastError = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      signal.removeEventListener("abort", draining);
    }
  }

  /** The dead letter topic is made when it is missing; the domain's own is not: its partitions are its owner's choice. */
  async #ensureTopics(): Promise<void> {
    const { domain: { topic }, log } = this.#options;
    const [info] = await log.topics([topic]);
    if (!info) throw new TopicMissingError([topic]);
    const dlq = deadLetterTopic(topic);
    if ((await log.topics([dlq])).length === 0) await log.createTopics([{ topic: dlq, partitions: 1 }]);
  }

  async #runWithRestarts(signal: AbortSignal): Promise<void> {
    const { maxRestarts, clock, logger, domain } = this.#options;
    const freshBackoff = () => new ExponentialBackoff({ initialDelay: 250, maxDelay: MAX_BACKOFF_MS }).next();
    let backoff = freshBackoff();
    let failures = 0;
    while (!signal.aborted) {
      const checkpoints = this.#progress.checkpoints;
      try {
        return await this.#attempt(signal);
      } catch (error) {
        if (!isRetriable(error)) throw error;
        this.#progress.restarted(error);
        if (this.#condemn(error) || this.#makeSmaller(error)) continue;
        if (this.#progress.checkpoints > checkpoints) [failures, backoff] = [0, freshBackoff()];
        if (signal.aborted || ++failures > maxRestarts) throw error;
        this.#progress.phase = "restarting";
        const waitMs = Math.round(backoff.duration);
        logger.warn("{domain} failed and starts again in {waitMs} ms: {error}", {
          domain: domain.name,
          error: (error as Error).message,
          waitMs,
          failures,
          maxRestarts,
        });
        await clock.sleep(waitMs, signal).catch(() => {});
        backoff = backoff.next({});
      }
    }
  }

  /** Notes records that must become dead letters; says whether the failure was only that. */
  #condemn(error: unknown): boolean {
    if (error instanceof CondemnedRecordsError) return true;
    if (!(error instanceof RowsRefusedError)) return false;
    // A record that is a dead letter already and is refused again cannot be helped by condemning it: that is a failure.
    const added = error.rows.filter(({ table, partition, offset, detail }) =>
      this.#condemned.add(partition, offset, { stage: "write", reason: "row_refused", detail: `${table}: ${detail}` })
    );
    return added.length > 0;
  }

  /** Makes units smaller where the warehouse had not enough memory for one; says whether they are. */
  #makeSmaller(error: unknown): boolean {
    if (!(error instanceof WarehouseMemoryError) || !this.#unitLimit.halve()) return false;
    const { domain, logger } = this.#options;
    logger.warn(
      "{domain}: the warehouse has not enough memory for a unit, they have at most {bytes} bytes now: {error}",
      {
        domain: domain.name,
        bytes: this.#unitLimit.bytes,
        error: error.message,
      },
    );
    return true;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { domain, log, warehouse, group = domain.group } = this.#options;
    await using writer = await warehouse.writer(domain.name);
    await checkOperators(domain, writer);
    // Not the run's signal: the last checkpoint is written after that, and still commits the group's offsets.
    const { signal: never } = new AbortController();
    await using subscription = await log.subscribe({ topic: domain.topic, group, signal: never });
    // Not before: who cannot reach the warehouse does not stand by.
    this.#progress.phase = "waiting";
    await this.#runGenerations(subscription, writer, signal);
  }

  async #runGenerations(subscription: Subscription, writer: Writer, signal: AbortSignal): Promise<void> {
    const { logger, domain } = this.#options;
    while (!signal.aborted) {
      const generation = await untilAborted(subscription.nextGeneration(), signal);
      if (!generation) return;
      const standsBy = generation.partitions.length === 0;
      this.#progress.phase = standsBy ? "waiting" : "running";
      if (standsBy) this.#progress.assigned([]);
      const context = {
        options: this.#options,
        time: this.#time,
        writer,
        condemned: this.#condemned,
        progress: this.#progress,
        unitLimit: this.#unitLimit,
      };
      let outcome: Outcome;
      try {
        outcome = await runGeneration(context, generation, signal);
      } catch (error) {
        // A generation that has ended is fenced off from what it still wanted to write: that is how it should be.
        if (!(error instanceof FencedError && generation.signal.aborted)) throw error;
        outcome = "rebalanced";
      }
      if (outcome !== "rebalanced") return;
      this.#progress.phase = "waiting";
      logger.info("{domain}: the group rebalances", { domain: domain.name, generation: generation.id });
    }
  }
}

/** What the promise resolves with, or `undefined` when the signal is aborted first. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => aborted.resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    promise.catch(() => {});
  }
}

function isRetriable(error: unknown): boolean {
  return error instanceof CondemnedRecordsError || (error instanceof FreshetError && error.retriable);
}
