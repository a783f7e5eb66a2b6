// The domains' ways to read over HTTP, tied to the warehouse and the cache: what is read is kept, and forgotten when a checkpoint
// has changed it. The one place where the engine's, the cache's and the warehouse's side of a read meet.

import { type Cache, HOLD_MS } from "./cache/cache.ts";
import type { Clock, EventNow } from "./clock.ts";
import type { Config } from "./config/mod.ts";
import type { Domain, ReadRoute } from "./domains/domain.ts";
import type { Observer } from "./engine/options.ts";
import type { ReadSource } from "./http/mod.ts";
import { addReadCounter, type Metrics } from "./metrics/mod.ts";
import type { Parts } from "./parts.ts";
import type { Warehouse } from "./warehouse/warehouse.ts";

/** Shorter than the cache holds a deleted key, so that what was read before a commit is not kept after it. */
const READ_MS = HOLD_MS / 2;

export interface CachedReadOptions {
  readonly warehouse: Pick<Warehouse, "query">;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly expiryMs: number;
  readonly metrics: Pick<Metrics, "registry">;
}

/** Reads the rows of one route. `S` is what the route keeps of a row. */
export class CachedRead<S> {
  /** Reads under way, so that many who ask for the same key at once cost one. */
  readonly #reading = new Map<string, Promise<S | null>>();
  readonly #counter;

  constructor(private readonly route: ReadRoute<never, S>, private readonly options: CachedReadOptions) {
    this.#counter = addReadCounter(options.metrics, route.counter);
  }

  /** What is kept of the key's row; `undefined` where there is none. Rejects with the warehouse's errors. */
  async of(key: string): Promise<S | undefined> {
    const cached = await this.options.cache.get(this.#cacheKey(key));
    this.#counter.inc({ source: cached === undefined ? "warehouse" : "cache" });
    if (cached !== undefined) return (JSON.parse(cached) as S | null) ?? undefined;
    return await (this.#reading.get(key) ?? this.#startReading(key)) ?? undefined;
  }

  #startReading(key: string): Promise<S | null> {
    const reading = this.#read(key).finally(() => {
      // After a commit another may have begun.
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    });
    this.#reading.set(key, reading);
    return reading;
  }

  /** To be told of checkpoints: what they have changed is forgotten. */
  readonly observer: Required<Pick<Observer, "checkpoint" | "restart">> = {
    checkpoint: (_domain, { upserts }) => {
      const { table: changed, keyColumn } = this.route.row;
      const keys = upserts.filter(({ table }) => table === changed)
        .flatMap(({ rows }) => rows.map((row) => String(row[keyColumn])));
      for (const key of keys) this.#reading.delete(key);
      if (keys.length > 0) void this.options.cache.delete(keys.map((key) => this.#cacheKey(key)));
    },
    // What was committed in between may not have been told.
    restart: () => {
      this.#reading.clear();
      void this.options.cache.clear();
    },
  };

  async #read(key: string): Promise<S | null> {
    const { warehouse, cache, clock, expiryMs } = this.options;
    const begin = clock.monotonic();
    const { rows } = await warehouse.query(this.route.row.sql, { binds: [key], maxRows: 1, timeoutMs: READ_MS });
    const found = rows[0] === undefined ? null : this.route.row.read(rows[0]);
    // Nobody waits for it to be kept.
    if (clock.monotonic() - begin < READ_MS) void cache.set(this.#cacheKey(key), JSON.stringify(found), expiryMs);
    return found;
  }

  #cacheKey(key: string): string {
    return `${this.route.row.cachePrefix}:${key}`;
  }
}

export interface ReadSourcesOptions {
  readonly config: Config;
  readonly parts: Pick<Parts, "openCache">;
  readonly clock: Clock;
  readonly warehouse: Pick<Warehouse, "query">;
  readonly metrics: Metrics;
  readonly eventNow?: EventNow;
  /** Closes the cache. */
  readonly stack: AsyncDisposableStack;
}

/** What it takes to answer the domains' read routes. */
export interface ReadSources {
  readonly reads: readonly ReadSource[];
  readonly observers: readonly Observer[];
  /** Whether the cache can be reached; left out where that is no question. */
  readonly isCacheReachable?: () => boolean;
}

/** A source for each read route that the domains declare; the cache is opened where there are any. */
export async function openReadSources(domains: readonly Domain[], options: ReadSourcesOptions): Promise<ReadSources> {
  const { config, parts, clock, metrics, stack } = options;
  const routes = domains.flatMap((domain) => (domain.reads ?? []).map((route) => ({ route, domain })));
  if (routes.length === 0) return { reads: [], observers: [] };
  const kind = config.cache.redisUrl === undefined ? "memory" : "redis";
  metrics.cacheReachable.set({ kind }, kind === "memory" ? 1 : 0);
  const onChange = (reachable: boolean) => metrics.cacheReachable.set({ kind }, reachable ? 1 : 0);
  const cache = stack.use(await parts.openCache({ config, clock, onChange }));
  const opened = routes.map(({ route, domain }) => ({
    route,
    simulatedNow: options.eventNow?.(domain),
    rows: new CachedRead(route, { ...options, cache, expiryMs: config.cache.expiryMs }),
  }));
  return {
    reads: opened.map(({ rows, ...source }) => ({ ...source, read: (key) => rows.of(key) })),
    observers: opened.map(({ rows }) => rows.observer),
    isCacheReachable: kind === "redis" ? () => cache.status().reachable : undefined,
  };
}
