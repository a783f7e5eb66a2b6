// What has been made since the last checkpoint and is to be written with the next one.

import type { Domain } from "../domains/domain.ts";
import type { Batch, Element, LateElement, Output, SessionChange, WindowResult } from "@freshet/stream";
import { Cells, type Packer } from "../warehouse/cells.ts";
import type { Append, Delete, Move, Row, StateChange, TableKey, Unit, Upsert } from "../warehouse/warehouse.ts";
import { ALERT_EVENTS_TABLE, type AlertEvent, type AlertEvents } from "./alert_events.ts";
import { type DeadLetter, deadLetterRow } from "./dead_letter.ts";
import { isJoined } from "./episodes.ts";
import { type Gap, gapRow, GAPS_TABLE } from "./gap.ts";
import type { Ingested } from "./ingest.ts";
import { type KeyedChange, keyedChanges, tableKeyOf } from "./rows.ts";

/** Rows of one table to be inserted, by column, and where they came from. */
interface PendingRows {
  readonly cells: Cells;
  readonly partitions: number[];
  readonly offsets: number[];
}

/** Kinds of events are what records say, so that there may be any number of them: metrics are told of those that are declared. */
const OTHER_KIND = "other";

/** How far ends of inputs have closed windows. */
const CLOSED_TABLE = "FRESHET_CLOSED";
const CLOSED_KEY = ["DOMAIN", "OPERATOR", "TOPIC", "KAFKA_PARTITION"];

export interface PendingOptions {
  /** How rows of a table may wait, where the warehouse has a say in it. */
  readonly packer?: (table: string) => Packer | undefined;
  /** Whether raw rows wait here, which they do not where they go ahead; they do when left out. */
  readonly keepsRaw?: boolean;
  /** Where somebody is told of alerts. */
  readonly alerts?: AlertEvents;
}

export class Pending {
  readonly dead: DeadLetter[] = [];
  /** Records taken, usable or not. */
  records = 0;
  accepted = 0;
  /** Accepted records by kind, where the domain tells kinds apart. */
  readonly kinds = new Map<string, number>();
  /** Bytes of the records' values. */
  bytes = 0;
  /** Bytes of the records: values, keys and headers. */
  size = 0;
  /** Of that what each record has above 4 KiB. */
  large = 0;
  /** Mean event time of accepted records, epoch milliseconds, by what was added together. */
  readonly times: { readonly mean: number; readonly records: number }[] = [];
  readonly late: LateElement[] = [];
  /** Records that were read straight from their bytes, by the schema. */
  readBySchema = 0;
  /** Offsets that were skipped because they could not be read. */
  skippedOffsets = 0;
  /** Alerts raised or cleared that somebody is to be told of. */
  alertEvents = 0;
  readonly #appends = new Map<string, PendingRows>();
  readonly #keyed = new Map<string, KeyedRows>();
  readonly #changed = new Set<number>();
  #ends = new Set<number>();
  readonly #closed: Row[] = [];

  constructor(
    private readonly domain: Domain,
    private readonly outputs: readonly Output<unknown>[],
    private readonly options: PendingOptions = {},
  ) {}

  /** Partitions that have something in here. */
  get partitions(): ReadonlySet<number> {
    return this.#changed;
  }

  /** Rows of keyed tables that wait to be written. */
  get keyedChanges(): number {
    let changes = 0;
    for (const { size } of this.#keyed.values()) changes += size;
    return changes;
  }

  get empty(): boolean {
    return this.#changed.size === 0;
  }

  /** Takes what a log batch has become. */
  add({ batch, raw, dead, bytes, size, large, readBySchema }: Ingested): void {
    this.readBySchema += readBySchema;
    this.bytes += bytes;
    this.size += size;
    this.large += large;
    this.#changed.add(batch.partition);
    this.records += raw.length + dead.length;
    this.accepted += raw.length;
    if (raw.length > 0) this.times.push({ mean: meanTime(raw), records: raw.length });
    for (const letter of dead) this.dead.push(letter);
    if (this.options.keepsRaw ?? true) addRows(this.#rowsOf(this.domain.raw.table), batch.partition, raw);
    if (this.domain.raw.kind) this.#countKinds(raw, this.domain.raw.kind);
  }

  #countKinds(raw: readonly Element<Row>[], { column, known }: NonNullable<Domain["raw"]["kind"]>): void {
    for (const { value } of raw) {
      const kind = String(value[column]);
      const counted = known.includes(kind) ? kind : OTHER_KIND;
      this.kinds.set(counted, (this.kinds.get(counted) ?? 0) + 1);
    }
  }

  /** Takes the outputs' answers to a batch, in the order of the outputs. */
  addAnswers(batch: Batch<unknown>, answers: readonly Batch<unknown>[], now: number): void {
    this.#changed.add(batch.partition);
    this.outputs.forEach((output, i) => {
      const { elements } = answers[i]!;
      if (elements.length === 0) return;
      if (output.kind === "append") {
        addRows(this.#rowsOf(output.name), batch.partition, elements as Element<Row>[]);
      } else this.#addChanges(output, elements, now);
      if (output.kind === "windows") this.#addEnds(elements as Element<WindowResult<unknown>>[]);
      if (output.kind === "sessions" || isJoined(output)) {
        this.#addSessionEnds(elements as Element<SessionChange<unknown>>[]);
      }
    });
    for (const late of batch.side.late) this.#addLate(late);
  }

  /** What is told of alerts; it is written with the alerts. */
  addAlertEvents(events: readonly AlertEvent[]): void {
    this.alertEvents += events.length;
    for (const { partition, offset, row } of events) {
      this.#changed.add(partition);
      addRow(this.#rowsOf(ALERT_EVENTS_TABLE), partition, offset, row);
    }
  }

  #addChanges(output: Output<unknown>, elements: readonly Element<unknown>[], now: number): void {
    const changes = keyedChanges(output, elements, now);
    const rows = this.#keyedOf(output);
    for (const change of changes) rows.add(change);
    if (output.kind !== "episodes" || !this.options.alerts) return;
    this.addAlertEvents(this.options.alerts.of(output, elements as Element<SessionChange<unknown>>[], changes));
  }

  /** Everything as one unit. */
  unit(moves: readonly Move[], state: readonly StateChange[]): Unit {
    for (const letter of this.dead) {
      addRow(
        this.#rowsOf("DEAD_LETTERS"),
        letter.partition,
        letter.record.offset,
        deadLetterRow(this.domain.name, this.domain.topic, letter),
      );
    }
    const appends = [...this.#appends].map(([table, rows]): Append => ({ table, ...rows }));
    const upserts: Upsert[] = [];
    const deletes: Delete[] = [];
    for (const [table, rows] of this.#keyed) {
      const { key } = rows;
      const [upserted, deleted] = [rows.rows("upsert"), rows.rows("delete")];
      if (upserted.length > 0) upserts.push({ table, ...key, rows: upserted });
      if (deleted.length > 0) deletes.push({ table, keyColumns: key.keyColumns, rows: deleted });
    }
    if (this.#closed.length > 0) {
      upserts.push({ table: CLOSED_TABLE, keyColumns: CLOSED_KEY, rows: this.#closed });
    }
    return { topic: this.domain.topic, appends, upserts, deletes, state, moves };
  }

  /** The ends of windows, final sessions and joined alerts that rows have been made of since the last call, epoch milliseconds. */
  takeEnds(): ReadonlySet<number> {
    const ends = this.#ends;
    if (ends.size > 0) this.#ends = new Set();
    return ends;
  }

  /** The end of an input has closed the windows of an operator, up to `upTo`. Epoch milliseconds. */
  addClosed(operator: string, partition: number, { upTo, now }: { readonly upTo: number; readonly now: number }): void {
    const { name: DOMAIN, topic: TOPIC } = this.domain;
    const of = { DOMAIN, OPERATOR: operator, TOPIC, KAFKA_PARTITION: partition };
    this.#closed.push({ ...of, CLOSED_UP_TO: upTo, UPDATED_AT: now });
  }

  /** A partition goes on behind a stretch that was not read. */
  addGap(gap: Gap): void {
    this.#changed.add(gap.partition);
    if (gap.by === "FRESHET_ON_DAMAGE") this.skippedOffsets += gap.to - gap.from;
    addRow(this.#rowsOf(GAPS_TABLE), gap.partition, gap.from, gapRow(this.domain, gap));
  }

  #addEnds(elements: readonly Element<WindowResult<unknown>>[]): void {
    let last = NaN;
    for (const { value: { end } } of elements) {
      if (end !== last) this.#ends.add(last = end);
    }
  }

  /** Of those that have closed: an open one will have another row. */
  #addSessionEnds(elements: readonly Element<SessionChange<unknown>>[]): void {
    for (const { value } of elements) if (value.kind === "session" && value.final) this.#ends.add(value.end);
  }

  #rowsOf(table: string): PendingRows {
    let rows = this.#appends.get(table);
    if (!rows) {
      this.#appends.set(table, rows = { cells: new Cells(this.options.packer?.(table)), partitions: [], offsets: [] });
    }
    return rows;
  }

  #keyedOf(output: Output<unknown>): KeyedRows {
    let rows = this.#keyed.get(output.name);
    if (!rows) this.#keyed.set(output.name, rows = new KeyedRows(tableKeyOf(output)!));
    return rows;
  }

  #addLate(late: LateElement): void {
    this.late.push(late);
    const { operator, partition, offset, time, watermark, missed } = late;
    const row: Row = {
      DOMAIN: this.domain.name,
      OPERATOR: operator,
      TOPIC: this.domain.topic,
      KAFKA_PARTITION: partition,
      KAFKA_OFFSET: offset,
      EVENT_TIME: time,
      WATERMARK: watermark,
      LATENESS_MS: Math.round(watermark - time),
      WINDOW_START: missed.start,
      WINDOW_END: missed.end,
      WINDOWS_MISSED: missed.count,
    };
    addRow(this.#rowsOf("LATE_RECORDS"), partition, offset, row);
  }
}

function meanTime(elements: readonly Element<unknown>[]): number {
  let sum = 0;
  for (const { time } of elements) sum += time;
  return sum / elements.length;
}

function addRow({ cells, partitions, offsets }: PendingRows, partition: number, offset: number, row: Row): void {
  cells.add(row);
  partitions.push(partition);
  offsets.push(offset);
}

function addRows(rows: PendingRows, partition: number, elements: readonly Element<Row>[]): void {
  for (const { value, offset } of elements) addRow(rows, partition, offset, value);
}

/** Places of changes by the parts of their keys, a level for each key column: no text is made of a key. */
type Level = Map<unknown, Level | number>;

/** Rows of one keyed table that wait to be written: of several for one key the last counts. */
export class KeyedRows {
  /** In the order in which their keys came. */
  readonly #changes: KeyedChange[] = [];
  readonly #places: Level = new Map();
  /** Parts that are objects, by their text: equal ones are one. */
  readonly #objects = new Map<string, object>();

  constructor(readonly key: TableKey) {}

  /** How many keys there are. */
  get size(): number {
    return this.#changes.length;
  }

  /** Adds a change, unless one that waits is newer by the table's guard. */
  add(change: KeyedChange): void {
    const { keyColumns, guardColumns } = this.key;
    const last = keyColumns.length - 1;
    let level = this.#places;
    for (let i = 0; i < last; i++) {
      const part = this.#partOf(change.row[keyColumns[i]!]);
      let next = level.get(part) as Level | undefined;
      if (next === undefined) level.set(part, next = new Map());
      level = next;
    }
    const part = this.#partOf(change.row[keyColumns[last]!]);
    const place = level.get(part) as number | undefined;
    if (place === undefined) level.set(part, this.#changes.push(change) - 1);
    else if (!guardColumns || !isNewer(this.#changes[place]!.row, change.row, guardColumns)) {
      this.#changes[place] = change;
    }
  }

  /** The rows to be written, or taken away. */
  rows(op: KeyedChange["op"]): Row[] {
    const rows: Row[] = [];
    for (const change of this.#changes) if (change.op === op) rows.push(change.row);
    return rows;
  }

  /** What tells a cell of a key apart. What a table has no value for is `null` there. */
  #partOf(cell: unknown): unknown {
    if (typeof cell === "number") return Number.isFinite(cell) ? cell : null;
    if (typeof cell !== "object") return cell ?? null;
    if (cell === null) return null;
    const text = JSON.stringify(cell);
    let object = this.#objects.get(text);
    if (!object) this.#objects.set(text, object = {});
    return object;
  }
}

/** Whether `a` comes after `b` by the columns, compared in order; used where partitions share a key. */
function isNewer(a: Row, b: Row, columns: readonly string[]): boolean {
  for (const column of columns) {
    const [x, y] = [Number(a[column]), Number(b[column])];
    if (x !== y) return x > y;
  }
  return false;
}
