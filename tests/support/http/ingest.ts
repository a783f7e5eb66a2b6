// A real API over a real embedded log, for a domain with a way in: what tests and scripts post events to.
import { systemClock } from "../../../src/clock.ts";
import { readConfig } from "../../../src/config/mod.ts";
import { defineDomains, type Domain, domainModules } from "../../../src/domains/mod.ts";
import { type ApiOptions, createApi } from "../../../src/http/mod.ts";
import { ingestSources } from "../../../src/ingest_sources.ts";
import { type EmbeddedLog, openEmbeddedLog } from "../../../src/log/embedded.ts";
import { BatchedProducer, type BatchLimits } from "../../../src/log/batched_producer.ts";
import type { Log } from "../../../src/log/log.ts";
import { setUpLogging } from "../../../src/logging.ts";
import { createMetrics } from "../../../src/metrics/mod.ts";

export const TOPIC = "ats_telemetry";

/** A report that is right, as of now. */
export function report(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    timestamp: new Date().toISOString(),
    train_id: "V101",
    passenger_count: 300,
    total_weight_tons: 250.5,
    power_draw_kw: 1200,
    speed_kmh: 60,
    latitude: 48.1,
    longitude: 11.5,
    ...changes,
  };
}

/** Trains with two ways in: one that needs a body, and one that makes reports by itself. */
function domains(): readonly Domain[] {
  const trains = defineDomains(readConfig({}, domainModules).domains).find(({ name }) => name === "trains")!;
  const ingest = { path: "/reports" as const, summary: "A report", example: report(), timeField: "timestamp" };
  return [
    { ...trains, ingest },
    { ...trains, ingest: { ...ingest, path: "/generated", generates: true } },
  ];
}

export interface Bench extends AsyncDisposable {
  readonly log: EmbeddedLog;
  readonly options: ApiOptions;
  /** Sends a request to the routes, without a server. */
  post(path: string, init?: RequestInit): Promise<Response>;
  /** Records in the topic. */
  count(): Promise<number>;
}

export interface BenchOptions {
  readonly api?: Partial<ApiOptions>;
  readonly limits?: BatchLimits;
  /** Stands between the API and the log. */
  readonly through?: (log: Log) => Pick<Log, "produce">;
}

/** Opens a log in a new folder and the API over it. */
export async function openBench({ api: changes, limits, through }: BenchOptions = {}): Promise<Bench> {
  setUpLogging({ level: "error", format: "text", colors: false, secrets: [], write: () => {} });
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_http_" });
  const log = await openEmbeddedLog({ dataDir });
  await log.createTopics([{ topic: TOPIC, partitions: 2 }]);
  const group = new BatchedProducer(through?.(log) ?? log, systemClock, limits);
  let made = 0;
  const options: ApiOptions = {
    hostname: "127.0.0.1",
    pid: Deno.pid,
    version: "0.0.0",
    tokens: { api: undefined, run: "run-token" },
    statuses: () => [],
    isLogReachable: () => Promise.resolve(true),
    isWarehouseReachable: () => Promise.resolve(true),
    metrics: createMetrics(),
    clock: systemClock,
    skip: () => Promise.resolve("recorded"),
    query: () => Promise.resolve({ columns: [], rows: [], truncated: false }),
    ingest: ingestSources(domains(), {
      group,
      config: { time: NO_TIME },
      makeEvents: () => () => report({ train_id: `G${made++}` }),
    }),
    reads: [],
    rateLimit: Infinity,
    ...changes,
  };
  const api = createApi(options);
  return {
    log,
    options,
    post: async (path, init = {}) => await api.request(`http://127.0.0.1:8000${path}`, { method: "POST", ...init }),
    async count() {
      const [info] = await log.topics([TOPIC]);
      return info!.partitions.reduce((sum, { low, high }) => sum + high - low, 0);
    },
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

const NO_TIME = {
  maxOutOfOrdernessMs: undefined,
  allowedLatenessMs: undefined,
  idleAfterMs: undefined,
  maxFutureSkewMs: undefined,
  backfillAfterMs: undefined,
};
