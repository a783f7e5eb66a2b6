// A domain's writer whose raw rows go by Snowpipe Streaming, ahead of their units. Two rules make of the two ways one: derived
// never passes raw (a unit's transaction begins when the raw rows before its offsets are stored), and a verdict is never made
// twice (what is in the raw table above the claimed offset was accepted, what is not there was not).
// Must not know logs, engines or operators.

import { setTimeout as delay } from "node:timers/promises";
import { WarehouseUnavailableError } from "../../../errors.ts";
import type { Scope } from "../../sql/adapter.ts";
import { claimsOf } from "../../sql/writer.ts";
import type { Claim, Decided, OffsetRange, RawRow, RawTable, RawWriter, Unit } from "../../warehouse.ts";
import { SnowflakeAdapter, type WriterOptions } from "../adapter.ts";
import type { Transaction } from "../loading.ts";
import { SnowflakeOffsets } from "../offsets.ts";
import { Session } from "../session.ts";
import type { Channel } from "./channel.ts";
import { Channels } from "./channels.ts";
import { nameChannels, NO_END, type Place, storedRanges, takeOut } from "./raw_table.ts";
import { holds } from "../../offset_ranges.ts";
import type { StreamingService } from "./service.ts";

export interface StreamingWriterOptions extends WriterOptions {
  readonly raw: RawTable;
  readonly service: StreamingService;
}

/** How often the raw table is looked at again for a row that it must hold, milliseconds. */
const LOOK_AGAIN_MS = 500;

/** What is known of a topic that partitions were claimed of. */
interface Topic {
  readonly channels: Channels;
  /** By partition. */
  readonly decided: Map<number, Decided>;
}

export class StreamingAdapter extends SnowflakeAdapter {
  readonly raw: RawWriter;
  readonly #options: StreamingWriterOptions;
  /** Beside the writer's own, which may be in a transaction when a channel must be opened anew. */
  readonly #beside: Session;
  readonly #offsetsBeside: SnowflakeOffsets;
  readonly #topics = new Map<string, Topic>();
  /** What new channels' names end with. */
  readonly #mark = crypto.randomUUID().slice(0, 8).toUpperCase();
  /** Of the last claim, by partition. */
  #names: ReadonlyMap<number, string> = new Map();
  #isClosing = false;

  constructor(options: StreamingWriterOptions) {
    super(options);
    const { account, domain, transactions } = options;
    this.#options = options;
    this.#beside = new Session({ account, tag: `freshet:${domain}`, transactions: `${transactions}_raw` });
    this.#offsetsBeside = new SnowflakeOffsets(this.#beside);
    this.raw = {
      append: async (topic: string, partition: number, rows: readonly RawRow[]) => {
        try {
          await this.#topics.get(topic)?.channels.append(partition, rows);
        } catch (error) {
          throw this.translate(error);
        }
      },
    };
  }

  protected override async raised(
    transaction: Transaction,
    scope: Scope,
    partitions: readonly number[],
  ): Promise<void> {
    this.#names = await nameChannels(transaction, scope, { partitions, mark: this.#mark });
  }

  /**
   * The epochs are raised: opens the channels, looks whether the epochs still stand, and says what is stored above the claims.
   * Errors: `FencedError` where another instance has claimed a partition meanwhile.
   */
  async claimed(scope: Scope, claims: readonly Claim[]): Promise<readonly Claim[]> {
    const { channels, decided } = await this.#topic(scope);
    const names = this.#names;
    const opened = claims.map(({ partition, epoch }) => ({ partition, epoch, name: names.get(partition)! }));
    await channels.open(opened, () => this.#epochs(scope, claims.map(({ partition }) => partition)));
    const told: Claim[] = [];
    for (const claim of claims) {
      const ahead = await this.#decided(scope, claim, channels.get(claim.partition)!);
      decided.delete(claim.partition);
      if (ahead !== undefined) decided.set(claim.partition, ahead);
      told.push(ahead === undefined ? claim : { ...claim, decided: ahead });
    }
    return told;
  }

  /** Waits until the raw rows of the stretch are stored. */
  async prepare({ topic, moves }: Unit): Promise<void> {
    const channels = this.#topics.get(topic)?.channels;
    if (channels === undefined) return;
    const ends = new Map(moves.map(({ partition, to }) => [partition, to.nextOffset]));
    await channels.stored(ends, {
      stored: (partition, range) => storedRanges(this.reader, this.#options.raw, { topic, partition, range }),
    });
  }

  protected override async beforeAppending(transaction: Transaction, unit: Unit): Promise<void> {
    const places = this.#condemned(unit);
    if (places.length > 0) await takeOut(transaction, this.#options.raw, { topic: unit.topic, places });
  }

  override async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#topics.values()].map(({ channels }) => channels.close()));
    await super.close();
    await this.#beside.drop();
  }

  #checkOpen(): void {
    if (this.#isClosing) throw new WarehouseUnavailableError("The writer is closed");
  }

  /** Errors: `WarehouseUnavailableError` once the writer is closing. */
  async #topic(scope: Scope): Promise<Topic> {
    const known = this.#topics.get(scope.topic);
    if (known !== undefined) return known;
    const { raw, service } = this.#options;
    const table = await this.tables.named(raw.table);
    // Closing has gone by, and would not close these.
    this.#checkOpen();
    const channels = new Channels({
      service,
      // The pipe that every table has without being asked for.
      pipe: `${raw.table}-STREAMING`,
      table,
      epochNow: async (partition) =>
        (await this.#epochs(scope, [partition], this.#offsetsBeside)).get(partition) ?? null,
    });
    const topic = { channels, decided: new Map<number, Decided>() };
    this.#topics.set(scope.topic, topic);
    return topic;
  }

  /** By partition. */
  async #epochs(
    scope: Scope,
    partitions: readonly number[],
    offsets = this.offsets,
  ): Promise<ReadonlyMap<number, number>> {
    const rows = await offsets.read(scope, partitions);
    return new Map(claimsOf(rows).map(({ partition, epoch }) => [partition, epoch]));
  }

  /** What became of records at and above the claim's offset. */
  async #decided({ topic }: Scope, claim: Claim, channel: Channel): Promise<Decided | undefined> {
    const { nextOffset: from } = claim;
    const token = channel.stored;
    if (token !== null && token < from) return undefined;
    // A channel without a token may be one whose metadata is gone: unused channels are dropped after a while.
    const isNew = token === null && channel.name.endsWith(`_${this.#mark}`);
    if (isNew) return undefined;
    const range = { from, to: token === null ? NO_END : token + 1 };
    const accepted = await this.#seen(topic, channel, range);
    const before = token === null ? accepted.at(-1)?.to : token + 1;
    if (before === undefined) return undefined;
    channel.startAt(before);
    return { before, accepted };
  }

  /** Offsets of raw rows in the range, once the last one can be seen, which comes after all others. */
  async #seen(
    topic: string,
    { partition, stored, everSkipped }: Channel,
    range: OffsetRange,
  ): Promise<readonly OffsetRange[]> {
    const { countedMs } = this.#options.service.limits;
    const until = performance.now() + countedMs;
    for (;;) {
      this.#checkOpen();
      const ranges = await storedRanges(this.reader, this.#options.raw, { topic, partition, range });
      if (stored === null || ranges.at(-1)?.to === stored + 1) return ranges;
      if (performance.now() > until) {
        // The last one may be one that the service has skipped.
        if (everSkipped > 0) return ranges;
        throw new WarehouseUnavailableError(
          `"${this.#options.raw.table}" does not show the row of offset ${stored} that Snowpipe Streaming has stored: try again`,
        );
      }
      await delay(LOOK_AGAIN_MS);
    }
  }

  /** Dead letters whose raw rows are in the table. */
  #condemned({ topic, appends }: Unit): readonly Place[] {
    const decided = this.#topics.get(topic)?.decided;
    if (decided === undefined || decided.size === 0) return [];
    return appends.filter(({ table }) => table === "DEAD_LETTERS").flatMap(({ partitions, offsets }) =>
      offsets.map((offset, i): Place => [partitions[i]!, offset]).filter(([partition, offset]) =>
        holds(decided.get(partition)?.accepted ?? [], offset)
      )
    );
  }
}
