// A cache in the memory of the process: bounded, the longest unused goes first. Must not know what is in it.

import type { Clock } from "../clock.ts";
import { type Cache, type CacheStatus, HOLD_MS } from "./cache.ts";

export interface MemoryCacheOptions {
  readonly clock: Clock;
  readonly maxEntries?: number;
  readonly holdMs?: number;
}

const MAX_ENTRIES = 10_000;

interface Entry {
  readonly value: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** Opens a cache in memory. */
export function memoryCache(options: MemoryCacheOptions): Cache {
  return new MemoryCache(options);
}

class MemoryCache implements Cache {
  readonly description = "memory";
  /** Used last goes last. */
  readonly #entries = new Map<string, Entry>();
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
  }

  status(): CacheStatus {
    return { kind: "memory", reachable: true };
  }

  get(key: string): Promise<string | undefined> {
    const entry = this.#entries.get(key);
    if (!entry) return Promise.resolve(undefined);
    this.#entries.delete(key);
    if (entry.expiresAt <= this.#clock.monotonic()) return Promise.resolve(undefined);
    this.#entries.set(key, entry);
    return Promise.resolve(entry.value);
  }

  set(key: string, value: string, expiryMs: number): Promise<void> {
    const now = this.#clock.monotonic();
    const heldUntil = Math.max(this.#held.get(key) ?? -Infinity, this.#allHeldUntil);
    if (heldUntil > now) return Promise.resolve();
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAt: now + expiryMs });
    if (this.#entries.size > this.#maxEntries) this.#entries.delete(this.#entries.keys().next().value!);
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
