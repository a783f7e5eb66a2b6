// Answers out of the warehouse, shared: who asks the same gets the same answer, and the warehouse is asked once, only when
// somebody looks, and not before the last answer is old enough. Must not know what is asked.
import type { Clock } from "../../clock.ts";
import { WarehouseUnavailableError } from "../../errors.ts";
import type { Bind, QueryOptions, QueryResult } from "../../warehouse/warehouse.ts";
import type { Answer } from "./protocol.ts";

/** One row, by column name in lower case. */
export type RowObject = Readonly<Record<string, unknown>>;

/** Asks the warehouse; what is more than `maxRows` is left out. */
export type Ask = (sql: string, options?: { readonly binds?: readonly Bind[]; readonly maxRows?: number }) => Promise<
  QueryResult
>;

export interface AnswersOptions {
  readonly query: (sql: string, options: QueryOptions) => Promise<QueryResult>;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  /** Changes when a domain's tables may have changed. */
  readonly version: (domain: string) => string | number;
  /** An answer this old is asked for again, if the version has changed, milliseconds. */
  readonly freshMs: number;
  /** An answer this old is asked for again in any case, milliseconds. */
  readonly staleMs: number;
}

interface Entry {
  readonly version: string | number;
  /** When it was asked for, by the monotonic clock. */
  readonly at: number;
  readonly answer: Promise<Answer<unknown>>;
  done: boolean;
}

/** Answers remembered. They are small: what is large is not remembered. */
const MAX_ENTRIES = 100;
/** Questions at a time: the others wait, so that the page never takes the warehouse away from the pipelines. */
const MAX_RUNNING = 2;
const MAX_WAITING = 200;
const TIMEOUT_MS = 15_000;
const MAX_ROWS = 10_000;

export class Answers {
  readonly #options: AnswersOptions;
  /** In order of use, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  get freshMs(): number {
    return this.#options.freshMs;
  }

  /** The answer to `key` of a domain, made by `make` when none is fresh: asked less than `freshMs` ago, or since the last change. */
  async shared<T>(
    domain: string,
    key: string,
    make: (ask: Ask) => Promise<T>,
    freshMs = this.#options.freshMs,
  ): Promise<Answer<T>> {
    const id = `${domain} ${key}`;
    const version = this.#options.version(domain);
    const known = this.#entries.get(id);
    if (known && this.#isFresh(known, version, freshMs)) {
      this.#entries.delete(id);
      this.#entries.set(id, known);
      return await known.answer as Answer<T>;
    }
    const entry: Entry = { version, at: this.#options.clock.monotonic(), answer: this.once(make), done: false };
    this.#entries.set(id, entry);
    this.#forgetOldest();
    try {
      return await entry.answer as Answer<T>;
    } catch (error) {
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
      throw error;
    } finally {
      entry.done = true;
    }
  }

  /** An answer of its own, not remembered. */
  async once<T>(make: (ask: Ask) => Promise<T>): Promise<Answer<T>> {
    return await this.#inTurn(async () => {
      const { clock } = this.#options;
      const [at, begin] = [clock.now(), clock.monotonic()];
      const data = await make((sql, { binds, maxRows = MAX_ROWS } = {}) =>
        this.#options.query(sql, { binds, maxRows, timeoutMs: TIMEOUT_MS })
      );
      return { data, asked_at: new Date(at).toISOString(), took_ms: clock.monotonic() - begin };
    });
  }

  #isFresh({ done, at, version }: Entry, current: string | number, freshMs: number): boolean {
    if (!done) return true;
    const { clock, staleMs } = this.#options;
    const ageMs = clock.monotonic() - at;
    return ageMs < freshMs || (version === current && ageMs < staleMs);
  }

  #forgetOldest(): void {
    for (const [id, { done }] of this.#entries) {
      if (this.#entries.size <= MAX_ENTRIES) return;
      if (done) this.#entries.delete(id);
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING) {
        throw new WarehouseUnavailableError("Too many questions wait for the warehouse: try again in a while");
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

/** The rows of a result by column name in lower case. */
export function objects(result: QueryResult): readonly RowObject[] {
  const names = result.columns.map(({ name }) => name.toLowerCase());
  return result.rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])));
}
