// A partition's channel: collects its raw rows, sends them in order, and keeps them until they are stored, for what is under
// way when the channel has to be opened anew is gone. What is to be done next is decided in channel_state.ts.

import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { FencedError, WarehouseRefusedError, WarehouseUnavailableError } from "../../../errors.ts";
import type { Row } from "../../cells.ts";
import type { Table } from "../../sql/tables.ts";
import type { Column } from "../columns.ts";
import { after, type ChannelState, type Chunk, claimed, isStoredBefore, type News, nextStep } from "./channel_state.ts";
import { mustReopen, refusesChannel, StreamingError } from "./codes.ts";
import { Lines } from "./lines.ts";
import { addOffset } from "../../offset_ranges.ts";
import type { ChannelStatus, StreamingService } from "./service.ts";

const compress = promisify<Uint8Array, { level: number }, Uint8Array<ArrayBuffer>>(gzip);

/** A request holds at most 4 MB after compression, which makes nothing noticeably larger. */
const MOST_BODY_BYTES = 4_000_000;
/** Lines of a chunk, before compression: of trains some 500 KB after it. */
const CHUNK_BYTES = 3_500_000;
/** Ten requests a second are what a channel may have. */
const REQUEST_EVERY_MS = 100;

export interface ChannelOptions {
  readonly service: StreamingService;
  readonly pipe: string;
  readonly name: string;
  readonly table: Table<Column>;
  readonly partition: number;
  readonly epoch: number;
  /** The epoch that stands in SQL now; `null` without a row. */
  readonly epochNow: (partition: number) => Promise<number | null>;
}

/** Counts of the service at one moment. */
type Counts = Pick<ChannelStatus, "inserted" | "errors">;

/** A chunk's lines. */
interface Body {
  /** As it is kept: before it is compressed, then compressed. */
  bytes: number;
  readonly compressed: Promise<Uint8Array<ArrayBuffer>>;
}

/** A row that is too large for any request. */
export class RawRowTooLargeError extends Error {
  constructor(readonly partition: number, readonly offset: number, readonly bytes: number) {
    super(`A row of ${bytes} bytes after compression is larger than the 4 MB that Snowpipe Streaming takes`);
    this.name = "RawRowTooLargeError";
  }
}

/** Bytes of a row's larger cells. */
function sizeOf(row: Row): number {
  let size = 0;
  for (const name in row) {
    const cell = row[name];
    if (cell instanceof Uint8Array || typeof cell === "string") size += cell.length;
  }
  return size;
}

export class Channel {
  readonly name: string;
  readonly partition: number;
  /** Offsets of rows that were added since the partition was claimed, from the first that is not derived. */
  readonly added: { from: number; to: number }[] = [];
  readonly #options: ChannelOptions;
  #state: ChannelState;
  #lines: Lines;
  #collecting: { first: number; last: number; rows: number } | undefined;
  readonly #bodies = new Map<Chunk, Body>();
  #continuation = "";
  /** When it was first opened. */
  #before: Counts | undefined;
  #now: Counts = { inserted: 0, errors: 0 };
  #lastError: string | undefined;
  #running: Promise<void> | undefined;
  #notBefore = 0;
  #from = 0;
  #closed = false;
  #error: Error | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.name = options.name;
    this.partition = options.partition;
    this.#state = claimed(options.epoch);
    this.#lines = new Lines(options.table);
  }

  /** The offset of the last row that is known to be stored. */
  get stored(): number | null {
    return this.#state.stored;
  }

  /** Why the service has skipped a row, the last time. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Rows that the service has skipped since the partition was claimed. */
  get skipped(): number {
    return Math.max(0, this.#now.errors - (this.#before?.errors ?? 0));
  }

  /** Rows that it was ever seen to skip. */
  get everSkipped(): number {
    return this.#now.errors;
  }

  /** Whether the service has counted all rows that it says are stored. */
  get isCounted(): boolean {
    const { inserted, errors } = this.#before ?? this.#now;
    return this.#now.inserted - inserted + this.#now.errors - errors >= this.#state.storedRows;
  }

  /** Bytes that are kept of rows that are not known to be stored. */
  get waitingBytes(): number {
    let bytes = this.#lines.length;
    for (const body of this.#bodies.values()) bytes += body.bytes;
    return bytes;
  }

  /** Rows that are not known to be stored. */
  get waitingRows(): number {
    if (this.#closed) return 0;
    return this.#state.queue.reduce((sum, { rows }) => sum + rows, this.#collecting?.rows ?? 0);
  }

  /** Whether rows are with the service that it has not said to be stored. */
  get isUnderWay(): boolean {
    return this.#state.phase === "owned" && this.#state.taken > 0;
  }

  get isCollecting(): boolean {
    return this.#collecting !== undefined;
  }

  isStoredBefore(offset: number): boolean {
    return isStoredBefore(this.#state, offset) && !(this.#collecting !== undefined && this.#collecting.first < offset);
  }

  /** Rows before the offset are there already, or are none. */
  startAt(offset: number): void {
    this.#from = offset;
  }

  /** Takes a row, unless it is there already; says whether enough have come for a request. */
  add(offset: number, row: Row): boolean {
    if (offset < this.#from) return false;
    if (this.#lines.length + sizeOf(row) > MOST_BODY_BYTES) this.cut();
    this.#lines.add(row);
    addOffset(this.added, offset);
    const { first = offset, rows = 0 } = this.#collecting ?? {};
    this.#collecting = { first, last: offset, rows: rows + 1 };
    if (this.#lines.length < CHUNK_BYTES) return false;
    this.cut();
    return true;
  }

  /** What was collected becomes a chunk. */
  cut(): void {
    const chunk = this.#collecting;
    if (chunk === undefined) return;
    this.#collecting = undefined;
    const lines = this.#lines.take();
    const body: Body = { bytes: lines.length, compressed: compress(lines, { level: 1 }) };
    // What it fails with is told to whoever sends it.
    body.compressed.then(({ length }) => void (body.bytes = length), () => {});
    this.#bodies.set(chunk, body);
    this.#hear({ kind: "added", chunk });
  }

  /** Opens the channel, without a look at whose it is. */
  async open(): Promise<void> {
    const { service, pipe } = this.#options;
    const { status, continuation } = await service.open(pipe, this.name);
    this.#continuation = continuation;
    this.#before ??= status;
    this.#count(status);
    this.#hear({ kind: "opened", token: status.token });
  }

  /** Compares the claim with the epoch that stands in SQL. Errors: `FencedError`. */
  confirm(epoch: number | null): void {
    this.#hear({ kind: "claim", epoch });
    if (this.#state.phase === "lost") throw this.#fenced(epoch);
  }

  /** Errors: `FencedError` where another epoch stands in SQL. Settles nothing else: the channel may be being opened. */
  checkEpoch(epoch: number | null): void {
    if (epoch !== this.#options.epoch) throw this.#fenced(epoch);
  }

  /** Sends what waits, one request after the other. Errors: `FencedError`, `StreamingError`, and what `epochNow` rejects with. */
  async advance(): Promise<void> {
    this.#running ??= this.#run().finally(() => this.#running = undefined);
    await this.#running;
  }

  /** The service's word on the channel; `undefined` where it knows of none. */
  look(status: ChannelStatus | undefined): void {
    if (status === undefined || mustReopen(status.code)) return this.#hear({ kind: "refused" });
    this.#count(status);
    this.#hear({ kind: "stored", token: status.token });
  }

  /** Forgets offsets before `offset`, which are derived. */
  forget(offset: number): void {
    while (this.added.length > 0 && this.added[0]!.to <= offset) this.added.shift();
    const [first] = this.added;
    if (first !== undefined && first.from < offset) first.from = offset;
  }

  /** Why nothing goes on, if nothing does. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Nothing goes on, until the partition is claimed anew. */
  fail(error: Error): void {
    if (this.#closed) return;
    this.#error ??= error;
    this.close();
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
    this.#collecting = undefined;
    this.#lines.take();
    this.#bodies.clear();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const step = nextStep(this.#state);
      switch (step.kind) {
        case "open":
          await this.open();
          break;
        case "check the claim":
          this.confirm(await this.#options.epochNow(this.partition));
          break;
        case "append":
          await this.#append(step.chunk);
          break;
        case "stop":
          throw new WarehouseUnavailableError(
            `The channel ${this.name} of Snowpipe Streaming holds a part of a request: the partition is claimed anew`,
          );
        default:
          return;
      }
    }
  }

  async #append(chunk: Chunk): Promise<void> {
    const { service, pipe, partition } = this.#options;
    const body = await this.#bodies.get(chunk)!.compressed;
    if (body.length > MOST_BODY_BYTES) {
      if (chunk.rows === 1) throw new RawRowTooLargeError(partition, chunk.first, body.length);
      throw new WarehouseRefusedError(`A request of ${chunk.rows} rows has ${body.length} bytes, 4 MB are the most`);
    }
    await this.#turn();
    if (this.#closed) return;
    const { first, last } = chunk;
    try {
      this.#continuation = await service.append(pipe, {
        channel: this.name,
        continuation: this.#continuation,
        first,
        last,
        body,
      });
    } catch (error) {
      if (!(error instanceof StreamingError) || !refusesChannel(error)) throw error;
      // Also where an answer was lost, and the rows are with the service: sent again, they come with a token that is spent.
      return this.#hear({ kind: "refused" });
    }
    service.streamed.took(chunk.rows, body.length);
    this.#hear({ kind: "taken" });
  }

  /** Waits until the next request may go. */
  async #turn(): Promise<void> {
    const waitMs = this.#notBefore - performance.now();
    if (waitMs > 0) await delay(waitMs);
    this.#notBefore = performance.now() + REQUEST_EVERY_MS;
  }

  #count(status: ChannelStatus): void {
    this.#now = { inserted: status.inserted, errors: status.errors };
    this.#lastError = status.lastError ?? this.#lastError;
  }

  #hear(news: News): void {
    const before = this.#state.queue;
    this.#state = after(this.#state, news);
    if (this.#state.queue.length === before.length) return;
    for (const chunk of before) if (!this.#state.queue.includes(chunk)) this.#bodies.delete(chunk);
  }

  #fenced(found: number | null): FencedError {
    return new FencedError(
      `Partition ${this.partition} belongs to another instance: expected epoch ${this.#options.epoch}, found ` +
        (found ?? "no row"),
    );
  }
}
