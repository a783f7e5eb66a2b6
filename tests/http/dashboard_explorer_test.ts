import { assert, assertEquals, assertRejects } from "@std/assert";
import { ExplorerError, tableCsv, tablePage, TableQuery } from "../../src/http/dashboard/explorer.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";

const LONG = "L".repeat(40_000);
const ROWS: readonly (readonly [name: string, sql: string])[] = [
  ["plain", "'plain', 1, 1.5, TRUE, '2026-01-02 03:04:05', '2026-01-02', '{\"a\": [1, 2]}'"],
  ["negative", "'negative', -5, -0.25, FALSE, '2026-01-02 03:04:06', '2026-01-03', '-1'"],
  ["formula", "'=cmd|''/c calc''!A0', 2, NULL, NULL, '2026-01-02 03:04:07', NULL, '\"=1+1\"'"],
  ["plus", "'+1', 3, NULL, NULL, '2026-01-02 03:04:08', NULL, NULL"],
  ["at", "'@SUM(A1)', 4, NULL, NULL, '2026-01-02 03:04:09', NULL, NULL"],
  ["tab", "chr(9) || '=1', 5, NULL, NULL, '2026-01-02 03:04:10', NULL, NULL"],
  ["quotes", "'say \"hi\", you' || chr(10) || 'there', 6, NULL, NULL, '2026-01-02 03:04:11', NULL, NULL"],
  ["long", `'${LONG}', 7, NULL, NULL, '2026-01-02 03:04:12', NULL, NULL`],
];

async function withTable(body: (warehouse: Warehouse) => Promise<void>): Promise<void> {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const values = ROWS.map(([, sql]) => `(${sql})`).join(", ");
  await warehouse.migrate([
    { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) },
    {
      name: "explorer",
      text: `-- version 1: a table
        CREATE TABLE THINGS (NAME VARCHAR, N BIGINT, X DOUBLE, B BOOLEAN, SEEN TIMESTAMP_NTZ, DAY DATE, DOC VARIANT);
        INSERT INTO THINGS VALUES ${values}`,
    },
  ]);
  await body(warehouse);
}

function options(warehouse: Warehouse, newest: readonly string[] = ["SEEN"]) {
  return {
    table: { name: "THINGS", newest },
    dialect: warehouse.dialect,
    ask: (sql: string, more: object = {}) => warehouse.query(sql, more),
  };
}

const query = (parameters: object = {}) => TableQuery.parse(parameters);

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  return (await Array.fromAsync(pieces)).join("");
}

/** Numbers of the rows that a filter lets through. */
async function found(warehouse: Warehouse, ...where: string[]): Promise<unknown[]> {
  const { rows } = await tablePage(query({ where, sort: "N:asc" }), options(warehouse));
  return rows.map((row) => row[1]);
}

const FILTERS: readonly (readonly [where: string, expected: readonly number[]])[] = [
  ["NAME:is:plain", [1]],
  ["NAME:is:=cmd|'/c calc'!A0", [2]],
  ["NAME:is:' OR 1=1 --", []],
  ["NAME:not:plain", [-5, 2, 3, 4, 5, 6, 7]],
  ["NAME:contains:PLA", [1]],
  ["NAME:contains:%", []],
  ["N:is:2", [2]],
  ["N:from:5", [5, 6, 7]],
  ["N:to:-5", [-5]],
  ["X:is:1.5", [1]],
  ["X:not:1.5", [-5, 2, 3, 4, 5, 6, 7]],
  ["X:null", [2, 3, 4, 5, 6, 7]],
  ["B:is:true", [1]],
  ["B:notnull", [-5, 1]],
  ["SEEN:from:2026-01-02T03:04:11Z", [6, 7]],
  ["SEEN:is:2026-01-02 03:04:05.000", [1]],
  ["DAY:from:2026-01-03", [-5]],
  ["DOC:contains:[1", [1]],
];

Deno.test("filters find what they say, whatever the value looks like", async () => {
  await withTable(async (warehouse) => {
    for (const [where, expected] of FILTERS) assertEquals(await found(warehouse, where), [...expected], where);
    assertEquals(await found(warehouse, "N:from:2", "N:to:4", "NAME:not:+1"), [2, 4]);
  });
});

const REFUSED: readonly (readonly [name: string, parameters: object])[] = [
  ["a column that is not there", { where: "NONE:is:1" }],
  ["a column with SQL in it", { where: 'N" OR 1=1 --:is:1' }],
  ["a text for a number", { where: "N:is:1; DROP TABLE THINGS" }],
  ["no value for a number", { where: "N:is:" }],
  ["infinity", { where: "N:is:1e999" }],
  ["a text for a truth", { where: "B:is:maybe" }],
  ["a text for a time", { where: "SEEN:from:yesterday" }],
  ["an order by a column that is not there", { sort: "NONE:asc" }],
  ["comparing JSON", { where: "DOC:is:1" }],
  ["a page too far away", { page: "300" }],
];

Deno.test("what cannot be meant is refused", async () => {
  await withTable(async (warehouse) => {
    for (const [, parameters] of REFUSED) {
      await assertRejects(() => tablePage(query(parameters), options(warehouse)), ExplorerError);
    }
    assertEquals(await found(warehouse), [-5, 1, 2, 3, 4, 5, 6, 7]);
  });
});

Deno.test("pages come newest first, or as sorted with NULL last, and tell whether there are more", async () => {
  await withTable(async (warehouse) => {
    const numbers = async (parameters: object, newest?: readonly string[]) => {
      const { rows, truncated, sort } = await tablePage(query(parameters), options(warehouse, newest));
      return { n: rows.map((row) => row[1]), truncated, sort };
    };
    const newest = { column: "SEEN", descending: true };
    assertEquals(await numbers({ size: "3" }), { n: [7, 6, 5], truncated: true, sort: newest });
    assertEquals(await numbers({ size: "3", page: "3" }), { n: [-5, 1], truncated: false, sort: newest });
    assertEquals((await numbers({ sort: "X:asc", size: "2" })).n, [-5, 1]);
    assertEquals((await numbers({ sort: "X:desc", size: "3" })).n, [1, -5, 7]);
    // Nothing to sort by: as the rows came, the last first.
    assertEquals(await numbers({ size: "2" }, []), { n: [7, 6], truncated: true, sort: null });
    assertEquals(await numbers({ size: "3", page: "2" }, []), { n: [4, 3, 2], truncated: true, sort: null });
    assertEquals(await numbers({ size: "3", page: "3" }, []), { n: [-5, 1], truncated: false, sort: null });
  });
});

Deno.test("long cells are cut, and JSON comes as its text", async () => {
  await withTable(async (warehouse) => {
    const { rows, cell_limit } = await tablePage(query({ where: "N:from:7" }), options(warehouse));
    assertEquals(String(rows[0]![0]).length, cell_limit);
    const { rows: [plain] } = await tablePage(query({ where: "N:is:1" }), options(warehouse));
    assertEquals(JSON.parse(String(plain![6])), { a: [1, 2] });
  });
});

Deno.test("CSV is what the page shows, quoted, and no cell of it is a formula", async () => {
  await withTable(async (warehouse) => {
    const csv = await whole(tableCsv(query({ sort: "N:asc", where: "N:to:6" }), options(warehouse)));
    assertEquals(csv.split("\r\n"), [
      "NAME,N,X,B,SEEN,DAY,DOC",
      "negative,-5,-0.25,false,2026-01-02 03:04:06,2026-01-03,'-1",
      'plain,1,1.5,true,2026-01-02 03:04:05,2026-01-02,"{""a"": [1, 2]}"',
      '\'=cmd|\'/c calc\'!A0,2,,,2026-01-02 03:04:07,,"""=1+1"""',
      "'+1,3,,,2026-01-02 03:04:08,,",
      "'@SUM(A1),4,,,2026-01-02 03:04:09,,",
      "'\t=1,5,,,2026-01-02 03:04:10,,",
      '"say ""hi"", you\nthere",6,,,2026-01-02 03:04:11,,',
      "",
    ]);
    const long = await whole(tableCsv(query({ where: "N:is:7" }), options(warehouse)));
    assertEquals(long.split("\r\n")[1]!.split(",")[0]!.length, 32_767);
  });
});

Deno.test("a large table comes in pieces, each row once, without those that come meanwhile", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const sizes: number[] = [];
  let added = 0;
  const script = (name: string, sql: string) => ({ name, text: `-- version 1: rows\n${sql}` });
  await warehouse.migrate([
    { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) },
    script(
      "many",
      "CREATE TABLE MANY (N BIGINT, TEXT VARCHAR);\nINSERT INTO MANY SELECT I, REPEAT('x', 5000) FROM RANGE(2500) R(I);",
    ),
  ]);
  for (const newest of [["N"], []]) {
    const pieces = tableCsv(query(), {
      table: { name: "MANY", newest },
      dialect: warehouse.dialect,
      ask: (sql, more = {}) => warehouse.query(sql, more),
    });
    const numbers: number[] = [];
    sizes.length = 0;
    for await (const piece of pieces) {
      sizes.push(piece.length);
      numbers.push(...piece.trimEnd().split("\r\n").map((line) => parseInt(line)).filter((n) => !Number.isNaN(n)));
      await warehouse.migrate([script(`more${added}`, `INSERT INTO MANY VALUES (${10_000 + added++}, 'new');`)]);
    }
    const before = numbers.filter((n) => n < 2500);
    assertEquals(before, Array.from({ length: 2500 }, (_, i) => 2499 - i));
    assertEquals(numbers.length - before.length, newest.length > 0 ? 0 : added - sizes.length);
    assert(sizes.length > 3, String(sizes));
    if (newest.length > 0) assert(Math.max(...sizes) < 2_100_000, String(sizes));
  }
});

/** Tables whose rows change, and how to read them: no two rows are alike in what they are ordered by. */
const CHANGING: readonly (readonly [name: string, newest: readonly string[], sort?: string])[] = [
  ["newest first", ["CHANGED_AT", "ID"]],
  ["by a decimal", ["CHANGED_AT", "ID"], "AMOUNT:asc"],
  ["by a double, down", ["CHANGED_AT", "ID"], "RATIO:desc"],
  ["by what is NULL in many", ["CHANGED_AT", "ID"], "NOTE:asc"],
  ["by what is NULL in many, down", ["CHANGED_AT", "ID"], "NOTE:desc"],
  ["by JSON", ["CHANGED_AT", "ID"], "DOC:asc"],
  ["by a time with a zone", ["CHANGED_AT", "ID"], "SEEN:asc"],
];

for (const [name, newest, sort] of CHANGING) {
  Deno.test(`CSV of a table whose rows change has every other row once: ${name}`, async () => {
    await using warehouse = await openDuckDb({ path: ":memory:" });
    const script = (name: string, sql: string) => ({ name, text: `-- version 1: rows\n${sql}` });
    await warehouse.migrate([
      { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) },
      script(
        "changing",
        `CREATE TABLE CHANGING (ID BIGINT, CHANGED_AT TIMESTAMP_NTZ, AMOUNT DECIMAL(38, 9), RATIO DOUBLE, NOTE VARCHAR,
           DOC VARIANT, SEEN TIMESTAMP_LTZ);
         INSERT INTO CHANGING SELECT I, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (I // 7) MICROSECONDS,
           CAST(I // 3 AS DECIMAL(38, 9)) / 1000000000 + 10000000000000000000, (I // 3) / 7.0,
           CASE WHEN I % 3 = 0 THEN 'n' || I // 30 END, CAST(I // 5 AS VARCHAR),
           TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (I // 9) MICROSECONDS FROM RANGE(1500) R(I);`,
      ),
    ]);
    const pieces = tableCsv(query({ sort }), {
      table: { name: "CHANGING", newest },
      dialect: warehouse.dialect,
      ask: (sql, more = {}) => warehouse.query(sql, more),
    });
    const ids: number[] = [];
    for (let n = 0;; n++) {
      const { done, value } = await pieces.next();
      if (done) break;
      ids.push(...value.trimEnd().split("\r\n").map((line) => parseInt(line)).filter((id) => !Number.isNaN(id)));
      // Every eleventh becomes the newest, those that were read and those that were not.
      const change = `UPDATE CHANGING SET CHANGED_AT = TIMESTAMP '2027-01-01 00:00:00' WHERE ID % 11 = 0;`;
      if (n === 0) await warehouse.migrate([script("change", change)]);
    }
    const still = ids.filter((id) => id % 11 !== 0);
    assertEquals(still.length, new Set(still).size);
    assertEquals(still.length, Array.from({ length: 1500 }, (_, id) => id).filter((id) => id % 11 !== 0).length);
  });
}

Deno.test("rows that are too large together come one by one", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([
    { name: "freshet", text: await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url)) },
    {
      name: "large",
      text: "-- version 1: rows\nCREATE TABLE LARGE (N BIGINT, TEXT VARCHAR);\n" +
        "INSERT INTO LARGE SELECT I, REPEAT('x', 30000) FROM RANGE(50) R(I);",
    },
  ]);
  const csv = await whole(tableCsv(query(), {
    table: { name: "LARGE", newest: ["N"] },
    dialect: warehouse.dialect,
    ask: (sql, more = {}) => warehouse.query(sql, { ...more, maxBytes: 100_000 }),
  }));
  assertEquals(csv.length, "N,TEXT\r\n".length + 50 * 30_003 + 10 + 2 * 40);
});
