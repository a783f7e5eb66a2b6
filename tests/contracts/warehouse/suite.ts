// What the parts of the warehouse contract share: tables, units, and how a test gets its warehouse.

import { Cells } from "../../../src/warehouse/cells.ts";
import type {
  Append,
  Checkpoints,
  Claim,
  Position,
  Row,
  Script,
  StateChange,
  Unit,
  Warehouse,
  Writer,
} from "../../../src/warehouse/warehouse.ts";

/** An empty place for one test (a file, a schema), opened as often as the test likes, one after the other. */
export interface Place extends AsyncDisposable {
  open(): Promise<Warehouse>;
}

export interface WarehouseFeatures {
  /** Whether a query can run out of time: the warehouse must be able to work on `slowQuery` for seconds. */
  readonly slowQuery?: string;
  /** Whether text may hold the character \0. */
  readonly nulCharacter: boolean;
  /** Whether a DOUBLE keeps the sign of zero. */
  readonly negativeZero: boolean;
  /** Whether CREATE TABLE and the like are taken back with their transaction. */
  readonly transactionalDdl: boolean;
}

export interface WarehouseUnderTest {
  readonly name: string;
  /** Whether it cannot be had here. */
  readonly ignore?: boolean;
  readonly features: WarehouseFeatures;
  place(): Promise<Place>;
}

export const SYSTEM: Script = {
  name: "freshet",
  text: await Deno.readTextFile(new URL("../../../sql/freshet.sql", import.meta.url)),
};

export const TABLES: Script = {
  name: "contract",
  text: `-- version 1: tables of the contract
    CREATE TABLE IF NOT EXISTS EVERY_TYPE (
      ID BIGINT, A_BIGINT BIGINT, A_DOUBLE DOUBLE, A_VARCHAR VARCHAR, A_BOOLEAN BOOLEAN, A_NTZ TIMESTAMP_NTZ,
      A_LTZ TIMESTAMP_LTZ, A_DATE DATE, A_VARIANT VARIANT
    );
    CREATE TABLE IF NOT EXISTS EVENTS (ID BIGINT, NAME VARCHAR NOT NULL);
    CREATE TABLE IF NOT EXISTS COUNTS (NAME VARCHAR, ZONE VARCHAR, SEEN BIGINT, VERSION BIGINT, TOTAL DOUBLE NOT NULL);
    COMMENT ON TABLE COUNTS IS 'Semicolons; and ''quotes'' are text here';
    CREATE TABLE IF NOT EXISTS DEFAULTED (ID BIGINT, KIND VARCHAR DEFAULT 'none');
    CREATE OR REPLACE VIEW EVENT_NAMES AS SELECT NAME, COUNT(*) AS EVENT_COUNT FROM EVENTS GROUP BY NAME;`,
};

export const TOPIC = "topic";

/** Rows of one partition; their offsets count from `offset`. */
export interface Segment {
  readonly rows: readonly Row[];
  readonly partition: number;
  readonly offset: number;
}

export function segment(rows: readonly Row[], { partition = 0, offset = 0 } = {}): Segment {
  return { rows, partition, offset };
}

/** An append of the segments' rows. */
export function append(table: string, ...segments: readonly Segment[]): Append {
  return {
    table,
    cells: Cells.of(segments.flatMap(({ rows }) => rows)),
    partitions: segments.flatMap(({ rows, partition }) => rows.map(() => partition)),
    offsets: segments.flatMap(({ rows, offset }) => rows.map((_, i) => offset + i)),
  };
}

/** The same rows of one partition, put together as rows are that wait for their unit: in the writer's own form, if it has one. */
export function waiting(writer: Writer, table: string, rows: readonly Row[]): Append {
  const cells = new Cells(writer.packer?.(table));
  for (const row of rows) cells.add(row);
  return { table, cells, partitions: rows.map(() => 0), offsets: rows.map((_, i) => i) };
}

function position(nextOffset: number): Position {
  return { nextOffset, watermark: null, maxEventTime: null, lastTimestamp: null };
}

/** A unit that moves the claimed partitions on to the given offsets, and writes `parts` with that. */
export function unit(claims: readonly Claim[], nextOffset: number, parts: Partial<Unit> = {}): Unit {
  const moves = claims.map(({ partition, epoch, checkpoint, nextOffset: expectedOffset }) => ({
    partition,
    epoch,
    checkpoint,
    expectedOffset,
    to: position(nextOffset),
  }));
  return { topic: TOPIC, appends: [], upserts: [], deletes: [], state: [], moves, ...parts };
}

/** A unit without a move, for tests that are not about offsets. */
export const loose = (parts: Partial<Unit>): Unit => unit([], 0, parts);

export async function rowsOf(warehouse: Warehouse, sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await warehouse.query(sql)).rows;
}

export async function stateOf(writer: Writer, partitions: readonly number[]): Promise<StateChange[]> {
  const changes: StateChange[] = [];
  for await (const chunk of writer.state(TOPIC, partitions)) changes.push(...chunk);
  return changes;
}

export async function stateSince(writer: Writer, checkpoints: Checkpoints): Promise<StateChange[]> {
  const changes: StateChange[] = [];
  for await (const chunk of writer.stateSince(TOPIC, checkpoints)) changes.push(...chunk);
  return changes;
}

export interface Bench {
  readonly place: Place;
  readonly warehouse: Warehouse;
  readonly writer: Writer;
}

/** Registers a test on an opened and migrated place, with a writer of the domain "domain". */
export type Test = (behaviour: string, body: (bench: Bench) => Promise<void>) => void;

export function testWith(under: WarehouseUnderTest): Test {
  return (behaviour, body) =>
    testOnPlace(under, behaviour, async (warehouse, place) => {
      await warehouse.migrate([SYSTEM, TABLES]);
      await using writer = await warehouse.writer("domain");
      await body({ place, warehouse, writer });
    });
}

/** Registers a test on a warehouse in which nothing is yet. */
export function testOnPlace(
  under: WarehouseUnderTest,
  behaviour: string,
  body: (warehouse: Warehouse, place: Place) => Promise<void>,
): void {
  Deno.test({
    name: `${under.name}: ${behaviour}`,
    ignore: under.ignore ?? false,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      await using place = await under.place();
      await using warehouse = await place.open();
      await body(warehouse, place);
    },
  });
}
