// The double's Snowpipe Streaming: channels, what they have under way, and how it comes into the tables that the SQL side has.
// Stricter than the real one: what is under way is thrown away when a channel is opened, a continuation token is good once,
// rows may be seen later than their token says, and counts come last. Knows nothing of HTTP.

import { sleep } from "../answers.ts";

/** What the SQL side does for it. */
export interface TableSide {
  /** Columns of a table by name, with their types; empty where there is no such table. */
  columns(place: TablePlace): Promise<ReadonlyMap<string, string>>;
  /** Errors: `BadRowError`. */
  insert(place: TablePlace, columns: ReadonlyMap<string, string>, rows: readonly string[]): Promise<void>;
}

export interface TablePlace {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
}

/** How the service behaves. Milliseconds. */
export interface StreamingBehaviour {
  /** From taking rows to saying that they are stored. */
  commitMs: number;
  /** From then until SQL sees them. */
  visibleMs: number;
  /** From being stored until they are counted. */
  countMs: number;
  /** Lines of rows that are skipped, and only counted. */
  skips: RegExp | undefined;
  /** Whether rows come into the tables of the SQL side; without it they are only counted. */
  storesRows: boolean;
}

const DEFAULTS: StreamingBehaviour = { commitMs: 20, visibleMs: 0, countMs: 0, skips: undefined, storesRows: true };

export interface AppendedRows {
  readonly continuation: string;
  readonly first: number;
  readonly last: number;
  readonly lines: readonly string[];
}

/** A refusal of the service: `code` and `message` are in the answer. */
export class ServiceRefusal extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

/** How soon it is noticed that rows which wait to be stored are thrown away. */
const STEP_MS = 10;

/** One of the rows cannot be loaded. */
export class BadRowError extends Error {}

const STALE = () =>
  new ServiceRefusal(
    400,
    "STALE_CONTINUATION_TOKEN_SEQUENCER",
    "Channel sequencer in the continuation token is stale. Please reopen the channel",
  );

export class StreamChannel {
  status = "ACTIVE";
  sequencer = 0;
  rowSequencer = 0;
  token: number | null = null;
  inserted = 0;
  errors = 0;
  lastError: string | null = null;
  lastErrorToken: number | null = null;
  readonly createdAt = Date.now();
  /** The last offset that was ever taken and not thrown away. */
  lastTaken: number | null = null;
  /** Storing goes one after the other. */
  storing: Promise<void> = Promise.resolve();

  constructor(readonly name: string, readonly place: TablePlace) {}

  get continuation(): string {
    return `${this.sequencer}_${this.rowSequencer}`;
  }
}

export class StreamingDouble {
  readonly behaviour: StreamingBehaviour = { ...DEFAULTS };
  /** What a client did that it must not do, for people. */
  readonly violations: string[] = [];
  /** Rows that are stored, in all channels. */
  storedRows = 0;
  /** When rows of a channel were stored, up to which offset: epoch milliseconds. */
  readonly stores: { readonly at: number; readonly channel: string; readonly last: number }[] = [];
  readonly #channels = new Map<string, StreamChannel>();
  readonly #columns = new Map<string, ReadonlyMap<string, string>>();
  readonly #tables: TableSide;
  readonly #counting = new Set<Promise<void>>();
  #closed = false;

  constructor(tables: TableSide) {
    this.#tables = tables;
  }

  /** Raises the channel's sequencer; what it had under way is gone. */
  async open(place: TablePlace, name: string): Promise<StreamChannel> {
    await this.#columnsOf(place);
    const key = keyOf(place, name);
    const channel = this.#channels.get(key) ?? new StreamChannel(name, place);
    this.#channels.set(key, channel);
    this.#discard(channel);
    channel.status = "ACTIVE";
    // What is being stored at this moment is stored, or is not: nothing in between.
    await channel.storing;
    channel.lastTaken = channel.token;
    return channel;
  }

  append(place: TablePlace, name: string, rows: AppendedRows): string {
    const channel = this.#named(place, name);
    if (channel.status !== "ACTIVE") throw new ServiceRefusal(409, channel.status, "The channel must be reopened");
    if (rows.continuation !== channel.continuation) throw STALE();
    if (channel.lastTaken !== null && rows.first <= channel.lastTaken) {
      this.violations.push(`${name}: rows from offset ${rows.first} on, after ${channel.lastTaken} was taken`);
    }
    channel.rowSequencer++;
    channel.lastTaken = rows.last;
    const { sequencer } = channel;
    const dueAt = performance.now() + this.behaviour.commitMs;
    channel.storing = channel.storing.then(async () => {
      while (performance.now() < dueAt && channel.sequencer === sequencer && !this.#closed) await sleep(STEP_MS);
      if (channel.sequencer === sequencer && !this.#closed) await this.#store(channel, rows);
    }).catch((error) => void this.violations.push(`The double cannot store rows: ${error}`));
    return channel.continuation;
  }

  statuses(place: TablePlace, names: readonly string[]): readonly StreamChannel[] {
    return names.flatMap((name) => this.#channels.get(keyOf(place, name)) ?? []);
  }

  drop(place: TablePlace, name: string): void {
    const channel = this.#named(place, name);
    this.#discard(channel);
    this.#channels.delete(keyOf(place, name));
  }

  /** The service loses what it has taken and not stored; its channels must be opened again. */
  loseUnderWay(): void {
    for (const channel of this.#channels.values()) {
      this.#discard(channel);
      channel.status = "ERR_CHANNEL_MUST_BE_REOPENED";
    }
  }

  /** Forgets the channels' tokens, as of channels that were not used for long; rows stay. */
  forgetChannels(): void {
    for (const channel of this.#channels.values()) this.#discard(channel);
    this.#channels.clear();
  }

  /** Forgets everything, as after a start; resolves when nothing is being stored any more. */
  async reset(): Promise<void> {
    const channels = [...this.#channels.values()];
    this.forgetChannels();
    await Promise.allSettled([...channels.map(({ storing }) => storing), ...this.#counting]);
    this.#counting.clear();
    this.violations.length = 0;
    Object.assign(this.behaviour, DEFAULTS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#channels.values()].map(({ storing }) => storing));
  }

  #discard(channel: StreamChannel): void {
    channel.sequencer++;
    channel.rowSequencer = 0;
  }

  #named(place: TablePlace, name: string): StreamChannel {
    const channel = this.#channels.get(keyOf(place, name));
    if (channel !== undefined) return channel;
    throw new ServiceRefusal(404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED", `No channel ${name}`);
  }

  async #store(channel: StreamChannel, { last, lines }: AppendedRows): Promise<void> {
    const { skips, visibleMs, countMs, storesRows } = this.behaviour;
    const good = skips === undefined ? lines : lines.filter((line) => !skips.test(line));
    const insert = () => storesRows ? this.#insert(channel.place, good) : Promise.resolve(good.length);
    let inserted: number;
    if (visibleMs > 0) {
      channel.token = last;
      await sleep(visibleMs);
      inserted = await insert();
    } else {
      inserted = await insert();
      channel.token = last;
    }
    this.storedRows += inserted;
    this.stores.push({ at: Date.now(), channel: channel.name, last });
    const count = () => {
      channel.inserted += inserted;
      channel.errors += lines.length - inserted;
      if (lines.length === inserted) return;
      channel.lastError = "The row cannot be loaded";
      channel.lastErrorToken = last;
    };
    if (countMs === 0) return count();
    // Counts come late, also while the next rows are stored.
    this.#counting.add(sleep(countMs).then(count));
  }

  /** Resolves with how many rows could be inserted: one that cannot is left out. */
  async #insert(place: TablePlace, lines: readonly string[]): Promise<number> {
    if (lines.length === 0) return 0;
    const columns = await this.#columnsOf(place);
    try {
      await this.#tables.insert(place, columns, lines);
      return lines.length;
    } catch (error) {
      if (!(error instanceof BadRowError)) throw error;
      if (lines.length === 1) return 0;
      const middle = lines.length >>> 1;
      return await this.#insert(place, lines.slice(0, middle)) + await this.#insert(place, lines.slice(middle));
    }
  }

  async #columnsOf(place: TablePlace): Promise<ReadonlyMap<string, string>> {
    const key = keyOf(place, "");
    const known = this.#columns.get(key);
    if (known !== undefined) return known;
    const columns = await this.#tables.columns(place);
    if (columns.size === 0) {
      const message = `Table ${place.table} does not exist, or may not be used`;
      throw new ServiceRefusal(404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", message);
    }
    this.#columns.set(key, columns);
    return columns;
  }
}

function keyOf({ database, schema, table }: TablePlace, name: string): string {
  return [database, schema, table, name].join("/").toUpperCase();
}
