// Runs one domain: joins the group, runs generation after generation, and after a failure goes back to the warehouse and tries
// again, a bounded number of times.

import { ExponentialBackoff } from "cockatiel";
import {
  FencedError,
  isRetriable,
  LogUnavailableError,
  RowsRefusedError,
  TopicMissingError,
  WarehouseMemoryError,
} from "../errors.ts";
import type { TimeSettings } from "../domains/domain.ts";
import type { Subscription } from "../log/log.ts";
import type { Writer } from "../warehouse/warehouse.ts";
import { CondemnedRecordsError, type Outcome, runGeneration } from "./generation.ts";
import { DeadLetterCopies } from "./dead_letter_copies.ts";
import { DeadLetterTopic, deadLetterTopic } from "./dead_letter_topic.ts";
import { Condemned } from "./ingest.ts";
import type { RunnerOptions } from "./options.ts";
import { checkOperators } from "./pipeline.ts";
import { Progress } from "./progress.ts";
import { runStartChecks } from "./start_checks.ts";
import type { StandstillPatience } from "./standstill.ts";
import type { DomainStatus } from "./status.ts";
import { UnitLimit } from "./unit_limit.ts";

const MAX_BACKOFF_MS = 30_000;
/** Asking a log costs nothing: whoever waits for it goes on soon after it is back. */
const MAX_LOG_BACKOFF_MS = 5_000;
const TELL_AGAIN_MS = 60_000;

/** The log is away, or the dead letter topic alone. */
type Trouble = "log" | "copies";

/** See `StandstillPatience`. */
const PATIENCE: StandstillPatience = { outsideMs: 15_000, stallMs: 300_000 };

export class DomainRunner {
  readonly #options: RunnerOptions;
  readonly #time: TimeSettings;
  readonly #progress: Progress;
  readonly #condemned = new Condemned();
  readonly #copies: DeadLetterCopies;
  readonly #unitLimit = new UnitLimit();
  /** What the domain wants looked at has been. */
  #isChecked = false;
  /** What was last told of each kind of trouble that may last. */
  readonly #told = new Map<Trouble, { readonly message: string; readonly atMs: number }>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { domain, clock, observer } = options;
    const overrides = Object.entries(options.time ?? {}).filter(([, value]) => value !== undefined);
    this.#time = { ...domain.time, ...Object.fromEntries(overrides) };
    const patience = { ...PATIENCE, ...options.patience };
    this.#progress = new Progress({ domain: domain.name, topic: domain.topic, clock, patience, observer });
    this.#copies = this.#createCopies(deadLetterTopic(domain.topic, options.deadLetterSuffix));
  }

  status(): DomainStatus {
    return this.#progress.status();
  }

  /** The run of the domain has failed, or what must come before it. */
  failed(error: unknown): void {
    this.#progress.phase = "failed";
    this.#progress.lastError = error instanceof Error ? error.message : String(error);
  }

  /** Tells when the domain, which has failed, is tried again. Epoch milliseconds. */
  retriesAt(at: number): void {
    this.#progress.retryAt = at;
  }

  /**
   * Runs until `signal` is aborted and a last checkpoint is written, or with `untilEnd` until the end is reached.
   * Rejects when the run cannot go on; everything committed before stays, and it may be called again.
   */
  async run(signal: AbortSignal): Promise<void> {
    const draining = () => void (this.#progress.phase = "draining");
    signal.addEventListener("abort", draining, { once: true });
    this.#progress.retryAt = null;
    if (this.#progress.phase === "failed") this.#progress.phase = "restarting";
    try {
      await this.#runWithRestarts(signal);
      this.#progress.phase = "stopped";
    } catch (error) {
      this.failed(error);
      throw error;
    } finally {
      await this.#copies.close();
      signal.removeEventListener("abort", draining);
    }
  }

  #createCopies(topic: string): DeadLetterCopies {
    const { log, clock, logger, domain: { name: domain } } = this.#options;
    return new DeadLetterCopies(new DeadLetterTopic(log, topic), clock, {
      changed: (copies) => {
        this.#progress.copiesChanged(copies);
        const { leftOut, why } = copies;
        if (leftOut === 0) return;
        logger.warn("{leftOut} dead letters are in DEAD_LETTERS and not in {topic}: {why}", {
          ...{ domain, topic, leftOut, why },
        });
      },
      waiting: (count, why) => {
        const message = `Dead letters cannot be copied to ${topic}, and are tried again: ${why}`;
        const level = this.#isNews("copies", message) ? "warn" : "debug";
        logger[level]("{message}", { domain, message, count });
      },
    });
  }

  /** The dead letter topic is made when it is missing; the domain's own is not: its partitions are its owner's choice. */
  async #ensureTopics(): Promise<void> {
    const { domain: { topic }, log, deadLetterSuffix } = this.#options;
    const [info] = await log.topics([topic]);
    if (!info) throw new TopicMissingError([topic]);
    const dlq = deadLetterTopic(topic, deadLetterSuffix);
    if ((await log.topics([dlq])).length === 0) await log.createTopics([{ topic: dlq, partitions: 1 }]);
  }

  async #runWithRestarts(signal: AbortSignal): Promise<void> {
    const { maxRestarts, clock, logger, domain, untilEnd } = this.#options;
    const freshBackoff = () => new ExponentialBackoff({ initialDelay: 250, maxDelay: MAX_BACKOFF_MS }).next();
    let backoff = freshBackoff();
    let failures = 0;
    while (!signal.aborted) {
      const checkpoints = this.#progress.checkpoints;
      try {
        return await this.#attempt(signal);
      } catch (error) {
        if (!canStartAgain(error)) throw error;
        this.#progress.restarted(error);
        if (this.#condemn(error) || this.#makeSmaller(error)) continue;
        if (this.#progress.checkpoints > checkpoints) [failures, backoff] = [0, freshBackoff()];
        // A log that is away comes back, however long that takes; who is stopped meanwhile has nothing to write.
        const isWaiting = error instanceof LogUnavailableError && !untilEnd;
        if (signal.aborted && isWaiting) return;
        if (signal.aborted) throw error;
        if (!isWaiting && ++failures > maxRestarts) throw error;
        this.#progress.phase = "restarting";
        const waitMs = Math.round(Math.min(backoff.duration, isWaiting ? MAX_LOG_BACKOFF_MS : MAX_BACKOFF_MS));
        const level = isWaiting && !this.#isNews("log", (error as Error).message) ? "debug" : "warn";
        logger[level]("{domain} failed and starts again in {waitMs} ms: {error}", {
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

  /** The same failure is told once in a while: a log may be away for hours. */
  #isNews(trouble: Trouble, message: string): boolean {
    const now = this.#options.clock.monotonic();
    const last = this.#told.get(trouble);
    if (last?.message === message && now - last.atMs < TELL_AGAIN_MS) return false;
    this.#told.set(trouble, { message, atMs: now });
    return true;
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
      "{domain}: the warehouse ran out of memory in a checkpoint; each has at most {bytes} bytes of records now, and it goes on: {error}",
      {
        domain: domain.name,
        bytes: this.#unitLimit.bytes,
        error: error.message,
      },
    );
    return true;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { domain, log, warehouse, group = domain.group, logger } = this.#options;
    await this.#ensureTopics();
    if (!this.#isChecked) await runStartChecks(domain, warehouse, logger);
    this.#isChecked = true;
    await using writer = await warehouse.writer(domain.name, domain.raw);
    await checkOperators(domain, writer);
    // Not the run's signal: the last checkpoint is written after that, and still commits the group's offsets.
    const { signal: never } = new AbortController();
    await using subscription = await log.subscribe({ topic: domain.topic, group, signal: never });
    this.#progress.subscription = subscription;
    await this.#runGenerations(subscription, writer, signal);
    // Leaving the group may take long.
    this.#progress.phase = "stopped";
  }

  async #runGenerations(subscription: Subscription, writer: Writer, signal: AbortSignal): Promise<void> {
    const { logger, domain } = this.#options;
    while (!signal.aborted) {
      const generation = await untilAborted(subscription.nextGeneration(), signal);
      if (!generation) return;
      const standsBy = generation.partitions.length === 0;
      if (standsBy) {
        this.#progress.phase = "standby";
        this.#progress.assigned(generation, []);
      }
      const context = {
        options: this.#options,
        time: this.#time,
        writer,
        condemned: this.#condemned,
        copies: this.#copies,
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
      this.#progress.phase = "joining";
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

function canStartAgain(error: unknown): boolean {
  return error instanceof CondemnedRecordsError || isRetriable(error);
}
