// Recommendations for those who ask over HTTP: read from the warehouse, kept in the cache, and forgotten there when newer sleep
// of the user has been committed. The one place where the engine's, the cache's and the warehouse's side of them meet.

import { type Cache, HOLD_MS } from "./cache/cache.ts";
import type { Clock } from "./clock.ts";
import type { Recommendation } from "./domains/circadian/recommendation.ts";
import type { Observer } from "./engine/options.ts";
import type { Metrics } from "./metrics/mod.ts";
import type { Warehouse } from "./warehouse/warehouse.ts";

/** The domain whose tables they are in. */
export const RECOMMENDING_DOMAIN = "circadian";
const PARTS_TABLE = "RECOMMENDATIONS_PARTS";
/** Shorter than the cache holds a deleted key, so that what was read before a commit is not kept after it. */
const READ_MS = HOLD_MS / 2;

/** A user's row of `RECOMMENDATIONS`. */
export interface StoredRecommendation {
  readonly recommendation: Recommendation;
  /** ISO 8601, UTC. */
  readonly updatedAt: string;
}

export interface RecommendationsOptions {
  readonly warehouse: Pick<Warehouse, "query">;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly expiryMs: number;
  readonly metrics: Pick<Metrics, "recommendations">;
}

export class Recommendations {
  /** Reads under way, so that many who ask for the same user at once cost one. */
  readonly #reading = new Map<string, Promise<StoredRecommendation | null>>();

  constructor(private readonly options: RecommendationsOptions) {}

  /** The user's recommendation; `undefined` for whom none is known. Rejects with the warehouse's errors. */
  async of(user: string): Promise<StoredRecommendation | undefined> {
    const { cache, metrics } = this.options;
    const cached = await cache.get(keyOf(user));
    metrics.recommendations.inc({ source: cached === undefined ? "warehouse" : "cache" });
    if (cached !== undefined) return (JSON.parse(cached) as StoredRecommendation | null) ?? undefined;
    return await (this.#reading.get(user) ?? this.#startReading(user)) ?? undefined;
  }

  #startReading(user: string): Promise<StoredRecommendation | null> {
    const reading = this.#read(user).finally(() => {
      // After a commit another may have begun.
      if (this.#reading.get(user) === reading) this.#reading.delete(user);
    });
    this.#reading.set(user, reading);
    return reading;
  }

  /** To be told of checkpoints: whose recommendation has changed is forgotten. */
  readonly observer: Required<Pick<Observer, "checkpoint" | "restart">> = {
    checkpoint: (_domain, { upserts }) => {
      const users = upserts.filter(({ table }) => table === PARTS_TABLE)
        .flatMap(({ rows }) => rows.map((row) => String(row.USER_ID)));
      for (const user of users) this.#reading.delete(user);
      if (users.length > 0) void this.options.cache.delete(users.map(keyOf));
    },
    // What was committed in between may not have been told.
    restart: () => {
      this.#reading.clear();
      void this.options.cache.clear();
    },
  };

  async #read(user: string): Promise<StoredRecommendation | null> {
    const { warehouse, cache, clock, expiryMs } = this.options;
    const begin = clock.monotonic();
    const { rows } = await warehouse.query(
      "SELECT RECOMMENDATION, UPDATED_AT FROM RECOMMENDATIONS WHERE USER_ID = ?",
      { binds: [user], maxRows: 1, timeoutMs: READ_MS },
    );
    const [recommendation, updatedAt] = rows[0] ?? [];
    const found = rows.length === 0 ? null : {
      recommendation: recommendation as Recommendation,
      updatedAt: `${String(updatedAt).replace(" ", "T")}Z`,
    };
    // Nobody waits for it to be kept.
    if (clock.monotonic() - begin < READ_MS) void cache.set(keyOf(user), JSON.stringify(found), expiryMs);
    return found;
  }
}

const keyOf = (user: string) => `recommendation:${user}`;
