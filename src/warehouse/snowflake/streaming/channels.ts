// The channels of one domain's writer: one for each partition of a topic that it has claimed. Sends what is collected before
// long, asks for all of them together what is stored, and lets a unit wait for its rows. Must not know SQL.

import { setTimeout as delay } from "node:timers/promises";
import { endedWithin } from "../../../deadline.ts";
import { FencedError, type RefusedRow, RowsRefusedError, WarehouseUnavailableError } from "../../../errors.ts";
import type { OffsetRange, RawRow } from "../../warehouse.ts";
import { Channel, type ChannelOptions, RawRowTooLargeError } from "./channel.ts";
import { translateStreaming } from "./codes.ts";
import { missingFrom } from "../../offset_ranges.ts";

/** How long rows are collected, milliseconds. */
const COLLECT_MS = 500;
/** How often the service is asked what is stored, while something is not, milliseconds. */
const LOOK_EVERY_MS = 500;
/** Bytes of rows that are kept until they are stored; then whoever has more waits. Of trains a minute at 20,000 a second. */
const MOST_WAITING_BYTES = 64 * 1024 * 1024;

/** Without news for so long it is asked in SQL whether the partitions are still claimed, milliseconds. */
const CHECK_AFTER_MS = 5_000;

/** What is needed of the raw table. */
export interface RawTableReader {
  /** Offsets of a partition's rows in a range, as ranges in order. */
  stored(partition: number, range: OffsetRange): Promise<readonly OffsetRange[]>;
}

export type ChannelsOptions = Pick<ChannelOptions, "service" | "pipe" | "table" | "epochNow">;

/** How long closing waits for work that is under way, which has been told to end, milliseconds. */
const CLOSE_MS = 2_000;

/** A partition to open a channel for. */
export interface Claimed {
  readonly partition: number;
  readonly epoch: number;
  /** Of the channel. */
  readonly name: string;
}

/** A channel, and the offset before which its rows must be stored. */
interface Waiting {
  readonly channel: Channel;
  readonly end: number;
}

export class Channels {
  readonly #options: ChannelsOptions;
  readonly #channels = new Map<number, Channel>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #collecting: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> | undefined;
  readonly #working = new Set<Promise<void>>();
  #changed = Promise.withResolvers<void>();
  #closed = false;
  readonly #stop = new AbortController();
  readonly #unwatch: () => void;

  constructor(options: ChannelsOptions) {
    this.#options = { ...options, service: options.service.until(this.#stop.signal) };
    this.#unwatch = options.service.streamed.watch(() =>
      this.#channels.values().reduce((rows, channel) => rows + channel.waitingRows, 0)
    );
  }

  get(partition: number): Channel | undefined {
    return this.#channels.get(partition);
  }

  /**
   * Opens the channels of partitions that were claimed, and looks once more whether they still are: `epochs` says what stands
   * in SQL then. Errors: `FencedError`, and of the port.
   */
  async open(claimed: readonly Claimed[], epochs: () => Promise<ReadonlyMap<number, number>>): Promise<void> {
    const { service, pipe, table, epochNow } = this.#options;
    const opened = claimed.map(({ partition, epoch, name }) => {
      this.#channels.get(partition)?.close();
      const channel = new Channel({ service, pipe, table, epochNow, partition, epoch, name });
      this.#channels.set(partition, channel);
      return channel;
    });
    await this.#translated(Promise.all(opened.map((channel) => channel.open())));
    const now = await epochs();
    for (const channel of opened) channel.confirm(now.get(channel.partition) ?? null);
  }

  /**
   * Takes rows of a partition, in the order of their offsets. Resolves when there is room for more. Errors:
   * `WarehouseUnavailableError` when none comes, since the service takes rows and does not store them.
   */
  async append(partition: number, rows: readonly RawRow[]): Promise<void> {
    const channel = this.#channels.get(partition);
    if (channel === undefined) throw new FencedError(`Partition ${partition} is not claimed by this writer`);
    this.#check(channel);
    let isFull = false;
    for (const { offset, value } of rows) isFull = channel.add(offset, value) || isFull;
    if (isFull) this.#send(channel);
    if (channel.isCollecting) this.#collecting ??= setTimeout(() => this.#sendAll(), COLLECT_MS);
    const until = performance.now() + this.#options.service.limits.storedMs;
    while (this.#waitingBytes() > MOST_WAITING_BYTES) {
      if (performance.now() > until) throw this.#notStored();
      this.#lookSoon();
      await this.#news();
      this.#check(channel);
    }
  }

  /**
   * Resolves when all rows before the offsets are stored and counted, by partition.
   *
   * Errors: `RowsRefusedError` for rows that the service has skipped, which are looked for in the raw table; `FencedError`,
   * `WarehouseUnavailableError` and others of the port.
   */
  async stored(ends: ReadonlyMap<number, number>, table: RawTableReader): Promise<void> {
    const waiting = [...ends].flatMap(([partition, end]) => {
      const channel = this.#channels.get(partition);
      return channel === undefined ? [] : [{ channel, end }];
    });
    this.#sendAll();
    await this.#untilStored(waiting);
    const refused: RefusedRow[] = [];
    for (const { channel } of waiting) refused.push(...await this.#skipped(channel, table));
    if (refused.length > 0) throw new RowsRefusedError(refused);
    for (const { channel, end } of waiting) channel.forget(end);
  }

  /**
   * Ends soon whatever the service does: requests that are under way are given up, as if the process were killed. What became
   * of them is seen by whoever opens the channels next.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stop.abort(new WarehouseUnavailableError("The writer is closed"));
    clearTimeout(this.#timer);
    clearTimeout(this.#collecting);
    for (const channel of this.#channels.values()) channel.close();
    this.#changed.resolve();
    this.#unwatch();
    await endedWithin(Promise.allSettled([...this.#working, this.#looking]), CLOSE_MS);
  }

  /** Rows that were added, and are stored, and are not there: the service has skipped them. */
  async #skipped(channel: Channel, table: RawTableReader): Promise<RefusedRow[]> {
    if (channel.skipped === 0 && channel.isCounted) return [];
    const { added, partition, stored } = channel;
    const end = (stored ?? -1) + 1;
    const [first] = added;
    if (first === undefined || first.from >= end) return [];
    const until = performance.now() + this.#options.service.limits.countedMs;
    for (;;) {
      this.#check(channel);
      const there = await table.stored(partition, { from: first.from, to: end });
      const missing = missingFrom(added, there, end);
      // What is stored may need a while to be seen.
      if (missing.length <= channel.skipped || performance.now() > until) {
        const detail = `skipped by Snowpipe Streaming${
          channel.lastError === undefined ? "" : `: ${channel.lastError}`
        }`;
        return missing.map((offset) => ({ table: this.#options.table.name, partition, offset, detail }));
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  async #untilStored(waiting: readonly Waiting[]): Promise<void> {
    const { storedMs, countedMs } = this.#options.service.limits;
    const start = performance.now();
    let checkAt = start + CHECK_AFTER_MS;
    for (;;) {
      for (const { channel } of waiting) this.#check(channel);
      const now = performance.now();
      const isStored = waiting.every(({ channel, end }) => channel.isStoredBefore(end));
      if (isStored && (waiting.every(({ channel }) => channel.isCounted) || now > start + countedMs)) return;
      if (now > start + storedMs) {
        throw this.#notStored();
      }
      if (now > checkAt) {
        checkAt = now + CHECK_AFTER_MS;
        // Whoever has claimed a partition meanwhile has had the rows under way thrown away.
        for (const { channel } of waiting) channel.checkEpoch(await this.#options.epochNow(channel.partition));
      }
      this.#lookSoon();
      await this.#news();
    }
  }

  #notStored(): WarehouseUnavailableError {
    const { table, service: { limits: { storedMs } } } = this.#options;
    return new WarehouseUnavailableError(
      `Snowpipe Streaming has not stored rows of "${table.name}" within ${storedMs / 1000} s: try again`,
    );
  }

  #check({ error }: Channel): void {
    if (error !== undefined) throw error;
    if (this.#closed) throw new WarehouseUnavailableError("The writer is closed");
  }

  #waitingBytes(): number {
    let bytes = 0;
    for (const channel of this.#channels.values()) bytes += channel.waitingBytes;
    return bytes;
  }

  /** Resolves when something has changed. */
  async #news(): Promise<void> {
    await this.#changed.promise;
  }

  #tell(): void {
    this.#changed.resolve();
    // Who asks for news once it is closed must not wait: nobody would tell.
    if (!this.#closed) this.#changed = Promise.withResolvers();
  }

  #sendAll(): void {
    clearTimeout(this.#collecting);
    this.#collecting = undefined;
    for (const channel of this.#channels.values()) {
      channel.cut();
      this.#send(channel);
    }
  }

  /** Sends what the channel has, beside others; what that fails with is told to whoever needs the channel next. */
  #send(channel: Channel): void {
    if (channel.error !== undefined) return;
    const done = this.#translated(channel.advance()).catch((error) => channel.fail(error)).finally(() => {
      this.#working.delete(done);
      if (channel.isUnderWay) this.#lookSoon();
      this.#tell();
    });
    this.#working.add(done);
  }

  #lookSoon(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#looking ??= this.#look().finally(() => this.#looking = undefined);
    }, LOOK_EVERY_MS);
  }

  /** Asks what is stored, of all channels in one request; again before long where something is not. */
  async #look(): Promise<void> {
    const asked = [...this.#channels.values()].filter((channel) => channel.isUnderWay || !channel.isCounted);
    if (asked.length > 0) await this.#ask(asked);
    if (asked.some((channel) => channel.isUnderWay)) this.#lookSoon();
    this.#tell();
  }

  async #ask(asked: readonly Channel[]): Promise<void> {
    const { service, pipe } = this.#options;
    try {
      const statuses = await this.#translated(service.statuses(pipe, asked.map(({ name }) => name)));
      for (const channel of asked) channel.look(statuses.get(channel.name));
    } catch (error) {
      for (const channel of asked) channel.fail(error as Error);
    }
    for (const channel of asked) this.#send(channel);
  }

  async #translated<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof RawRowTooLargeError) {
        const { partition, offset, message } = error;
        throw new RowsRefusedError([{ table: this.#options.table.name, partition, offset, detail: message }]);
      }
      throw translateStreaming(error, this.#options.table.name);
    }
  }
}
