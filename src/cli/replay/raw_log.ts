// A domain's raw table as a log: the records that were accepted, at their old offsets, for an engine to work off again.
// Read page by page. Must not know what becomes of them.
import type { Domain } from "../../domains/mod.ts";
import { FreshetError, QueryTooLargeError } from "../../errors.ts";
import type {
  Generation,
  Log,
  LogBatch,
  LogRecord,
  NewRecord,
  PartitionBounds,
  PartitionLook,
  RecordPosition,
  Subscription,
  TopicInfo,
} from "../../log/log.ts";
import type { Warehouse } from "../../warehouse/warehouse.ts";

/** Rows that are read at first; four times as many each time while they are small, and fewer where memory does not take them. */
const FIRST_PAGE_ROWS = 16;
const MAX_PAGE_ROWS = 20_000;
const PAGE_BYTES = 16 * 1024 * 1024;
const BATCH_ROWS = 1_000;
const QUERY_MS = 600_000;

/** A raw row that the domain, as it is now, would not accept. */
export class NotAcceptedError extends FreshetError {
  readonly code = "not_accepted";
  readonly retriable = false;
}

export interface RawLogOptions {
  readonly warehouse: Warehouse;
  readonly domain: Domain;
  /** Where each partition ends, by its number. */
  readonly ends: ReadonlyMap<number, number>;
  /** Told after each batch how many records have been read. */
  readonly onRead: (records: number) => void;
}

/** How many raw rows are in the table: all of them, or those below the `ends` of their partitions. */
export async function countRaw(
  warehouse: Warehouse,
  { table, metadata }: Domain["raw"],
  ends?: ReadonlyMap<number, number>,
): Promise<number> {
  const { integerIn } = warehouse.dialect;
  const below = [...ends ?? []].map(([partition, end]) =>
    `(${integerIn(metadata, "partition")} = ${partition} AND ${integerIn(metadata, "offset")} < ${end})`
  );
  const where = below.length > 0 ? ` WHERE ${below.join(" OR ")}` : "";
  const { rows } = await warehouse.query(`SELECT COUNT(*) FROM ${table}${where}`, { timeoutMs: QUERY_MS });
  return Number(rows[0]![0]);
}

export class RawLog implements Log {
  readonly kind = "embedded";
  readonly description: string;

  constructor(private readonly options: RawLogOptions) {
    this.description = options.domain.raw.table;
  }

  topics(names: readonly string[] = []): Promise<readonly TopicInfo[]> {
    const { ends } = this.options;
    const partitions = Array.from(
      { length: Math.max(0, ...ends.keys()) + 1 },
      (_, partition): PartitionBounds => ({ low: 0, high: ends.get(partition) ?? 0 }),
    );
    // The dead letter topic is there, too: nothing may be sent to it.
    return Promise.resolve(names.map((topic) => ({ topic, partitions })));
  }

  createTopics(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  produce(_topic: string, records: readonly NewRecord[]): Promise<readonly RecordPosition[]> {
    const headers = records[0]?.headers ?? {};
    const said = (name: string) => String(headers[`__connect.errors.${name}`]);
    throw new NotAcceptedError(
      `The record at offset ${said("offset")} of partition ${said("partition")} is in ${this.description}, and would ` +
        `be a dead letter now: ${
          said("exception.message")
        }. Nothing was changed. If it was accepted by an older version ` +
        `or other settings, move its row from ${this.description} to DEAD_LETTERS by hand, and replay again`,
    );
  }

  committed(): Promise<ReadonlyMap<number, number>> {
    return Promise.resolve(new Map());
  }

  subscribe({ topic, signal }: { readonly topic: string; readonly signal: AbortSignal }): Promise<Subscription> {
    const generation = new RawGeneration(topic, this.options, signal);
    return Promise.resolve({
      nextGeneration: () => Promise.resolve(generation),
      membership: () => ({ state: "member", sinceMs: 0 }),
      rejoin: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class RawGeneration implements Generation {
  readonly id = 1;
  readonly partitions: readonly number[];
  #positions = new Map<number, number>();
  /** Of the partition that is being read. */
  #page: LogRecord[] = [];
  #pageRows = FIRST_PAGE_ROWS;
  #read = 0;

  constructor(readonly topic: string, private readonly options: RawLogOptions, readonly signal: AbortSignal) {
    this.partitions = [...options.ends.keys()];
  }

  bounds(): Promise<ReadonlyMap<number, PartitionBounds>> {
    return Promise.resolve(new Map([...this.options.ends].map(([partition, high]) => [partition, { low: 0, high }])));
  }

  start(positions: ReadonlyMap<number, number>): Promise<void> {
    this.#positions = new Map(positions);
    return Promise.resolve();
  }

  async next(): Promise<LogBatch | undefined> {
    const partition = this.partitions.find((each) => !this.caughtUp(each));
    if (partition === undefined) return undefined;
    const end = this.options.ends.get(partition)!;
    if (this.#page.length === 0) this.#page = await this.#pageThatFits(partition, this.#positions.get(partition)!, end);
    const records = this.#page.splice(0, BATCH_ROWS);
    // After the last record only offsets that are in no raw row are left.
    const nextOffset = records.length === 0 ? end : records.at(-1)!.offset + 1;
    this.#positions.set(partition, nextOffset);
    this.options.onRead(this.#read += records.length);
    return { partition, records, nextOffset };
  }

  skip(): void {
    throw new Error("A raw table has no damaged stretches");
  }

  caughtUp(partition: number): boolean {
    return this.#positions.get(partition)! >= this.options.ends.get(partition)!;
  }

  look(partition: number): PartitionLook {
    const end = this.options.ends.get(partition)!;
    return { end, readableEnd: end, atMs: 0 };
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  /** Smaller pages where rows are large: as many rows as there is memory for. */
  async #pageThatFits(partition: number, from: number, end: number): Promise<LogRecord[]> {
    while (true) {
      try {
        const page = await this.#readPage(partition, from, end);
        const bytes = page.reduce((sum, { value }) => sum + value!.length, 0);
        if (bytes < PAGE_BYTES / 8) this.#pageRows = Math.min(MAX_PAGE_ROWS, this.#pageRows * 4);
        return page;
      } catch (error) {
        if (!(error instanceof QueryTooLargeError) || this.#pageRows === 1) throw error;
        this.#pageRows = Math.ceil(this.#pageRows / 4);
      }
    }
  }

  async #readPage(partition: number, from: number, end: number): Promise<LogRecord[]> {
    const { warehouse, domain: { raw } } = this.options;
    const { table, metadata: m, content: c } = raw;
    const pageRows = this.#pageRows;
    const { dialect } = warehouse;
    const offset = dialect.integerIn(m, "offset");
    const sql = `SELECT ${offset} AS O, ${dialect.jsonText(m)} AS M, ${dialect.jsonText(c)} AS C FROM ${table}
      WHERE ${dialect.integerIn(m, "partition")} = ${partition} AND ${offset} >= ${from} AND ${offset} < ${end}
      ORDER BY O LIMIT ${pageRows}`;
    const limits = { maxRows: pageRows, maxBytes: PAGE_BYTES, timeoutMs: QUERY_MS };
    const { rows } = await warehouse.query(sql, { ...limits, signal: this.signal });
    return rows.map(([offset, metadata, content]) => recordOf(Number(offset), String(metadata), String(content)));
  }
}

const utf8 = new TextEncoder();

/** A header's value as metadata have it. */
type HeaderText = string | null;

function headerOf(text: HeaderText | readonly HeaderText[]) {
  const one = (text: HeaderText) => text === null ? null : utf8.encode(text);
  return text === null || typeof text === "string" ? one(text) : text.map(one);
}

/** The record as its raw row tells it. */
function recordOf(offset: number, metadata: string, content: string): LogRecord {
  const { key, headers, CreateTime } = JSON.parse(metadata) as {
    readonly key?: string;
    readonly headers?: Readonly<Record<string, HeaderText | readonly HeaderText[]>>;
    readonly CreateTime?: number;
  };
  return {
    offset,
    key: key === undefined ? null : utf8.encode(key),
    value: utf8.encode(content),
    timestamp: CreateTime ?? 0,
    headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, headerOf(text)])),
  };
}
