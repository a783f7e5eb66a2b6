// The warehouse port: migrations, one exactly-once unit of writing at a time, and read-only queries.
// Adapters: duckdb.ts and snowflake.ts. Knows nothing of logs, engines or domains.

import type { Cells, Packer, Row } from "./cells.ts";

export type { Row };

/** Rows to insert as they are, by column, and the records that they came from: one partition and offset for each row. */
export interface Append {
  readonly table: string;
  readonly cells: Cells;
  readonly partitions: readonly number[];
  readonly offsets: readonly number[];
}

/** How a row is found again. */
export interface TableKey {
  readonly keyColumns: readonly string[];
  /** When given, an existing row is updated only if these columns of the new row, compared in order, are not smaller. */
  readonly guardColumns?: readonly string[];
}

/** Rows to insert, or to update where the key is there already. At most one row for a key. */
export interface Upsert extends TableKey {
  readonly table: string;
  readonly rows: readonly Row[];
}

/** Rows to delete by key. */
export interface Delete {
  readonly table: string;
  readonly keyColumns: readonly string[];
  readonly rows: readonly Row[];
}

/**
 * A change of an operator's keyed state; `value` is JSON text, `null` when the key is deleted. At most one change for a key in
 * a unit, and only of partitions that the unit moves.
 */
export interface StateChange {
  readonly operator: string;
  readonly partition: number;
  /** What the operator files the key under: the window's end, 0, or the number of its marks. */
  readonly namespace: number;
  readonly key: string;
  readonly value: string | null;
}

/** How far a partition is done. */
export interface Position {
  readonly nextOffset: number;
  /** Epoch milliseconds; `null` before the first event. */
  readonly watermark: number | null;
  /** Greatest event time seen, epoch milliseconds; `null` before the first event. */
  readonly maxEventTime: number | null;
  /** Log timestamp of the record at `nextOffset - 1`, epoch milliseconds, to recognise a recreated topic; `null` if unknown. */
  readonly lastTimestamp: number | null;
}

/** Offsets from `from` to before `to`. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Records at and above a claim's offset whose raw rows went ahead of their unit. What became of them is decided: those in
 * `accepted` are in the raw table, the others before `before` are not, and never come into it.
 */
export interface Decided {
  readonly before: number;
  /** In order. */
  readonly accepted: readonly OffsetRange[];
}

/** A claimed partition: where to go on, and the numbers that fence others out. */
export interface Claim extends Position {
  readonly partition: number;
  /** Raised by each claim. */
  readonly epoch: number;
  /** Raised by each committed unit. */
  readonly checkpoint: number;
  /** Absent where no raw row is ahead of the claim. */
  readonly decided?: Decided;
}

/** Numbers of checkpoints by partition. */
export type Checkpoints = ReadonlyMap<number, number>;

/** Where a domain's records are as they came. */
export interface RawTable {
  readonly table: string;
  /** VARIANT column with the record's `topic`, `partition` and `offset`. */
  readonly metadata: string;
}

/** A row of the raw table, and the record's offset. */
export interface RawRow {
  readonly offset: number;
  readonly value: Row;
}

/** A way for raw rows that is faster than their unit. */
export interface RawWriter {
  /**
   * Takes rows of a claimed partition, in the order of their offsets. They may be in the table before their unit is, and are at
   * the latest when it is: `commit` waits for those of the partitions that it moves. Resolves when there is room for more.
   *
   * Errors: those of `commit`, which may be about rows of earlier calls.
   */
  append(topic: string, partition: number, rows: readonly RawRow[]): Promise<void>;
}

/** Moves a partition from a claim's (or the last unit's) position on. */
export interface Move {
  readonly partition: number;
  /** As claimed. */
  readonly epoch: number;
  /** As of now, in the warehouse; the unit raises it by one. */
  readonly checkpoint: number;
  /** As of now, in the warehouse. */
  readonly expectedOffset: number;
  readonly to: Position;
}

/** Everything that one checkpoint writes, in one transaction. */
export interface Unit {
  readonly topic: string;
  readonly appends: readonly Append[];
  readonly upserts: readonly Upsert[];
  readonly deletes: readonly Delete[];
  readonly state: readonly StateChange[];
  readonly moves: readonly Move[];
}

/** One domain's writer, with a session of its own. Calls do not overlap. */
export interface Writer extends AsyncDisposable {
  /**
   * Raises the epoch of each partition (making its row when there is none, at offset 0) and says where to go on.
   *
   * `all` are the topic's partitions: each of them gets a row, for a merged row is final only when all have passed it. One that
   * comes to a topic that others are known of begins with the greatest watermark of those: what they closed, stays closed.
   *
   * Errors: `FencedError` where another writer has claimed a partition meanwhile, and that is noticed already.
   */
  claim(topic: string, partitions: readonly number[], all?: readonly number[]): Promise<readonly Claim[]>;
  /**
   * How many bytes of large records a unit should have at most, each counted without its first 4 KiB, where large ones take the
   * warehouse more memory than as many bytes of small ones.
   */
  readonly largeBytes?: number;
  /** The live state of the partitions, in chunks. */
  state(topic: string, partitions: readonly number[]): AsyncIterable<readonly StateChange[]>;
  /**
   * What the given checkpoints of the partitions and later ones have changed of the state, in chunks: the last change of each
   * key, deletions among them, unless `compactState` has dropped those.
   */
  stateSince(topic: string, checkpoints: Checkpoints): AsyncIterable<readonly StateChange[]>;
  /** Where there is one, raw rows go this way and are in no unit: rows of DEAD_LETTERS take what `decided` accepted out again. */
  readonly raw?: RawWriter | undefined;
  /** How rows to append to the table may wait for their unit, where the warehouse has a smaller form than cells. */
  packer?(table: string): Packer | undefined;
  /** What another thread must know of the tables to pack rows of them: plain data that the warehouse's packing reads. */
  layout?(): unknown;
  /**
   * Writes the unit in one transaction.
   *
   * Errors: `FencedError` (a move found another epoch, checkpoint or offset), `CommitUnknownError`, `RowsRefusedError`,
   * `WarehouseUnavailableError`, `WarehouseRefusedError`. In all but `CommitUnknownError` nothing of the unit is written;
   * after that `positions` say whether it is, and its cause is why it would not be, where one of these errors says so.
   */
  commit(unit: Unit): Promise<void>;
  /** Reads the positions back, on a new session if the old one is in doubt. */
  positions(topic: string, partitions: readonly number[]): Promise<readonly Claim[]>;
  /**
   * Drops state rows that later ones have replaced, and deletions but those of the given checkpoints and later ones. Changes
   * nothing that `state` would return, nor `stateSince` of these checkpoints.
   */
  compactState(topic: string, partitions: readonly number[], since?: Checkpoints): Promise<void>;
  /** Fingerprints of the operators that wrote the stored state, by operator. */
  operators(): Promise<ReadonlyMap<string, string>>;
  /** Replaces them. */
  registerOperators(fingerprints: ReadonlyMap<string, string>): Promise<void>;
}

/** A script of numbered sections (`-- version N: title`), each applied once. */
export interface Script {
  readonly name: string;
  readonly text: string;
}

export interface MigrationStep {
  readonly name: string;
  readonly version: number;
  readonly title: string;
  readonly statements: readonly string[];
}

/** A value bound to a `?` of a statement. Times are text, cast in the statement: `CAST(? AS TIMESTAMP_NTZ)`. */
export type Bind = string | number | boolean | null;

/**
 * Who asks, the program unless told. A `user` gets what the program leaves: room for a few statements, whose memory and time the
 * pipelines do not miss. A `probe` only looks whether there are answers, and waits for nobody.
 */
export type Asker = "program" | "probe" | "user";

/** Where it is counted what answers hold. */
export interface HeldBytes {
  /** So many more. Throws what the query then ends with, `QueryBusyError`, when there are not as many. */
  grow(bytes: number): void;
}

export interface QueryOptions {
  readonly asker?: Asker;
  /** One for each `?`, in order. */
  readonly binds?: readonly Bind[];
  readonly maxRows?: number;
  /** About how much the rows may hold together, in memory; an answer that is larger is refused. */
  readonly maxBytes?: number;
  /** Told what they hold as they come, where `maxBytes` has them counted. */
  readonly held?: HeldBytes;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Rows of a query. Cells are JSON values: integers as number where that is safe, else as text; decimals as number up to 15
 * digits, else as text; DOUBLE as number, `null` for NaN and infinities; timestamps as `YYYY-MM-DD HH:MM:SS` and a fraction
 * of 3 or 6 digits where there is one, in UTC; DATE as `YYYY-MM-DD`; VARIANT parsed, or as text where that fails.
 * Columns have the types' names that scripts use.
 */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** Whether there were more than `maxRows`. */
  readonly truncated: boolean;
}

/** How large a unit grows where nobody has set it. */
export interface CheckpointSettings {
  readonly rows: number;
  readonly ms: number;
  /** Rows while there is a backlog. */
  readonly backlogRows: number;
  /** Whether the domains of a process have that many together, as their units lie in its memory while they wait for each other. */
  readonly isShared?: boolean;
  /**
   * Whether units that are due by age wait for the next multiple of it on the wall clock, so that those of all domains and
   * processes come together: where waking the warehouse costs.
   */
  readonly onTicks?: boolean;
}

/** How a value is ordered by, and given back as text that loses nothing. All but `place` are SQL of the value. */
export interface ExactForm {
  /** What is ordered by, and compared with `place`. */
  readonly ordered: string;
  /** The text; NULL where it is none. */
  readonly text: string;
  /** The place to which the text is bound, as what `ordered` is. */
  readonly place: string;
}

/** SQL of queries that each warehouse writes in its own way. */
export interface QueryDialect {
  /** A whole number out of an object in a VARIANT column. */
  integerIn(column: string, field: string): string;
  /** A VARIANT column as JSON text. */
  jsonText(column: string): string;
  /** The forms of a value of a type, as a query's columns are called. */
  exact(sql: string, type: string): ExactForm;
  /** A column that says in which order a table's rows came, and costs nothing to sort by; absent where there is none. */
  readonly rowOrder?: string;
}

/** How often it may be asked by those who only look on. */
export interface Freshness {
  /** How old an answer that many share may be, milliseconds. */
  readonly freshMs: number;
  /** As old, an answer is asked for again also where nothing was written since, milliseconds: if a query costs, only where others write. */
  readonly staleMs: number;
  /** How old the alerts may be, milliseconds. */
  readonly alertsMs: number;
  /** Whether a query costs no money: only then is it asked just to see that it answers. */
  readonly isFree: boolean;
}

/** What an adapter says of itself, so that nobody need know which one it is. */
export interface WarehouseTraits {
  /** One word in lower case. */
  readonly name: string;
  readonly checkpoints: CheckpointSettings;
  readonly dialect: QueryDialect;
  readonly freshness: Freshness;
  /** Whether the rules of `doctor`, which are in DuckDB's SQL, run in it; tables of another are copied to be judged. */
  readonly runsRules: boolean;
  /** The statements of a text, without the semicolons between them. */
  statementsIn(text: string): readonly string[];
}

/** What has gone by a way for raw rows that is faster than their unit, since the process started. */
export interface StreamedTotals {
  /** That the service has taken. */
  readonly rows: number;
  /** Of them, as they were sent. */
  readonly bytes: number;
  /** Requests that were answered well. */
  readonly accepted: number;
  /** Requests that were refused, or had no answer. */
  readonly refused: number;
  /** Rows that were handed over and are not known to be stored, now. */
  readonly waitingRows: number;
}

/**
 * Tables, transactions and queries. Errors: `WarehouseUnavailableError`, `WarehouseRefusedError`, `QueryRefusedError`; for a
 * user's query `QueryBusyError`.
 */
export interface Warehouse extends WarehouseTraits, AsyncDisposable {
  /** Where there is such a way. */
  readonly streamed?: StreamedTotals | undefined;
  /** For people: the file's path or the account, without secrets. */
  readonly description: string;
  /** Applies the sections not yet applied; returns them. With `dryRun` only returns them. */
  migrate(scripts: readonly Script[], options?: { readonly dryRun?: boolean }): Promise<readonly MigrationStep[]>;
  /** Makes again, empty, the tables and views of the scripts that were dropped; resolves with their names. */
  restore(scripts: readonly Script[]): Promise<readonly string[]>;
  /** `raw`: the domain's raw table, for who writes records and not only what is derived of them. */
  writer(domain: string, raw?: RawTable): Promise<Writer>;
  /** One read-only statement. */
  query(sql: string, options?: QueryOptions): Promise<QueryResult>;
}
