// Rows that are handed over as vectors are what DuckDB makes of each cell written as text, to the last bit. See handover.ts for
// what this rests on.

import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { Cells, type Row } from "../../src/warehouse/cells.ts";
import { type Column, columnOf } from "../../src/warehouse/duckdb/columns.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
import { insertRows, packerFor } from "../../src/warehouse/duckdb/loading.ts";
import { rowsFrom } from "../../src/warehouse/duckdb/rows.ts";
import type { Session } from "../../src/warehouse/duckdb/session.ts";
import type { Table } from "../../src/warehouse/sql/tables.ts";

const TYPES = {
  ID: "BIGINT",
  A_BIGINT: "BIGINT",
  AN_INTEGER: "INTEGER",
  A_DECIMAL: "DECIMAL(18,3)",
  A_FLOAT: "FLOAT",
  A_DOUBLE: "DOUBLE",
  A_VARCHAR: "VARCHAR",
  A_BOOLEAN: "BOOLEAN",
  A_TIME: "TIMESTAMP",
  A_TIME_OF_A_ZONE: "TIMESTAMP WITH TIME ZONE",
  A_DATE: "DATE",
  A_JSON: "JSON",
};
const columns: readonly Column[] = Object.entries(TYPES).map(([name, type]) => columnOf(name, type));
const tableNamed = (name: string): Table<Column> => ({ name, columns, names: new Set(Object.keys(TYPES)) });
const OPTIONS = { path: ":memory:", memoryLimit: "256MB", threads: 1, checkpointThreshold: "64MB" };

interface Given extends AsyncDisposable {
  readonly session: Session;
}

async function opened(): Promise<Given> {
  const database = await Database.open(OPTIONS);
  const session = database.session();
  const declared = Object.entries(TYPES).map(([name, type]) => `${name} ${type}`).join(", ");
  for (const table of ["T", "U"]) await session.run(`CREATE TABLE ${table} (${declared})`);
  return { session, [Symbol.asyncDispose]: () => (session.close(), database.close()) };
}

const utf8 = new TextEncoder();

/** A cell as text, as documented for rows. */
function said(cell: unknown, { type }: Column): string | null {
  if (cell instanceof Uint8Array) return new TextDecoder("utf-8", { ignoreBOM: true }).decode(cell);
  if (typeof cell === "string") return cell.toWellFormed();
  if (cell === null || cell === undefined || (typeof cell === "number" && !Number.isFinite(cell))) return null;
  if (typeof cell === "number" && type.startsWith("TIMESTAMP")) return String(Math.round(cell * 1000));
  return Object.is(cell, -0) ? "-0.0" : String(cell);
}

/** Writes the rows one by one, each cell by DuckDB's own cast from text. */
async function writeAsText(session: Session, rows: readonly Row[]): Promise<void> {
  const casts = columns.map(({ type }, i) => {
    if (type === "TIMESTAMP") return `make_timestamp($${i + 1}::VARCHAR::BIGINT)`;
    return type.startsWith("TIMESTAMP")
      ? `make_timestamptz($${i + 1}::VARCHAR::BIGINT)`
      : `$${i + 1}::VARCHAR::${type}`;
  });
  for (const row of rows) {
    await session.run(`INSERT INTO U SELECT ${casts.join(", ")}`, columns.map((of) => said(row[of.name], of)));
  }
}

/** Everything in a table, each cell as text that tells all its bits. */
function allOf(session: Session, table: string) {
  const bits = columns.map(({ name, type }) => {
    return /^(VARCHAR|JSON)$/.test(type) ? `hex(encode(${name}::VARCHAR))` : `${name}::VARCHAR`;
  });
  return session.rows(`SELECT ${bits.join(", ")} FROM ${table} ORDER BY ID`);
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom("a", '"', "\\", "\x1d", "\x1e", "\0", "é", "🍷", "\ufeff", "\ud800", "\udc00") }),
  fc.nat(20).map((length) => "x".repeat(length)),
  fc.nat(70).map((length) => "é".repeat(length)),
);
const number = fc.oneof(
  fc.double(),
  fc.constantFrom(-0, 0, NaN, Infinity, 5e-324, 1.7976931348623157e308, 2 ** 53, 0.1 + 0.2),
);
const time = fc.oneof(
  fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
  fc.integer({ min: -1e12, max: 1e15 }).map((micros) => micros / 1000),
  fc.constantFrom(NaN, -1, 0, 1_700_000_000_123.456),
);
const cells: Readonly<Record<keyof typeof TYPES, fc.Arbitrary<unknown>>> = {
  ID: fc.constant(0),
  A_BIGINT: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-0, 2 ** 53, "-9223372036854775808", 1.5, 7n, NaN)),
  AN_INTEGER: fc.integer(),
  A_DECIMAL: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  A_FLOAT: fc.float(),
  A_DOUBLE: fc.oneof(number, fc.constant("1.25")),
  A_VARCHAR: fc.oneof(text, text, number, fc.boolean()),
  A_BOOLEAN: fc.oneof(fc.boolean(), fc.constantFrom("true", "f")),
  A_TIME: time,
  A_TIME_OF_A_ZONE: time,
  A_DATE: fc.constantFrom("2024-02-29", "0001-01-01"),
  A_JSON: fc.oneof(fc.json(), fc.json().map((json) => utf8.encode(json))).filter((json) =>
    !/\\u[dD]/.test(String(json))
  ),
};
const orNull = (cell: fc.Arbitrary<unknown>) => (
  fc.oneof({ weight: 5, arbitrary: cell }, { weight: 1, arbitrary: fc.constantFrom(null, undefined) })
);
const row = fc.record(Object.fromEntries(Object.entries(cells).map(([name, cell]) => [name, orNull(cell)])), {
  requiredKeys: ["ID"],
});

Deno.test("rows come out of DuckDB as if it had read each cell from text", async () => {
  await using given = await opened();
  const { session } = given;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), fc.boolean(), async (some, wait) => {
      const rows = some.map((cells, ID) => ({ ...cells, ID }));
      const cells = new Cells(wait ? packerFor(tableNamed("T")) : undefined);
      for (const row of rows) cells.add(row);
      await session.run("DELETE FROM T");
      await session.run("DELETE FROM U");
      await insertRows(session, tableNamed("T"), cells);
      await writeAsText(session, rows);
      assertEquals(await allOf(session, "T"), await allOf(session, "U"));
    }),
    { numRuns: 60 },
  );
});

/** More rows than one vector of DuckDB's has, with NULLs and texts of all lengths around 12 bytes everywhere. */
const many = (count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    ID: i,
    A_BIGINT: i % 7 === 0 ? null : i * 2 ** 30,
    A_DOUBLE: i % 5 === 0 ? null : i / 3,
    A_VARCHAR: i % 3 === 0 ? null : `${i} `.padEnd(i % 30, "é"),
    A_BOOLEAN: i % 4 === 0 ? undefined : i % 2 === 0,
    A_JSON: i % 6 === 0 ? null : utf8.encode(JSON.stringify({ i, text: "y".repeat(i % 50) })),
  }));

Deno.test("many rows keep their texts while memory is used by others", async () => {
  await using given = await opened();
  const { session } = given;
  const rows = many(40_000);
  const cells = new Cells(packerFor(tableNamed("T")));
  for (const row of rows) cells.add(row);
  const inserting = insertRows(session, tableNamed("T"), cells);
  for (let i = 0; i < 200; i++) new Uint8Array(1 << 20).fill(0xff);
  await inserting;
  const wrong = `SELECT count(*), count(*) FILTER (
      A_BIGINT IS DISTINCT FROM CASE WHEN ID % 7 <> 0 THEN ID * 1073741824 END OR
      A_DOUBLE IS DISTINCT FROM CASE WHEN ID % 5 <> 0 THEN ID / 3.0::DOUBLE END OR
      A_VARCHAR IS DISTINCT FROM CASE WHEN ID % 3 <> 0
        THEN ID || ' ' || repeat('é', greatest(0, ID % 30 - length(ID::VARCHAR) - 1)::BIGINT) END OR
      A_BOOLEAN IS DISTINCT FROM CASE WHEN ID % 4 <> 0 THEN ID % 2 = 0 END OR
      A_JSON::VARCHAR IS DISTINCT FROM CASE WHEN ID % 6 <> 0
        THEN '{"i":' || ID || ',"text":"' || repeat('y', ID % 50) || '"}' END) FROM T`;
  assertEquals(await session.rows(wrong), [[40_000n, 0n]]);
});

Deno.test("after a transaction was taken back rows are handed over again", async () => {
  await using given = await opened();
  const { session } = given;
  const insert = () =>
    insertRows(session, tableNamed("T"), Cells.of([{ ID: 1, A_VARCHAR: "a text beside its entry" }]));
  await session.attempt(insert);
  await session.transaction(insert);
  await session.attempt(insert);
  await session.transaction(insert);
  assertEquals(await session.rows("SELECT A_VARCHAR FROM T"), [
    ["a text beside its entry"],
    ["a text beside its entry"],
  ]);
});

Deno.test("what hands rows over answers nobody else, before, while and after they are", async () => {
  await using database = {
    of: await Database.open(OPTIONS),
    async [Symbol.asyncDispose]() {
      await this.of.close();
    },
  };
  const [session, other] = [database.of.session(), database.of.session()];
  const rows = rowsFrom([columnOf("N", "BIGINT")], Cells.of([{ N: 1 }, { N: 2 }]), 0);
  let name = "";
  const read = () => session.runOn(rows, new Set(), (call) => `SELECT unnest((${name = call}($1::BIGINT)).c0)`);
  const ask = () => other.rows(`SELECT ${name}(1)`);
  await read();
  await assertRejects(ask, Error, "is Freshet's own");
  const reading = read();
  await assertRejects(ask, Error, "is Freshet's own");
  await reading;
  await assertRejects(ask, Error, "is Freshet's own");
  session.close();
  other.close();
});
