// A cache in Redis, shared by several processes. A server that is away or silent costs its callers next to nothing: calls have
// a short time limit, after a few of them in vain nobody is kept waiting, and connecting again goes on in the background.
// Must not know what is in it.

import {
  circuitBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleAll,
  type IPolicy,
  timeout,
  TimeoutStrategy,
  wrap,
} from "cockatiel";
import { createClient } from "redis";
import type { Clock } from "../clock.ts";
import { type Cache, type CacheStatus, HOLD_MS } from "./cache.ts";

export interface RedisCacheOptions {
  /** `redis://` or `rediss://`, with user name, password and database number as need be. */
  readonly url: string;
  readonly clock: Clock;
  /** Called when it turns out whether the server can be reached, and when that changes; `detail` says why it cannot. */
  readonly onChange?: (change: { readonly reachable: boolean; readonly detail: string }) => void;
  /** Begins every key. */
  readonly prefix?: string;
  readonly holdMs?: number;
}

/** For a call that somebody waits for, and for one that nobody waits for. Longer than this thread is busy with other things. */
const CALL_MS = 250;
const BACKGROUND_MS = 2_000;
const CONNECT_MS = 2_000;
/** Calls in vain, one after the other, after which the connection is given up. */
const FAILURES = 3;
const RECONNECT_MS = { initialDelay: 100, maxDelay: 2_000 };
const DELETES_AT_ONCE = 1_000;
const QUEUED_COMMANDS = 20_000;

/** Sets a value unless the key was just deleted, which leaves an empty text there for a while. */
const SET_UNLESS_HELD =
  `if redis.call("GET", KEYS[1]) ~= "" then redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2]) end return 0`;

/** Opens a cache in Redis. Does not wait for the server. */
export function redisCache(options: RedisCacheOptions): Cache {
  return new RedisCache(options);
}

function connectionTo(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: QUEUED_COMMANDS,
    // Its own reconnecting holds timers that nothing can end.
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false },
  });
}
type Client = ReturnType<typeof connectionTo>;

/** A connection that answers. */
interface Connection {
  readonly client: Client;
  /** Calls with a time limit, cut off after a few in vain. */
  readonly call: IPolicy;
}

class RedisCache implements Cache {
  readonly description: string;
  readonly #options: RedisCacheOptions;
  readonly #prefix: string;
  readonly #holdMs: number;
  readonly #background = timeout(BACKGROUND_MS, TimeoutStrategy.Aggressive);
  readonly #stop = new AbortController();
  readonly #connecting: Promise<void>;
  #connection: Connection | undefined;
  #giveUp: (why: unknown) => void = () => {};
  /**
   * Values belong to a generation, whose name is a key of its own: with another name all of them are forgotten. The name as
   * this process knows it, and until when it takes no values because it has changed.
   */
  #generation: string | undefined;
  #heldUntil = -Infinity;
  /** What was deleted may still be there: nothing is told before there is a new generation. */
  #mustClear = true;
  #reported: boolean | undefined;

  constructor(options: RedisCacheOptions) {
    this.#options = options;
    this.#prefix = options.prefix ?? "freshet:";
    this.#holdMs = options.holdMs ?? HOLD_MS;
    this.description = addressOf(options.url);
    this.#connecting = this.#stayConnected();
  }

  status(): CacheStatus {
    return { kind: "redis", reachable: this.#connection !== undefined };
  }

  async get(key: string): Promise<string | undefined> {
    return await this.#ask(async (client) => {
      const [generation, entry] = await client.mGet([this.#generationKey, this.#keyOf(key)]);
      this.#know(generation ?? "");
      if (!entry) return undefined;
      const cut = entry.indexOf("\n");
      return entry.slice(0, cut) === this.#generation ? entry.slice(cut + 1) : undefined;
    });
  }

  async set(key: string, value: string, expiryMs: number): Promise<void> {
    if (this.#generation === undefined || this.#heldUntil > this.#options.clock.monotonic()) return;
    const entry = `${this.#generation}\n${value}`;
    await this.#ask((client) =>
      client.eval(SET_UNLESS_HELD, { keys: [this.#keyOf(key)], arguments: [entry, String(Math.ceil(expiryMs))] })
    );
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += DELETES_AT_ONCE) {
      const some = keys.slice(from, from + DELETES_AT_ONCE);
      const done = await this.#write(async (client) => {
        await Promise.all(some.map((key) => client.set(this.#keyOf(key), "", { PX: this.#holdMs })));
      });
      if (!done) return;
    }
  }

  async clear(): Promise<void> {
    await this.#write((client) => this.#newGeneration(client));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#giveUp(undefined);
    await this.#connecting;
  }

  get #generationKey(): string {
    return `${this.#prefix}generation`;
  }

  #keyOf(key: string): string {
    return `${this.#prefix}value:${key}`;
  }

  #know(generation: string): void {
    if (generation === this.#generation) return;
    // Values that somebody here is about to set may be of the one before.
    if (this.#generation !== undefined) this.#heldUntil = this.#options.clock.monotonic() + this.#holdMs;
    this.#generation = generation;
  }

  /** What the server answers in time, or `undefined`. */
  async #ask<T>(work: (client: Client) => Promise<T>): Promise<T | undefined> {
    if (!this.#connection) return undefined;
    if (this.#mustClear) {
      void this.#write(() => Promise.resolve());
      return undefined;
    }
    const { client, call } = this.#connection;
    try {
      return await call.execute(() => work(client));
    } catch {
      return undefined;
    }
  }

  /** Whether the server has taken a change. If it has not, or nobody knows, all that is there must be forgotten. */
  async #write(work: (client: Client) => Promise<void>): Promise<boolean> {
    const connection = this.#connection;
    if (!connection) {
      this.#mustClear = true;
      return false;
    }
    try {
      await this.#background.execute(async () => {
        await this.#clearIfNeeded(connection.client);
        await work(connection.client);
      });
      return true;
    } catch (error) {
      this.#mustClear = true;
      this.#giveUp(error);
      return false;
    }
  }

  async #clearIfNeeded(client: Client): Promise<void> {
    while (this.#mustClear) {
      // First, so that a delete which is lost meanwhile is not forgotten.
      this.#mustClear = false;
      try {
        await this.#newGeneration(client);
      } catch (error) {
        this.#mustClear = true;
        throw error;
      }
    }
  }

  async #newGeneration(client: Client): Promise<void> {
    const name = crypto.randomUUID();
    await client.set(this.#generationKey, name);
    this.#know(name);
  }

  /** Connects, waits until the connection is lost, and begins again. Resolves when the cache is closed. */
  async #stayConnected(): Promise<void> {
    const { clock, url } = this.#options;
    const { signal } = this.#stop;
    const freshBackoff = () => new ExponentialBackoff(RECONNECT_MS).next();
    let backoff = freshBackoff();
    while (!signal.aborted) {
      const client = connectionTo(url);
      const lost = new Promise<unknown>((resolve) => {
        this.#giveUp = resolve;
        client.on("error", resolve).on("end", resolve);
      });
      let why: unknown;
      try {
        await this.#background.execute(() => Promise.race([this.#greet(client), rejectWith(lost)]));
        backoff = freshBackoff();
        this.#connection = { client, call: this.#newCall() };
        this.#report("");
        why = await lost;
      } catch (error) {
        why = error;
      }
      this.#connection = undefined;
      if (client.isOpen) client.destroy();
      if (signal.aborted) return;
      this.#report(reasonOf(why));
      await clock.sleep(backoff.duration, signal).catch(() => {});
      backoff = backoff.next(undefined);
    }
  }

  /** Connects, and makes sure that nothing is told that should have been forgotten. */
  async #greet(client: Client): Promise<void> {
    await client.connect();
    await this.#clearIfNeeded(client);
  }

  /** A connection whose breaker opens is given up: whether the server answers again is found out by connecting anew. */
  #newCall(): IPolicy {
    const breaker = circuitBreaker(handleAll, {
      halfOpenAfter: BACKGROUND_MS,
      breaker: new ConsecutiveBreaker(FAILURES),
    });
    const giveUp = this.#giveUp;
    breaker.onBreak(() => giveUp(new Error("it does not answer in time")));
    return wrap(breaker, timeout(CALL_MS, TimeoutStrategy.Aggressive));
  }

  /** Tells a change once. */
  #report(why: string): void {
    const { reachable } = this.status();
    if (reachable === this.#reported) return;
    this.#reported = reachable;
    this.#options.onChange?.({ reachable, detail: why });
  }
}

function rejectWith(reason: Promise<unknown>): Promise<never> {
  return reason.then((why) => Promise.reject(why ?? new Error("the connection was closed")));
}

/** The address without user name and password. */
function addressOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : "the connection was closed";
}
