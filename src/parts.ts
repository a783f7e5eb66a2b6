// The parts that the program is made of, as it asks for them: adapters, domains and the engine, each opened only when it is
// asked for. wiring.ts has the real ones, tests hand in others. Knows nothing of order or lifetime: app.ts and the verbs open and close.
import ownSql from "../sql/freshet.sql" with { type: "text" };
import type { Cache } from "./cache/cache.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/mod.ts";
import type { Domain, DomainModule } from "./domains/domain.ts";
import type { AlertOptions, Observer, TimeBefore } from "./engine/options.ts";
import type { DomainStatus } from "./engine/status.ts";
import { isRetriable, TopicMissingError } from "./errors.ts";
import { provideCopy } from "./keyed_copy.ts";
import type { Log } from "./log/log.ts";
import type { Script, Warehouse, WarehouseTraits } from "./warehouse/warehouse.ts";

/** Runs one domain. */
export interface Runner {
  /** Resolves after the signal was aborted and the last checkpoint is written, or when everything is worked off. */
  run(signal: AbortSignal): Promise<void>;
  status(): DomainStatus;
  /** Tells its status that it has failed: as a run of it, or before one. */
  failed(error: unknown): void;
  /** Tells its status when it will be run again. Epoch milliseconds. */
  retriesAt(at: number): void;
}

export interface RunnerOptions {
  readonly domain: Domain;
  readonly log: Log;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** What time it is for the domain's events; the clock's when left out. Epoch milliseconds. */
  readonly eventNow?: () => number;
  /** Who are told of checkpoints. */
  readonly observers: readonly Observer[];
  readonly config: Config;
  readonly untilEnd: boolean | TimeBefore;
  /** Who is told of alerts; nobody when left out. */
  readonly alerts?: AlertOptions;
  /** How many runners share the process's memory for state; 1 when left out. */
  readonly sharers?: number;
}

export interface CacheOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** Called when it turns out whether the cache can be reached, and when that changes. */
  readonly onChange: (reachable: boolean) => void;
}

export interface ThreadsOptions extends Omit<RunnerOptions, "domain" | "eventNow"> {
  readonly domains: readonly Domain[];
}

/** Threads that share the partitions of domains. To dispose of them waits for what they have open. */
export interface Threads extends AsyncDisposable {
  /** Runs a domain in all of them. */
  runner(domain: Domain): Runner;
}

/** Everything that differs between the real program and a test of the command line. */
export interface Parts {
  /** All domains, as they are declared. */
  readonly modules: readonly DomainModule[];
  /** All domains, built from their settings. */
  domains(config: Config): readonly Domain[];
  openLog(config: Config, clock: Clock): Promise<Log>;
  /** `isAlone`: nothing but the queries of one verb is done with it. */
  openWarehouse(config: Config, clock: Clock, options?: { readonly isAlone?: boolean }): Promise<Warehouse>;
  /** What the warehouse says of itself, before it is opened. */
  warehouseTraits(config: Config): WarehouseTraits;
  openCache(options: CacheOptions): Promise<Cache>;
  /** Where the warehouse's file would be, if there is none yet. */
  warehouseMissing(config: Config): Promise<string | undefined>;
  createRunner(options: RunnerOptions): Runner;
  /** As many threads as the configuration says; absent where there is none but this one. */
  openThreads?(options: ThreadsOptions): Promise<Threads>;
}

/** The scripts that make the tables: Freshet's own first, then the domains'. */
export function scriptsOf(domains: readonly Domain[]): readonly Script[] {
  return [{ name: "freshet", text: ownSql }, ...domains.map(({ name, sql }) => ({ name, text: sql }))];
}

/** The consumer group that a domain reads in. */
export function groupOf(config: Config, domain: Domain): string {
  return config.groupId === undefined ? domain.group : `${config.groupId}-${domain.name}`;
}

/**
 * Makes sure that the domains' topics are there. On the embedded log the missing ones are created, their names returned;
 * on Kafka how they should be is their owner's choice: one that is missing is its domain's failure. Keyed copies are made like
 * what they are of; one that cannot be is its domain's failure, too. Throws `TopicMissingError` when there is none of them.
 */
export async function provideTopics(
  log: Log,
  domains: readonly Domain[],
  config: Config,
): Promise<readonly string[]> {
  const topics = domains.map(({ topic, copyOf }) => copyOf ?? topic);
  const created = log.kind === "embedded"
    ? await log.createTopics(topics.map((topic) => ({ topic, partitions: config.topicPartitions })))
    : [];
  if (log.kind !== "embedded" && (await log.topics(topics)).length === 0) throw new TopicMissingError(topics);
  const copies: string[] = [];
  for (const domain of domains.filter(({ copyOf }) => copyOf !== undefined)) {
    try {
      copies.push(...await provideCopy(log, domain));
    } catch (error) {
      if (isRetriable(error)) throw error;
    }
  }
  return [...created, ...copies];
}
