// What every warehouse adapter must do. An adapter runs the suite by saying how to get an empty place to open.
// Tables are made by migrations in the SQL that the warehouses share, rows are read back by `query`.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  FencedError,
  QueryRefusedError,
  RowsRefusedError,
  WarehouseRefusedError,
  WarehouseUnavailableError,
} from "../../src/errors.ts";
import type {
  Claim,
  Position,
  Row,
  RowSegment,
  Script,
  StateChange,
  Unit,
  Warehouse,
  Writer,
} from "../../src/warehouse/warehouse.ts";

/** An empty place for one test (a file, a schema), opened as often as the test likes, one after the other. */
export interface Place extends AsyncDisposable {
  open(): Promise<Warehouse>;
}

export interface WarehouseFeatures {
  /** Whether a query can run out of time: the warehouse must be able to work on `slowQuery` for seconds. */
  readonly slowQuery?: string;
  /** Whether text may hold the character \0. */
  readonly nulCharacter: boolean;
}

export interface WarehouseUnderTest {
  readonly name: string;
  readonly features: WarehouseFeatures;
  place(): Promise<Place>;
}

const SYSTEM: Script = {
  name: "freshet",
  text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)),
};

const TABLES: Script = {
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

const TOPIC = "topic";

/** Row values as an append's segment; offsets count from `offset`. */
function segment(rows: readonly Row[], { partition = 0, offset = 0 } = {}): RowSegment {
  return { partition, elements: rows.map((value, i) => ({ value, time: 0, offset: offset + i, watermark: 0 })) };
}

function position(nextOffset: number): Position {
  return { nextOffset, watermark: null, maxEventTime: null, lastTimestamp: null };
}

/** A unit that moves the claimed partitions on to the given offsets, and writes `parts` with that. */
function unit(claims: readonly Claim[], nextOffset: number, parts: Partial<Unit> = {}): Unit {
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
const loose = (parts: Partial<Unit>): Unit => unit([], 0, parts);

async function rowsOf(warehouse: Warehouse, sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await warehouse.query(sql)).rows;
}

async function stateOf(writer: Writer, partitions: readonly number[]): Promise<StateChange[]> {
  const changes: StateChange[] = [];
  for await (const chunk of writer.state(TOPIC, partitions)) changes.push(...chunk);
  return changes;
}

interface Bench {
  readonly place: Place;
  readonly warehouse: Warehouse;
  readonly writer: Writer;
}

/** Registers the suite. */
export function warehouseContract(under: WarehouseUnderTest): void {
  const test = (behaviour: string, body: (bench: Bench) => Promise<void>) => {
    Deno.test({
      name: `${under.name}: ${behaviour}`,
      sanitizeOps: true,
      sanitizeResources: true,
      async fn() {
        await using place = await under.place();
        await using warehouse = await place.open();
        await warehouse.migrate([SYSTEM, TABLES]);
        await using writer = await warehouse.writer("domain");
        await body({ place, warehouse, writer });
      },
    });
  };
  migrations(under);
  types(test, under.features);
  offsets(test);
  units(test);
  upserts(test);
  state(test);
  operators(test);
  queries(test, under.features);
}

type Test = (behaviour: string, body: (bench: Bench) => Promise<void>) => void;

function migrations({ name, place: newPlace }: WarehouseUnderTest): void {
  const test = (behaviour: string, body: (warehouse: Warehouse, place: Place) => Promise<void>) => {
    Deno.test({
      name: `${name}: ${behaviour}`,
      sanitizeOps: true,
      sanitizeResources: true,
      async fn() {
        await using place = await newPlace();
        await using warehouse = await place.open();
        await body(warehouse, place);
      },
    });
  };
  const script = (...sections: readonly string[]): Script => ({
    name: "script",
    text: sections.map((sql, i) => `-- version ${i + 1}: step ${i + 1}\n${sql}\n`).join("\n"),
  });

  test("migrations are applied once, and new sections when they appear", async (warehouse) => {
    const first = "CREATE TABLE IF NOT EXISTS A (X BIGINT)";
    const second = "CREATE TABLE IF NOT EXISTS B (X BIGINT); CREATE OR REPLACE VIEW C AS SELECT X FROM B";
    const versions = async (script: Script) =>
      (await warehouse.migrate([SYSTEM, script])).map(({ name, version }) => `${name} ${version}`);
    assertEquals(await versions(script(first)), ["freshet 1", "script 1"]);
    assertEquals(await versions(script(first)), []);
    assertEquals(await versions(script(first, second)), ["script 2"]);
    assertEquals(await rowsOf(warehouse, "SELECT * FROM C"), []);
    assertEquals(
      await rowsOf(warehouse, "SELECT NAME, VERSION, TITLE FROM FRESHET_MIGRATIONS ORDER BY NAME, VERSION"),
      [["freshet", 1, "migrations, offsets, state, dead letters, late records"], ["script", 1, "step 1"], [
        "script",
        2,
        "step 2",
      ]],
    );
  });

  test("a dry run names the steps and changes nothing", async (warehouse) => {
    const steps = await warehouse.migrate([SYSTEM, script("CREATE TABLE A (X BIGINT); SELECT 1")], { dryRun: true });
    assertEquals(steps.at(-1)!.statements, ["CREATE TABLE A (X BIGINT)", "SELECT 1"]);
    await assertRejects(() => warehouse.query("SELECT * FROM A"), QueryRefusedError);
    assertEquals(
      (await warehouse.migrate([SYSTEM, script("CREATE TABLE A (X BIGINT); SELECT 1")])).length,
      steps.length,
    );
  });

  test("a section that changed after it was applied is refused, and says to add a new one", async (warehouse) => {
    await warehouse.migrate([script("CREATE TABLE A (X BIGINT)")]);
    const error = await assertRejects(
      () => warehouse.migrate([script("CREATE TABLE A (X DOUBLE)", "CREATE TABLE B (X BIGINT)")]),
      WarehouseRefusedError,
    );
    assertStringIncludes(error.message, "-- version 3");
    await assertRejects(() => warehouse.query("SELECT * FROM B"), QueryRefusedError);
  });

  test("comments and layout of an applied section may change", async (warehouse) => {
    await warehouse.migrate([script("CREATE TABLE A (X BIGINT, Y VARCHAR DEFAULT 'a  b')")]);
    const same = "/* what it is for */ CREATE TABLE A (\n  X BIGINT, -- the x\n  Y VARCHAR DEFAULT 'a  b'\n);";
    assertEquals(await warehouse.migrate([script(same.replace("(\n  X", "(X").replace("'\n)", "')"))]), []);
  });

  test("a warehouse that a newer version has migrated is refused", async (warehouse) => {
    await warehouse.migrate([script("CREATE TABLE A (X BIGINT)", "CREATE TABLE B (X BIGINT)")]);
    await assertRejects(() => warehouse.migrate([script("CREATE TABLE A (X BIGINT)")]), WarehouseRefusedError, "newer");
  });

  test("a section that fails names its script, version and reason", async (warehouse) => {
    const error = await assertRejects(
      () => warehouse.migrate([script("CREATE TABLE A (X BIGINT)", "CREATE TABLE B (X NO_SUCH_TYPE)")]),
      WarehouseRefusedError,
    );
    assertStringIncludes(error.message, '"script" version 2');
    assertEquals(await rowsOf(warehouse, "SELECT * FROM A"), []);
    const mended = script("CREATE TABLE A (X BIGINT)", "CREATE TABLE B (X BIGINT)");
    assertEquals((await warehouse.migrate([mended])).map(({ version }) => version), [2]);
  });

  test("tables and rows are there after closing and opening", async (warehouse, place) => {
    await warehouse.migrate([SYSTEM, TABLES]);
    const writer = await warehouse.writer("domain");
    await writer.commit(loose({ appends: [{ table: "EVENTS", segments: [segment([{ ID: 1, NAME: "a" }])] }] }));
    await writer[Symbol.asyncDispose]();
    await warehouse[Symbol.asyncDispose]();
    await using again = await place.open();
    assertEquals(await again.migrate([SYSTEM, TABLES]), []);
    assertEquals(await rowsOf(again, "SELECT * FROM EVENTS"), [[1, "a"]]);
  });

  test("a closed warehouse refuses work and says so", async (warehouse) => {
    await warehouse[Symbol.asyncDispose]();
    await assertRejects(() => warehouse.query("SELECT 1"), WarehouseUnavailableError, "closed");
    await assertRejects(() => warehouse.migrate([SYSTEM]), WarehouseUnavailableError, "closed");
  });
}

/** Stored and read-back cells, by column of EVERY_TYPE. */
type Cells = readonly (readonly [given: unknown, read: unknown])[];

function types(test: Test, features: WarehouseFeatures): void {
  const roundTrip = async ({ warehouse, writer }: Bench, column: string, cells: Cells) => {
    const rows = cells.map(([given], ID) => given === undefined ? { ID } : { ID, [column]: given });
    await writer.commit(loose({ appends: [{ table: "EVERY_TYPE", segments: [segment(rows)] }] }));
    const read = (await rowsOf(warehouse, `SELECT ${column} FROM EVERY_TYPE ORDER BY ID`)).map(([cell]) => cell);
    // -0 and 0 are equal values in SQL, so a warehouse may give either.
    assertEquals(read.map((cell) => cell === 0 ? 0 : cell), cells.map(([, read]) => read));
  };

  test("integers come back as they were, large ones as text", (bench) =>
    roundTrip(bench, "A_BIGINT", [
      [0, 0],
      [-0, 0],
      [-1, -1],
      [2 ** 53 - 1, 2 ** 53 - 1],
      [-(2 ** 53) + 1, -(2 ** 53) + 1],
      [2 ** 53, "9007199254740992"],
      [1e15, 1e15],
      [NaN, null],
      [Infinity, null],
      [null, null],
      [undefined, null],
    ]));

  test("doubles come back to the last bit; NaN and infinities are NULL", (bench) =>
    roundTrip(bench, "A_DOUBLE", [
      [0, 0],
      [-0, 0],
      [0.1 + 0.2, 0.1 + 0.2],
      [1e300, 1e300],
      [-1.7976931348623157e308, -1.7976931348623157e308],
      [5e-324, 5e-324],
      [123456789.123456789, 123456789.123456789],
      [NaN, null],
      [Infinity, null],
      [-Infinity, null],
      [null, null],
      [undefined, null],
    ]));

  const texts = [
    "",
    " ",
    "null",
    "NULL",
    "it's \"quoted\" `twice` \\' \\n \\",
    "line\r\nbreak\ttab",
    "Château d'Yquem 🍷 日本語 ﷽",
    "\x01\x08\x1b\x1c\x1d\x1e\x1f\x7f",
    "\x1e",
    "\x1d",
    "\x1d\x1e\x1d",
    "'); DROP TABLE EVERY_TYPE; --",
    "$1 ? :1 %s {} $$",
    "x".repeat(1_000_000),
    "é🍷".repeat(300_000),
    ...(features.nulCharacter ? ["a\0b", "\0"] : []),
  ];

  test("text comes back as it was, whatever is in it", (bench) =>
    roundTrip(bench, "A_VARCHAR", [...texts.map((text) => [text, text] as const), [null, null], [undefined, null]]));

  test("any text comes back, alone or among NULLs", async ({ warehouse, writer }) => {
    let next = 0;
    const cell = fc.option(
      fc.string({ unit: fc.constantFrom("a", "'", "\\", "\x1d", "\x1e", "🍷", "\n", ";", '"', ",", "]") }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 20 }), async (cells) => {
        const first = next;
        const rows = cells.map((A_VARCHAR) => ({ ID: next++, A_VARCHAR }));
        await writer.commit(loose({ appends: [{ table: "EVERY_TYPE", segments: [segment(rows)] }] }));
        const read = await rowsOf(warehouse, `SELECT A_VARCHAR FROM EVERY_TYPE WHERE ID >= ${first} ORDER BY ID`);
        assertEquals(read.map(([text]) => text), cells);
      }),
      { numRuns: 50 },
    );
  });

  test("booleans come back as they were", (bench) =>
    roundTrip(bench, "A_BOOLEAN", [[true, true], [false, false], [null, null], [undefined, null]]));

  const times: Cells = [
    [0, "1970-01-01 00:00:00"],
    [1, "1970-01-01 00:00:00.001"],
    [1_700_000_000_000, "2023-11-14 22:13:20"],
    [1_700_000_000_123, "2023-11-14 22:13:20.123"],
    [1_700_000_000_123.456, "2023-11-14 22:13:20.123456"],
    [1_709_164_800_000, "2024-02-29 00:00:00"],
    [-1, "1969-12-31 23:59:59.999"],
    [253_402_300_799_999, "9999-12-31 23:59:59.999"],
    [NaN, null],
    [null, null],
    [undefined, null],
  ];
  test("timestamps keep their microseconds", (bench) => roundTrip(bench, "A_NTZ", times));
  test("timestamps with time zone are shown in UTC", (bench) => roundTrip(bench, "A_LTZ", times));

  test("dates come back as they were", (bench) =>
    roundTrip(bench, "A_DATE", [["2024-02-29", "2024-02-29"], ["0001-01-01", "0001-01-01"], [null, null]]));

  test("JSON text comes back parsed", (bench) => {
    const values = [{ a: [1, 2.5, null, true, "x"], "é🍷": {} }, [], "text", 12, true, { big: "x".repeat(1_000_000) }];
    return roundTrip(bench, "A_VARIANT", [
      ...values.map((value) => [JSON.stringify(value), value] as const),
      [JSON.stringify({ a: "\x1d\x1e\u2028'\\" }), { a: "\x1d\x1e\u2028'\\" }],
      ['{ "a" : 1 }', { a: 1 }],
      [null, null],
      [undefined, null],
    ]);
  });

  test("columns have the types that scripts give them", async ({ warehouse }) => {
    const { columns } = await warehouse.query("SELECT * FROM EVERY_TYPE");
    assertEquals(
      columns.map(({ name, type }) => `${name} ${type}`),
      [
        "ID BIGINT",
        "A_BIGINT BIGINT",
        "A_DOUBLE DOUBLE",
        "A_VARCHAR VARCHAR",
        "A_BOOLEAN BOOLEAN",
        "A_NTZ TIMESTAMP_NTZ",
        "A_LTZ TIMESTAMP_LTZ",
        "A_DATE DATE",
        "A_VARIANT VARIANT",
      ],
    );
  });

  test("columns that no row mentions keep their defaults", async ({ warehouse, writer }) => {
    await writer.commit(loose({ appends: [{ table: "DEFAULTED", segments: [segment([{ ID: 1 }])] }] }));
    await writer.commit(loose({ appends: [{ table: "DEFAULTED", segments: [segment([{ ID: 2, KIND: null }])] }] }));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM DEFAULTED ORDER BY ID"), [[1, "none"], [2, null]]);
  });
}

function offsets(test: Test): void {
  test("a fresh partition starts at offset 0, and each claim raises its epoch", async ({ warehouse, writer }) => {
    const start = { nextOffset: 0, checkpoint: 0, watermark: null, maxEventTime: null, lastTimestamp: null };
    assertEquals(await writer.claim(TOPIC, [1, 0]), [
      { partition: 0, epoch: 1, ...start },
      { partition: 1, epoch: 1, ...start },
    ]);
    await using other = await warehouse.writer("domain");
    assertEquals((await other.claim(TOPIC, [1, 2])).map(({ partition, epoch }) => [partition, epoch]), [[1, 2], [
      2,
      1,
    ]]);
  });

  test("domains and topics have offsets of their own", async ({ warehouse, writer }) => {
    await writer.commit(unit(await writer.claim(TOPIC, [0]), 10));
    await using other = await warehouse.writer("other");
    assertEquals((await other.claim(TOPIC, [0]))[0]!.nextOffset, 0);
    assertEquals((await writer.claim("elsewhere", [0]))[0]!.nextOffset, 0);
    assertEquals((await writer.claim(TOPIC, [0]))[0]!.nextOffset, 10);
  });

  test("a unit moves its partitions, and positions say where they are", async ({ writer }) => {
    const [claim] = await writer.claim(TOPIC, [0, 1]);
    const to = { nextOffset: 7, watermark: 1.5, maxEventTime: 1_700_000_000_000.001, lastTimestamp: -3 };
    const move = { partition: 0, epoch: claim!.epoch, checkpoint: 0, expectedOffset: 0, to };
    await writer.commit(unit([], 0, { moves: [move] }));
    const [zero, one] = await writer.positions(TOPIC, [0, 1, 5]);
    assertEquals(zero, { partition: 0, epoch: 1, checkpoint: 1, ...to });
    assertEquals([one!.nextOffset, one!.checkpoint], [0, 0]);
  });

  test("positions before the first event are null, not minus infinity", async ({ writer }) => {
    const [claim] = await writer.claim(TOPIC, [0]);
    const to = { nextOffset: 1, watermark: -Infinity, maxEventTime: null, lastTimestamp: null };
    await writer.commit(
      unit([], 0, { moves: [{ partition: 0, epoch: claim!.epoch, checkpoint: 0, expectedOffset: 0, to }] }),
    );
    assertEquals((await writer.positions(TOPIC, [0]))[0]!.watermark, null);
  });

  test("the second writer to claim a partition fences the first", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [0]);
    await using second = await warehouse.writer("domain");
    const newer = await second.claim(TOPIC, [0]);
    const appends = [{ table: "EVENTS", segments: [segment([{ ID: 1, NAME: "a" }])] }];
    await assertRejects(() => writer.commit(unit(claims, 1, { appends })), FencedError, "epoch 2");
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
    await second.commit(unit(newer, 1, { appends }));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
  });

  test("a unit that was written already, or that skips offsets, is refused whole", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [0, 1]);
    const appends = [{ table: "EVENTS", segments: [segment([{ ID: 1, NAME: "a" }])] }];
    await writer.commit(unit(claims, 5, { appends }));
    await assertRejects(() => writer.commit(unit(claims, 5, { appends })), FencedError);
    const now = await writer.positions(TOPIC, [0, 1]);
    await assertRejects(
      () => writer.commit(unit(now.map((it) => ({ ...it, nextOffset: 6 })), 9, { appends })),
      FencedError,
    );
    const half = [now[0]!, { ...now[1]!, checkpoint: 0 }];
    await assertRejects(() => writer.commit(unit(half, 9, { appends })), FencedError);
    await assertRejects(() => writer.commit(unit([{ ...now[0]!, partition: 9 }], 9, { appends })), FencedError);
    assertEquals(await writer.positions(TOPIC, [0, 1]), now);
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), [[1, "a"]]);
  });

  test("claims at the same time give every partition one owner", async ({ warehouse }) => {
    const writers = await Promise.all(Array.from({ length: 4 }, () => warehouse.writer("domain")));
    const claims = await Promise.all(writers.map((writer) => writer.claim(TOPIC, [0, 1, 2])));
    for (const partition of [0, 1, 2]) {
      assertEquals(claims.map((them) => them[partition]!.epoch).sort(), [1, 2, 3, 4]);
    }
    const outcomes = await Promise.allSettled(writers.map((writer, i) => writer.commit(unit(claims[i]!, 1))));
    const refused = outcomes.filter((it): it is PromiseRejectedResult => it.status === "rejected");
    assertEquals(refused.length, 3);
    for (const { reason } of refused) assert(reason instanceof FencedError, String(reason));
    for (const writer of writers) await writer[Symbol.asyncDispose]();
  });

  test("domains commit at the same time", async ({ warehouse }) => {
    const names = ["a", "b", "c", "d", "e"];
    const writers = await Promise.all(names.map((name) => warehouse.writer(name)));
    await Promise.all(writers.map(async (writer, w) => {
      for (let round = 0; round < 10; round++) {
        const claims = round === 0 ? await writer.claim(TOPIC, [0]) : await writer.positions(TOPIC, [0]);
        const rows = Array.from({ length: 50 }, (_, i) => ({ ID: round * 50 + i, NAME: names[w] }));
        const state = [{ operator: "o", partition: 0, namespace: 0, key: `${round}`, value: "1" }];
        await writer.commit(unit(claims, (round + 1) * 50, {
          appends: [{ table: "EVENTS", segments: [segment(rows)] }],
          state,
        }));
        if (round % 3 === 2) await writer.compactState(TOPIC, [0]);
      }
    }));
    assertEquals(
      await rowsOf(warehouse, "SELECT NAME, COUNT(*), COUNT(DISTINCT ID) FROM EVENTS GROUP BY NAME ORDER BY NAME"),
      names.map((name) => [name, 500, 500]),
    );
    for (const writer of writers) await writer[Symbol.asyncDispose]();
  });
}

function units(test: Test): void {
  test("rows of many segments, empty ones among them, are all written", async ({ warehouse, writer }) => {
    const segments = [
      segment([]),
      segment([{ ID: 1, NAME: "a" }]),
      segment([]),
      segment([{ ID: 2, NAME: "b" }], { partition: 1 }),
    ];
    await writer.commit(loose({ appends: [{ table: "EVENTS", segments }, { table: "EVENTS", segments: [] }] }));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS ORDER BY ID"), [[1, "a"], [2, "b"]]);
  });

  test("a unit larger than one statement is written whole", async ({ warehouse, writer }) => {
    const rows = Array.from({ length: 50_001 }, (_, ID) => ({ ID, NAME: `n${ID}` }));
    await writer.commit(loose({ appends: [{ table: "EVENTS", segments: [segment(rows)] }] }));
    const sql = "SELECT COUNT(*), COUNT(DISTINCT ID), SUM(ID), MAX(NAME) FROM EVENTS";
    assertEquals(await rowsOf(warehouse, sql), [[50_001, 50_001, 50_000 * 50_001 / 2, "n9999"]]);
  });

  test("a unit with a refused row leaves nothing, and names exactly the refused rows", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [3, 4]);
    const good = (count: number) => Array.from({ length: count }, (_, ID): Row => ({ ID, NAME: "good" }));
    const bad = (row: Row, at: number, rows: Row[]) => rows.with(at, row);
    const three = bad({ ID: 5 }, 2999, bad({ ID: 1, NAME: null }, 0, good(3000)));
    const appends = [
      { table: "EVENTS", segments: [segment(good(10), { partition: 3 })] },
      {
        table: "EVENTS",
        segments: [
          segment(three, { partition: 3, offset: 100 }),
          segment([{ ID: 1e300, NAME: "x" }], { partition: 4, offset: 7 }),
        ],
      },
      {
        table: "EVERY_TYPE",
        segments: [segment([{ A_VARIANT: "{}" }, { A_VARIANT: "{oops" }], { partition: 4, offset: 20 })],
      },
    ];
    const state = [{ operator: "o", partition: 3, namespace: 0, key: "k", value: "1" }];
    const error = await assertRejects(() => writer.commit(unit(claims, 9, { appends, state })), RowsRefusedError);
    assertEquals(error.rows.map(({ table, partition, offset }) => `${table} ${partition}/${offset}`), [
      "EVENTS 3/100",
      "EVENTS 3/3099",
      "EVENTS 4/7",
      "EVERY_TYPE 4/21",
    ]);
    assert(error.rows.every(({ detail }) => detail.length > 10 && detail.length < 1000));
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
    assertEquals(await stateOf(writer, [3]), []);
    assertEquals(await writer.positions(TOPIC, [3, 4]), claims);
    const mended = appends.slice(0, 1);
    await writer.commit(unit(claims, 9, { appends: mended, state }));
    assertEquals((await rowsOf(warehouse, "SELECT * FROM EVENTS")).length, 10);
  });

  test("rows for a table or a column that is not there are refused with advice", async ({ warehouse, writer }) => {
    const to = (table: string, row: Row) => () =>
      writer.commit(loose({ appends: [{ table, segments: [segment([row])] }] }));
    await assertRejects(to("NOWHERE", { ID: 1 }), WarehouseRefusedError, "NOWHERE");
    const mixed = [{ ID: 1, NAME: "a" }, { ID: 2, NAME: "b", NOVELTY: 1 }];
    await assertRejects(
      () => writer.commit(loose({ appends: [{ table: "EVENTS", segments: [segment(mixed)] }] })),
      WarehouseRefusedError,
      "NOVELTY",
    );
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
  });

  test("a unit of several kinds of writing is one transaction", async ({ warehouse, writer }) => {
    const claims = await writer.claim(TOPIC, [0]);
    const parts: Partial<Unit> = {
      appends: [{ table: "EVENTS", segments: [segment([{ ID: 1, NAME: "a" }])] }],
      state: [{ operator: "o", partition: 0, namespace: 0, key: "k", value: "1" }],
      upserts: [{ table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: "a", TOTAL: null }] }],
    };
    const error = await assertRejects(() => writer.commit(unit(claims, 1, parts)), WarehouseRefusedError);
    assertStringIncludes(error.message, 'NAME = "a"');
    assertEquals(await rowsOf(warehouse, "SELECT * FROM EVENTS"), []);
    assertEquals(await stateOf(writer, [0]), []);
    assertEquals(await writer.positions(TOPIC, [0]), claims);
  });
}

function upserts(test: Test): void {
  const counts = (warehouse: Warehouse) =>
    rowsOf(warehouse, "SELECT NAME, ZONE, SEEN, VERSION, TOTAL FROM COUNTS ORDER BY NAME, ZONE, TOTAL");
  const keyColumns = ["NAME", "ZONE"];

  test("an upsert inserts what is new and updates what is there", async ({ warehouse, writer }) => {
    const upsert = (rows: readonly Row[]) => writer.commit(loose({ upserts: [{ table: "COUNTS", keyColumns, rows }] }));
    await upsert([{ NAME: "a", ZONE: "x", SEEN: 1, TOTAL: 1 }, { NAME: "a", ZONE: "y", TOTAL: 2 }]);
    await upsert([{ NAME: "a", ZONE: "y", SEEN: 5, TOTAL: 3 }, { NAME: "b", ZONE: "y", TOTAL: 4 }]);
    assertEquals(await counts(warehouse), [["a", "x", 1, null, 1], ["a", "y", 5, null, 3], ["b", "y", null, null, 4]]);
  });

  test("NULL is a key like any other", async ({ warehouse, writer }) => {
    const upsert = (TOTAL: number) =>
      writer.commit(loose({ upserts: [{ table: "COUNTS", keyColumns, rows: [{ NAME: "a", ZONE: null, TOTAL }] }] }));
    await upsert(1);
    await upsert(2);
    assertEquals(await counts(warehouse), [["a", null, null, null, 2]]);
    await writer.commit(loose({ deletes: [{ table: "COUNTS", keyColumns, rows: [{ NAME: "a" }] }] }));
    assertEquals(await counts(warehouse), []);
  });

  test("a guarded upsert leaves rows that are ahead as they are, column by column", async ({ warehouse, writer }) => {
    const upsert = (SEEN: number | null, VERSION: number | null, TOTAL: number) => {
      const rows = [{ NAME: "a", ZONE: "x", SEEN, VERSION, TOTAL }];
      return writer.commit(
        loose({ upserts: [{ table: "COUNTS", keyColumns, guardColumns: ["SEEN", "VERSION"], rows }] }),
      );
    };
    const steps: readonly (readonly [number | null, number | null, number, number])[] = [
      [null, null, 1, 1], // inserted
      [5, 5, 2, 2], // NULL is smaller than anything
      [5, 4, 3, 2], // second column behind
      [5, 5, 4, 4], // equal counts as not smaller
      [4, 9, 5, 4], // first column decides
      [6, 0, 6, 6],
      [6, null, 7, 6],
      [null, 9, 8, 6],
    ];
    for (const [seen, version, total, expected] of steps) {
      await upsert(seen, version, total);
      assertEquals((await counts(warehouse))[0]![4], expected, `after ${seen}, ${version}`);
    }
  });

  test("deletes take exactly the named keys", async ({ warehouse, writer }) => {
    const rows = ["a", "b", "c"].map((NAME) => ({ NAME, ZONE: "x", TOTAL: 1 }));
    await writer.commit(loose({ upserts: [{ table: "COUNTS", keyColumns, rows }] }));
    const gone = [{ NAME: "a", ZONE: "x" }, { NAME: "b", ZONE: "y" }, { NAME: "zz", ZONE: "x" }];
    await writer.commit(loose({ deletes: [{ table: "COUNTS", keyColumns, rows: gone }] }));
    assertEquals((await counts(warehouse)).map(([name]) => name), ["b", "c"]);
  });

  test("upserts and deletes in any order leave what a map would hold", async ({ warehouse, writer }) => {
    const key = fc.tuple(fc.constantFrom("a", "b", "c"), fc.option(fc.constantFrom("x", "y")));
    const step = fc.record({
      upserts: fc.uniqueArray(fc.tuple(key, fc.integer({ min: 0, max: 99 })), { selector: ([key]) => key.join() }),
      deletes: fc.uniqueArray(key, { selector: (key) => key.join() }),
    });
    const model = new Map<string, unknown[]>();
    await fc.assert(
      fc.asyncProperty(step, async ({ upserts, deletes }) => {
        for (const [key, total] of upserts) model.set(key.join(), [...key, null, null, total]);
        for (const key of deletes) model.delete(key.join());
        await writer.commit(loose({
          upserts: [{
            table: "COUNTS",
            keyColumns,
            rows: upserts.map(([[NAME, ZONE], TOTAL]) => ({ NAME, ZONE, TOTAL })),
          }],
          deletes: [{ table: "COUNTS", keyColumns, rows: deletes.map(([NAME, ZONE]) => ({ NAME, ZONE })) }],
        }));
        const order = (rows: readonly (readonly unknown[])[]) => rows.map((row) => JSON.stringify(row)).sort();
        assertEquals(order(await counts(warehouse)), order([...model.values()]));
      }),
      { numRuns: 30 },
    );
  });
}

function state(test: Test): void {
  const identity = ({ operator, partition, namespace, key }: StateChange) =>
    JSON.stringify([operator, partition, namespace, key]);

  test("state comes back as it was last written, also after compacting, like a map", async ({ warehouse, writer }) => {
    const change = fc.record<StateChange>({
      operator: fc.constantFrom("count", "session"),
      partition: fc.constantFrom(0, 1),
      namespace: fc.constantFrom(0, -3_600_000, 1_700_000_000_000),
      key: fc.constantFrom("a", "b", "", "é🍷\x1e\x1d'"),
      value: fc.option(fc.constantFrom("{}", '{"a":1}', '"x\\u001e"', "[]")),
    });
    const step = fc.record({
      changes: fc.uniqueArray(change, { selector: identity, maxLength: 12 }),
      compact: fc.subarray([0, 1]),
    });
    const model = new Map<string, StateChange>();
    let claims = await writer.claim(TOPIC, [0, 1]);
    await fc.assert(
      fc.asyncProperty(step, async ({ changes, compact }) => {
        await writer.commit(unit(claims, claims[0]!.nextOffset + 1, { state: changes }));
        claims = await writer.positions(TOPIC, [0, 1]);
        for (const change of changes) {
          if (change.value === null) model.delete(identity(change));
          else model.set(identity(change), change);
        }
        if (compact.length > 0) await writer.compactState(TOPIC, compact);
        const found = await stateOf(writer, [0, 1]);
        const order = (changes: Iterable<StateChange>) => [...changes].map((it) => JSON.stringify(it)).sort();
        assertEquals(order(found.map(sorted)), order([...model.values()].map(sorted)));
      }),
      { numRuns: 40 },
    );
    await writer.compactState(TOPIC, [0, 1]);
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM FRESHET_STATE"), [[model.size]]);
  });

  test("state is read for the partitions asked for, of this domain and topic", async ({ warehouse, writer }) => {
    const one = (partition: number) => ({ operator: "o", partition, namespace: 0, key: "k", value: "1" });
    await writer.commit(unit(await writer.claim(TOPIC, [1, 11]), 1, { state: [one(1), one(11)] }));
    assertEquals(await stateOf(writer, [1]), [one(1)]);
    assertEquals(await stateOf(writer, []), []);
    await using other = await warehouse.writer("other");
    assertEquals(await stateOf(other, [1, 11]), []);
  });

  test("state of a partition that the unit does not move is refused", async ({ writer }) => {
    const claims = await writer.claim(TOPIC, [0, 1]);
    const state = [{ operator: "o", partition: 1, namespace: 0, key: "k", value: "1" }];
    await assertRejects(
      () => writer.commit(unit(claims.slice(0, 1), 1, { state })),
      WarehouseRefusedError,
      "partition 1",
    );
    assertEquals(await writer.positions(TOPIC, [0, 1]), claims);
  });

  test("much state is read in chunks, and reading may stop early", async ({ writer }) => {
    const state = Array.from(
      { length: 30_000 },
      (_, i) => ({ operator: "o", partition: 0, namespace: i, key: `k${i}`, value: `{"n":${i}}` }),
    );
    await writer.commit(unit(await writer.claim(TOPIC, [0]), 1, { state }));
    let chunks = 0;
    for await (const _ of writer.state(TOPIC, [0])) if (++chunks === 2) break;
    assertEquals(chunks, 2);
    assertEquals((await stateOf(writer, [0])).length, 30_000);
  });
}

function sorted({ operator, partition, namespace, key, value }: StateChange): StateChange {
  return { operator, partition, namespace, key, value };
}

function operators(test: Test): void {
  test("operators are remembered by domain and replaced as a whole", async ({ warehouse, writer }) => {
    assertEquals(await writer.operators(), new Map());
    await writer.registerOperators(new Map([["a", "1"], ["b", "2"]]));
    await writer.registerOperators(new Map([["b", "3"], ["c", "4"]]));
    assertEquals(await writer.operators(), new Map([["b", "3"], ["c", "4"]]));
    await using other = await warehouse.writer("other");
    assertEquals(await other.operators(), new Map());
    await writer.registerOperators(new Map());
    assertEquals(await writer.operators(), new Map());
  });
}

function queries(test: Test, features: WarehouseFeatures): void {
  const fill = (writer: Writer, count: number) =>
    writer.commit(loose({
      appends: [{
        table: "EVENTS",
        segments: [segment(Array.from({ length: count }, (_, ID) => ({ ID, NAME: "a" })))],
      }],
    }));

  test("a query stops at its row limit and says whether there was more", async ({ warehouse, writer }) => {
    await fill(writer, 5000);
    const ids = async (maxRows: number) => {
      const { rows, truncated } = await warehouse.query("SELECT ID FROM EVENTS ORDER BY ID", { maxRows });
      return { rows: rows.length, last: rows.at(-1)?.[0], truncated };
    };
    assertEquals(await ids(3), { rows: 3, last: 2, truncated: true });
    assertEquals(await ids(4999), { rows: 4999, last: 4998, truncated: true });
    assertEquals(await ids(5000), { rows: 5000, last: 4999, truncated: false });
    assertEquals(await ids(0), { rows: 0, last: undefined, truncated: true });
  });

  test("a query without rows still has its columns", async ({ warehouse }) => {
    assertEquals(await warehouse.query("SELECT NAME, EVENT_COUNT FROM EVENT_NAMES;"), {
      columns: [{ name: "NAME", type: "VARCHAR" }, { name: "EVENT_COUNT", type: "BIGINT" }],
      rows: [],
      truncated: false,
    });
  });

  test("statements that write are refused and change nothing", async ({ warehouse, writer }) => {
    await fill(writer, 3);
    const statements = [
      "DELETE FROM EVENTS",
      "DROP TABLE EVENTS",
      "INSERT INTO EVENTS VALUES (9, 'x')",
      "UPDATE EVENTS SET NAME = 'x'",
      "CREATE TABLE Z (X BIGINT)",
      "CREATE OR REPLACE VIEW EVENT_NAMES AS SELECT 1 AS X",
      "ALTER TABLE EVENTS ADD COLUMN X BIGINT",
      "BEGIN",
      "COMMIT",
      "MERGE INTO EVENTS AS t USING EVENTS AS s ON t.ID = s.ID WHEN MATCHED THEN DELETE",
      "TRUNCATE TABLE EVENTS",
      "CALL something()",
      "SET X = 1",
      "USE x",
      "GRANT ALL ON EVENTS TO PUBLIC",
      "/* SELECT */ DELETE FROM EVENTS",
      "-- SELECT\nDELETE FROM EVENTS",
    ];
    for (const sql of statements) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM EVENTS"), [[3]]);
  });

  test("several statements, or none, are refused", async ({ warehouse, writer }) => {
    await fill(writer, 3);
    const texts = [
      "SELECT 1; DROP TABLE EVENTS",
      "SELECT 1; SELECT 2",
      "",
      " ;; ",
      "-- nothing",
      "SELECT 1 /* */; /* ; */ SELECT 2",
    ];
    for (const sql of texts) await assertRejects(() => warehouse.query(sql), QueryRefusedError);
    assertEquals(await rowsOf(warehouse, "/* a; b */ SELECT ';' AS X FROM EVENTS WHERE ID = 1; -- done;"), [[";"]]);
  });

  test("mistakes in a query are refused with the reason", async ({ warehouse }) => {
    await assertRejects(() => warehouse.query("SELECT * FROM NO_SUCH_TABLE"), QueryRefusedError, "NO_SUCH_TABLE");
    await assertRejects(
      () => warehouse.query("SELECT NO_SUCH_COLUMN FROM EVENTS"),
      QueryRefusedError,
      "NO_SUCH_COLUMN",
    );
    await assertRejects(() => warehouse.query("SELECT FROM WHERE"), QueryRefusedError);
  });

  test("an aborted query rejects with the signal's reason", async ({ warehouse }) => {
    const reason = new Error("the caller went away");
    const error = await assertRejects(() => warehouse.query("SELECT 1", { signal: AbortSignal.abort(reason) }));
    assertEquals(error, reason);
    const { slowQuery } = features;
    if (!slowQuery) return;
    const controller = new AbortController();
    const running = assertRejects(() => warehouse.query(slowQuery, { signal: controller.signal }));
    queueMicrotask(() => controller.abort(reason));
    assertEquals(await running, reason);
  });

  test("a query that takes too long is stopped, and others go on", async ({ warehouse, writer }) => {
    const { slowQuery } = features;
    if (!slowQuery) return;
    const running = assertRejects(() => warehouse.query(slowQuery, { timeoutMs: 200 }), QueryRefusedError, "200 ms");
    await fill(writer, 10);
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM EVENTS"), [[10]]);
    await running;
    assertEquals(await rowsOf(warehouse, "SELECT COUNT(*) FROM EVENTS"), [[10]]);
  });

  test("queries at the same time all get their answer", async ({ warehouse, writer }) => {
    await fill(writer, 100);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => rowsOf(warehouse, `SELECT COUNT(*) + ${i} FROM EVENTS`)),
    );
    assertEquals(answers.map((rows) => rows[0]![0]), Array.from({ length: 30 }, (_, i) => 100 + i));
  });
}
