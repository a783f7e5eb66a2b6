// A cache in the memory of the process: bounded, the longest unused goes first. Must not know what is in it.

import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { type Cache, type CacheStatus, HOLD_MS } from "./cache.ts";

export interface MemoryCacheOptions {
  readonly clock: Clock;
  readonly maxEntries?: number;
  readonly holdMs?: number;
}

const MAX_ENTRIES = 10_000;

/** Opens a cache in memory. */
export function memoryCache(options: MemoryCacheOptions): Cache {
  return new MemoryCache(options);
}

class MemoryCache implements Cache {
  readonly description = "memory";
  readonly #entries: LRUCache<string, string>;
  /** Until when deleted keys are held, the earliest first. */
  readonly #held = new Map<string, number>();
  #allHeldUntil = -Infinity;
  readonly #clock: Clock;
  readonly #maxEntries: number;
  readonly #holdMs: number;

  constructor({ clock, maxEntries = MAX_ENTRIES, holdMs = HOLD_MS }: MemoryCacheOptions) {
    this.#clock = clock;
    this.#maxEntries = maxEntries;
    this.#holdMs = holdMs;
    const perf = { now: () => clock.monotonic() };
    this.#entries = new LRUCache({ max: maxEntries, perf, ttlResolution: 0 });
  }

  status(): CacheStatus {
    return { kind: "memory", reachable: true };
  }

  get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.#entries.get(key));
  }

  set(key: string, value: string, expiryMs: number): Promise<void> {
    const now = this.#clock.monotonic();
    const heldUntil = Math.max(this.#held.get(key) ?? -Infinity, this.#allHeldUntil);
    if (heldUntil > now) return Promise.resolve();
    this.#entries.set(key, value, { ttl: expiryMs });
    return Promise.resolve();
  }

  delete(keys: readonly string[]): Promise<void> {
    const now = this.#clock.monotonic();
    for (const [key, until] of this.#held) {
      if (until > now) break;
      this.#held.delete(key);
    }
    for (const key of keys) {
      this.#entries.delete(key);
      this.#held.delete(key);
      this.#held.set(key, now + this.#holdMs);
    }
    // More than can be remembered one by one: then nothing is taken for a while.
    if (this.#held.size > this.#maxEntries) this.#holdAll(now);
    return Promise.resolve();
  }

  clear(): Promise<void> {
    this.#entries.clear();
    this.#holdAll(this.#clock.monotonic());
    return Promise.resolve();
  }

  #holdAll(now: number): void {
    this.#held.clear();
    this.#allHeldUntil = now + this.#holdMs;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#entries.clear();
    return Promise.resolve();
  }
}
