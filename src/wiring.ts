// The real parts of the program: which log and which warehouse the configuration asks for, and the engine. Adapters are
// imported when they are needed, so that a verb starts fast and does not touch clients it has no use for.
import { join } from "node:path";
import type { Cache } from "./cache/cache.ts";
import { memoryCache } from "./cache/memory.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/mod.ts";
import { defineDomains, type Domain, domainModules, jsonSchemaOf } from "./domains/mod.ts";
import { DomainRunner, type Observer } from "./engine/mod.ts";
import { asProduced, readingCopies } from "./keyed_copy.ts";
import type { Log } from "./log/log.ts";
import type { TopicSchema } from "./log/registered_log.ts";
import { loggerFor } from "./logging.ts";
import {
  type CacheOptions,
  groupOf,
  type Parts,
  type RunnerOptions,
  type Threads,
  type ThreadsOptions,
} from "./parts.ts";
import { repeatedWarnings } from "./repeated_warnings.ts";
import { DUCKDB } from "./warehouse/duckdb/traits.ts";
import { SNOWFLAKE } from "./warehouse/snowflake/traits.ts";
import type { Warehouse } from "./warehouse/warehouse.ts";

/** See {@link Parts}. */
export const productionParts: Parts = {
  modules: domainModules,
  domains: domainsOf,
  openLog,
  openWarehouse,
  warehouseTraits: (config) => config.snowflake ? SNOWFLAKE : DUCKDB,
  openCache,
  warehouseMissing,
  createRunner,
  openThreads,
};

function domainsOf(config: Config): readonly Domain[] {
  return readingCopies(defineDomains(config.domains), config.keyedCopies);
}

async function openLog(config: Config, clock: Clock): Promise<Log> {
  const logger = loggerFor("log");
  const log = await openLogAlone(config, clock);
  if (!config.schemaRegistry) return log;
  const { openRegisteredLog } = await import("./log/registered_log.ts");
  return openRegisteredLog({
    log,
    registry: config.schemaRegistry,
    schemas: topicSchemas(domainsOf(config)),
    clock,
    onWarning: (message) => logger.warn("{message}", { message }),
  });
}

/** What the topics of domains are written by, as the Schema Registry is told. */
function topicSchemas(domains: readonly Domain[]): Map<string, TopicSchema> {
  const schemas = domains.map(asProduced).flatMap(({ topic, schema, schemaSubject: subject }) =>
    subject === undefined ? [] : [[topic, { subject, schema: JSON.stringify(jsonSchemaOf(schema)) }] as const]
  );
  return new Map(schemas);
}

async function openLogAlone(config: Config, clock: Clock): Promise<Log> {
  const logger = loggerFor("log");
  const chatter = repeatedWarnings(logger, clock);
  const onWarning = (message: string) =>
    message.startsWith("kafkajs:") ? chatter(message) : logger.warn("{message}", { message });
  if (config.kafka) {
    const { openKafkaLog } = await import("./log/kafka.ts");
    const { kafkaSettings } = await import("./kafka_settings.ts");
    const settings = { ...await kafkaSettings(config.kafka, clock), ...config.kafkaClient };
    return await openKafkaLog({ settings, clock, onWarning });
  }
  const { openEmbeddedLog } = await import("./log/embedded.ts");
  return await openEmbeddedLog({
    dataDir: config.dataDir,
    clock,
    retention: { maxAgeMs: config.logRetention.hours * 3_600_000, maxPartitionBytes: config.logRetention.bytes },
    onWarning,
  });
}

async function openWarehouse(config: Config, clock: Clock, { isAlone = false } = {}): Promise<Warehouse> {
  if (config.snowflake) {
    const { openSnowflake } = await import("./warehouse/snowflake.ts");
    const { requestBytes, ...snowflake } = config.snowflake;
    const logger = loggerFor("warehouse");
    return await openSnowflake({
      ...snowflake,
      limits: { requestBytes },
      onWarning: (message) => logger.warn("{message}", { message }),
    });
  }
  const { openDuckDb } = await import("./warehouse/duckdb.ts");
  return await openDuckDb({
    path: warehousePath(config),
    memoryLimit: config.duckdbMemory,
    userMemory: config.queryMemory,
    isAlone,
    tempSpace: config.duckdbTemp,
    now: () => clock.now(),
  });
}

async function openCache({ config, clock, onChange }: CacheOptions): Promise<Cache> {
  const { redisUrl } = config.cache;
  if (redisUrl === undefined) return memoryCache({ clock });
  const { redisCache } = await import("./cache/redis.ts");
  const logger = loggerFor("cache");
  const cache = redisCache({
    url: redisUrl,
    clock,
    onChange({ reachable, detail }) {
      onChange(reachable);
      const redis = cache.description;
      if (reachable) logger.info("Redis at {redis} can be reached", { redis });
      else logger.warn("Redis at {redis} cannot be reached ({detail}): all goes on without it", { redis, detail });
    },
  });
  return cache;
}

async function warehouseMissing(config: Config): Promise<string | undefined> {
  if (config.snowflake) return undefined;
  const path = warehousePath(config);
  try {
    await Deno.stat(path);
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

function warehousePath(config: Config): string {
  return join(config.dataDir, "freshet.duckdb");
}

function checkpoints(config: Config, warehouse: Warehouse, sharers: number) {
  const { rows, ms, backlogRows, onTicks, isShared } = warehouse.checkpoints;
  return {
    checkpointRows: config.checkpointRows ?? rows,
    checkpointMs: config.checkpointMs ?? ms,
    checkpointOnTicks: onTicks ?? false,
    checkpointBacklogRows: config.checkpointBacklogRows ?? Math.ceil(isShared ? backlogRows / sharers : backlogRows),
  };
}

/** Records that wait for the next checkpoint, however long, do not stand still. */
export function patienceOf(
  { standstillMs, stallMs, checkpointMs }: Pick<Config, "standstillMs" | "stallMs" | "checkpointMs">,
  { checkpoints }: Pick<Warehouse, "checkpoints">,
): { readonly outsideMs: number; readonly stallMs: number } {
  return { outsideMs: standstillMs, stallMs: stallMs + (checkpointMs ?? checkpoints.ms) };
}

function createRunner(options: RunnerOptions): DomainRunner {
  const { domain, log, warehouse, clock, observers, config, untilEnd, eventNow, alerts, sharers = 1 } = options;
  return new DomainRunner({
    domain,
    log,
    warehouse,
    clock,
    logger: loggerFor(domain.name),
    observer: everyObserver(observers),
    group: groupOf(config, domain),
    deadLetterSuffix: config.deadLetterSuffix,
    time: config.time,
    eventNow,
    ...checkpoints(config, warehouse, sharers),
    untilEnd,
    stateMemory: {
      bytes: config.stateMemoryBytes / sharers,
      folder: config.dataDir,
      // What is worked off once more has tables of its own.
      isKept: typeof untilEnd !== "object",
    },
    maxRestarts: config.maxRestarts,
    patience: patienceOf(config, warehouse),
    onDamage: config.onDamage,
    alerts,
    // A DuckDB file is of one process, whose threads share the partitions out among themselves.
    expectsAllPartitions: config.snowflake === undefined && config.threads === 1,
  });
}

async function openThreads(options: ThreadsOptions): Promise<Threads> {
  const { WorkerThreads } = await import("./threads/worker_threads.ts");
  return new WorkerThreads({ ...options, createRunner });
}

/** Tells each of them. */
export function everyObserver(observers: readonly Observer[]): Required<Observer> {
  return {
    checkpoint(domain, summary) {
      for (const observer of observers) observer.checkpoint?.(domain, summary);
    },
    restart(domain, error) {
      for (const observer of observers) observer.restart?.(domain, error);
    },
    deadLetterCopies(domain, copies) {
      for (const observer of observers) observer.deadLetterCopies?.(domain, copies);
    },
  };
}
