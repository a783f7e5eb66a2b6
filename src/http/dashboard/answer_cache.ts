// Answers out of the warehouse, shared: who asks the same gets the same answer, and the warehouse is asked once, only when
// somebody looks, and not before the last answer is old enough. Must not know what is asked.
import type { Clock } from "../../clock.ts";
import { Deadline } from "../../deadline.ts";
import { QueryBusyError, WarehouseUnavailableError } from "../../errors.ts";
import type { Ask } from "../../panels/mod.ts";
import { Semaphore } from "../../semaphore.ts";
import type { QueryOptions, QueryResult } from "../../warehouse/warehouse.ts";
import type { Answer } from "./protocol.ts";

export interface AnswerCacheOptions {
  readonly query: (sql: string, options: QueryOptions) => Promise<QueryResult>;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  /** Changes when a domain's tables may have changed. */
  readonly version: (domain: string) => string | number;
  /** Changes when what is shown must be asked for anew at once, however fresh the answers are. */
  readonly edition?: () => number;
  /** An answer this old is asked for again, if the version has changed, milliseconds. */
  readonly freshMs: number;
  /** An answer this old is asked for again in any case, milliseconds. */
  readonly staleMs: (domain: string) => number;
  /** How long a question may take, its waiting included, milliseconds; half a minute unless told. */
  readonly questionMs?: number;
}

export interface SharedOptions<T = unknown> {
  /** Instead of that of all answers. */
  readonly freshMs?: number;
  /** Instead of that of the domain. */
  readonly staleMs?: number;
  /** Whether an answer is small enough to be remembered; all are when left out. */
  readonly keeps?: (data: T) => boolean;
  /** Whoever asks waits no longer; the question is given up when nobody waits for its answer. */
  readonly signal?: AbortSignal;
}

interface Entry {
  readonly version: string | number;
  /** When it was asked for, by the monotonic clock. */
  readonly at: number;
  readonly answer: Promise<Answer<unknown>>;
  /** Ends the question. */
  readonly abandon: AbortController;
  /** Who waits for the answer. */
  askers: number;
  done: boolean;
}

/** Answers remembered. They are small: what is large is not remembered. */
const MAX_ENTRIES = 100;
/** Questions at a time: the others wait, so that the page never takes the warehouse away from the pipelines. */
const MAX_RUNNING = 2;
const MAX_WAITING = 200;
/** For each query. */
const TIMEOUT_MS = 15_000;
/** For a question, its waiting included. */
const QUESTION_MS = 30_000;
const MAX_ROWS = 10_000;
/** In the tags of this process, as versions begin anew with each. */
const PROCESS = crypto.randomUUID().slice(0, 8);

/** When an answer was asked for, and of what. */
type Origin = Pick<Entry, "at" | "version"> & { readonly edition: number };

export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  /** In order of use, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #origins = new WeakMap<object, Origin>();
  readonly #turns = new Semaphore({
    maxRunning: MAX_RUNNING,
    maxWaiting: MAX_WAITING,
    full: () => new WarehouseUnavailableError("Too many questions wait for the warehouse: try again in a while"),
  });

  constructor(options: AnswerCacheOptions) {
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
    { freshMs = this.#options.freshMs, staleMs = this.#options.staleMs(domain), keeps, signal }: SharedOptions<T> = {},
  ): Promise<Answer<T>> {
    const edition = this.#edition();
    const id = `${edition} ${domain} ${key}`;
    const version = this.#options.version(domain);
    const known = this.#entries.get(id);
    const isFresh = known && this.#isFresh(known, version, { freshMs, staleMs });
    const entry = isFresh ? known : this.#ask(id, { version, edition, keeps }, make);
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    this.#forgetOldest();
    entry.askers++;
    using patience = new Deadline({ signal });
    try {
      return await patience.within(entry.answer) as Answer<T>;
    } finally {
      if (--entry.askers === 0 && !entry.done) {
        this.#forget(id, entry);
        entry.abandon.abort();
      }
    }
  }

  /** A word for an answer of {@link shared}, by which {@link holds} knows it again. */
  tagOf(answer: Answer<unknown>): string {
    const { edition, at, version } = this.#origins.get(answer)!;
    return `${PROCESS}.${edition}.${Math.floor(at)}.${version}`;
  }

  /** Whether the answer of this tag is still the one that who asks would get, were it remembered. */
  holds(
    domain: string,
    tag: string,
    { staleMs = this.#options.staleMs(domain) }: Pick<SharedOptions, "staleMs"> = {},
  ): boolean {
    const [process, edition, at, ...version] = tag.split(".");
    if (process !== PROCESS || edition !== String(this.#edition()) || !/^\d+$/.test(at ?? "")) return false;
    const current = this.#options.version(domain);
    const known = { done: true, at: Number(at), version: version.join(".") === String(current) ? current : "" };
    return this.#isFresh(known, current, { freshMs: this.#options.freshMs, staleMs });
  }

  /** An answer of its own, not remembered. */
  async once<T>(make: (ask: Ask) => Promise<T>, signal?: AbortSignal): Promise<Answer<T>> {
    const { clock, query, questionMs = QUESTION_MS } = this.#options;
    const late = () => new QueryBusyError(`The question took longer than ${questionMs} ms: ask again in a while`);
    using deadline = new Deadline({ signal, timeoutMs: questionMs, late });
    return await this.#turns.run(async () => {
      const [at, begin] = [clock.now(), clock.monotonic()];
      const data = await make((sql, { maxRows = MAX_ROWS, ...limits } = {}) =>
        query(sql, { ...limits, maxRows, timeoutMs: TIMEOUT_MS, signal: deadline.signal })
      );
      return { data, asked_at: new Date(at).toISOString(), took_ms: clock.monotonic() - begin };
    }, deadline.signal);
  }

  #edition(): number {
    return this.#options.edition?.() ?? 0;
  }

  #ask<T>(
    id: string,
    { version, edition, keeps }: Omit<Origin, "at"> & Pick<SharedOptions<T>, "keeps">,
    make: (ask: Ask) => Promise<T>,
  ): Entry {
    const abandon = new AbortController();
    const at = this.#options.clock.monotonic();
    const answer = this.once(make, abandon.signal).then((answer) => {
      this.#origins.set(answer, { version, edition, at });
      return answer;
    });
    const entry: Entry = { version, at, answer, abandon, askers: 0, done: false };
    const end = () => entry.done = true;
    answer.then(({ data }) => {
      end();
      if (keeps?.(data) === false) this.#forget(id, entry);
    }, () => {
      end();
      this.#forget(id, entry);
    });
    return entry;
  }

  /** A failure, and what nobody waited for. */
  #forget(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id);
  }

  #isFresh(
    { done, at, version }: Pick<Entry, "done" | "at" | "version">,
    current: string | number,
    { freshMs, staleMs }: { readonly freshMs: number; readonly staleMs: number },
  ): boolean {
    // Who wants nothing old wants nothing that was begun before the last change.
    if (!done) return freshMs > 0 || version === current;
    const ageMs = this.#options.clock.monotonic() - at;
    return ageMs < freshMs || (version === current && ageMs < staleMs);
  }

  #forgetOldest(): void {
    for (const [id, { done }] of this.#entries) {
      if (this.#entries.size <= MAX_ENTRIES) return;
      if (done) this.#entries.delete(id);
    }
  }
}
