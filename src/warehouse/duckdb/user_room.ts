// The room that statements of users have in the instance that the pipelines write with: a thread of low priority, and
// memory of their own. It is there while one of them runs. DuckDB has limits for an instance only, and lets no second process
// read a file that is written, so what they take is watched, and the oldest is ended when they take too much.
// Must not know what they ask.

import { setTimeout as delay } from "node:timers/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { endedWithin } from "../../deadline.ts";
import { QueryBusyError, QueryTooLargeError } from "../../errors.ts";
import { needsMore } from "./errors.ts";
import { mutex, WaitGroup } from "./concurrency.ts";
import { Threads } from "./low_priority.ts";

const WATCH_EVERY_MS = 10;
/** How long one that was told to end may take until the next is told, milliseconds. */
const END_PATIENCE_MS = 50;
/** How long work that needs the room empty waits for those in it, milliseconds. */
const EMPTY_PATIENCE_MS = 2_000;
/** What DuckDB holds for a while, other than pages of tables, which make room for anything. */
const HELD = `SELECT CAST(COALESCE(SUM(memory_usage_bytes), 0) AS DOUBLE) FROM duckdb_memory()
  WHERE tag NOT IN ('BASE_TABLE', 'METADATA')`;
/** Values are held outside of DuckDB's own count: so much more may the process take while users ask. */
const UNCOUNTED_BYTES = 64 << 20;
/** What users have left is not all given back at once: who comes sooner than this finds it counted as theirs, milliseconds. */
const SETTLING_MS = 5_000;
/** What is set to make room; to be allowed where the configuration is locked. */
export const ROOM_SETTINGS = ["threads", "memory_limit"];
/** How often it is tried to know the new thread from others that began at the same moment. */
const TRIES = 5;

/** What the room needs of its database. */
export interface RoomHost {
  /** Raised each time the instance is opened anew. */
  readonly generation: number;
  connect(): Promise<DuckDBConnection>;
  statement<T>(statement: () => Promise<T>): Promise<T>;
}

export interface RoomSizes {
  /** What the pipelines may hold, bytes. */
  readonly ownBytes: number;
  /** What users may hold beside it, bytes. */
  readonly userBytes: number;
  /** Threads of the pipelines. */
  readonly threads: number;
  /** What the process has in memory, bytes. */
  readonly processBytes: () => number;
}

/** One statement in the room. */
interface User {
  readonly end: (reason: Error) => void;
}

export class UserRoom {
  readonly #users = new Set<User>();
  readonly #present = new WaitGroup();
  #closed: Promise<void> | undefined;
  readonly #inTurn = mutex();
  /** Of the instance that has the room at present, and what watches it. */
  #open: { readonly generation: number; readonly watching: AsyncDisposable } | undefined;
  /** Memory of the process without users, bytes, and when the last of them left, by the monotonic clock. */
  #ownRss = Infinity;
  #leftAt = -Infinity;

  constructor(private readonly host: RoomHost, private readonly sizes: RoomSizes) {}

  /** The end of what nobody may be in it beside; `undefined` while anybody may enter. Never rejects. */
  get closed(): Promise<void> | undefined {
    return this.#closed;
  }

  /** Makes room; `end` is called when the statement must end, which it must do soon. */
  async enter(end: (reason: Error) => void): Promise<AsyncDisposable> {
    const user = { end };
    const present = this.#present.begin();
    this.#users.add(user);
    const leave = async () => {
      using _leaving = present;
      this.#users.delete(user);
      await this.#inTurn(() => this.#adjust());
    };
    try {
      await this.#inTurn(() => this.#adjust());
    } catch (error) {
      await leave();
      throw error;
    }
    return { [Symbol.asyncDispose]: leave };
  }

  /** Whether the instance of this generation has it. */
  isIn(generation: number): boolean {
    return this.#open?.generation === generation;
  }

  /** Ends all of them: the pipelines cannot go on beside them. */
  clear(why: string): void {
    for (const { end } of [...this.#users]) end(new QueryBusyError(`${why}: ask again in a while`));
  }

  /** Whether one of them was in it since then, by the monotonic clock. */
  wasUsedSince(time: number): boolean {
    return this.#open !== undefined || this.#leftAt >= time;
  }

  /** Runs work while nobody is in it: who is must end, who comes waits for `closed`, and who does not end soon is not waited for. */
  async without<T>(why: string, work: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    try {
      this.clear(why);
      await endedWithin(this.#present.idle(), EMPTY_PATIENCE_MS);
      return await work();
    } finally {
      this.#closed = undefined;
      resolve();
    }
  }

  async #adjust(): Promise<void> {
    const { host } = this;
    if (this.#open && this.#open.generation !== host.generation) await this.#forget();
    if (this.#users.size > 0 && !this.#open) {
      const connection = await host.connect();
      try {
        await this.#widen(connection);
        this.#open = { generation: host.generation, watching: this.#watch() };
      } finally {
        connection.closeSync();
      }
    } else if (this.#users.size === 0 && this.#open) {
      await this.#forget();
      // An instance that failed is opened anew without the room.
      await this.#narrow().catch(() => {});
    }
  }

  async #forget(): Promise<void> {
    const { watching } = this.#open!;
    this.#open = undefined;
    this.#leftAt = performance.now();
    await watching[Symbol.asyncDispose]();
  }

  async #widen(connection: DuckDBConnection): Promise<void> {
    const { ownBytes, userBytes, threads } = this.sizes;
    const set = (sql: string) => this.host.statement(async () => void await connection.run(sql));
    await set(`SET GLOBAL memory_limit = '${ownBytes + userBytes}B'`);
    using all = Threads.open();
    for (let tries = 0; tries < TRIES; tries++) {
      const before = all?.all();
      await set(`SET GLOBAL threads = ${threads + 1}`);
      if (!all || !before) return;
      const begun = [...all.all()].filter((thread) => !before.has(thread));
      if (begun.length === 1) return void all.lower(begun[0]!);
      await set(`SET GLOBAL threads = ${threads}`);
    }
    // At the priority of all others, rather than not at all.
    await set(`SET GLOBAL threads = ${threads + 1}`);
  }

  async #narrow(): Promise<void> {
    const { ownBytes, threads } = this.sizes;
    const connection = await this.host.connect();
    try {
      await this.host.statement(async () => {
        await connection.run(`SET GLOBAL threads = ${threads}`);
        await connection.run(`SET GLOBAL memory_limit = '${ownBytes}B'`);
      });
    } finally {
      connection.closeSync();
    }
  }

  /** Ends the oldest when they hold too much, until it is disposed of. */
  #watch(): AsyncDisposable {
    const done = new AbortController();
    const watching = this.#watchUntil(done.signal).catch(() => {});
    return {
      async [Symbol.asyncDispose]() {
        done.abort();
        await watching;
      },
    };
  }

  async #watchUntil(signal: AbortSignal): Promise<void> {
    const { ownBytes, userBytes } = this.sizes;
    const { generation } = this.host;
    const maxRss = this.#withoutUsers() + userBytes + UNCOUNTED_BYTES;
    const connection = await this.host.connect();
    try {
      let ended: User | undefined;
      let endedAt = -Infinity;
      while (!signal.aborted) {
        await delay(WATCH_EVERY_MS, undefined, { signal }).catch(() => {});
        if (signal.aborted) return;
        if (ended && this.#users.has(ended) && performance.now() - endedAt < END_PATIENCE_MS) continue;
        const isOver = this.sizes.processBytes() > maxRss ||
          await this.#held(connection) > userBytes + ownBytes / 4;
        // Those of an instance that is there no more end by themselves.
        if (this.host.generation !== generation) return;
        if (!isOver) continue;
        ended = [...this.#users].find((user) => user !== ended) ?? ended;
        endedAt = performance.now();
        ended?.end(new QueryTooLargeError(needsMore("FRESHET_QUERY_MEMORY", "it was ended")));
      }
    } finally {
      connection.closeSync();
    }
  }

  /** Memory of the process before users came, bytes: one after the other they must not raise it by what each leaves. */
  #withoutUsers(): number {
    const rss = this.sizes.processBytes();
    const hasSettled = performance.now() - this.#leftAt > SETTLING_MS;
    return this.#ownRss = hasSettled ? rss : Math.min(rss, this.#ownRss);
  }

  /** Bytes; without limit where not even this can be asked any more, as when all memory is taken. */
  #held(connection: DuckDBConnection): Promise<number> {
    return this.host.statement(async () => Number((await (await connection.run(HELD)).getRows())[0]?.[0] ?? 0))
      .catch(() => Infinity);
  }
}
