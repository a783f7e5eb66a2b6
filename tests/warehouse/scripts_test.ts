// SQL scripts: splitting into statements and sections. That the DuckDB dialect means what DuckDB means is checked with it.

import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { WarehouseRefusedError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import {
  duckDbDialect,
  normalizeStatement,
  pendingSections,
  readSections,
  replaceWords,
  snowflakeDialect,
  splitStatements,
  tokens,
} from "../../src/warehouse/sql/scripts.ts";

const test = (name: string, fn: () => void | Promise<void>) =>
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });

/** Text that is hard on splitters. */
const tricky = fc.string({
  unit: fc.constantFrom(
    ";",
    "'",
    '"',
    "\\",
    "$",
    "-",
    "/",
    "*",
    "\n",
    "\r",
    "a",
    " ",
    "🍷",
    "#",
    "--",
    "/*",
    "*/",
    "//",
  ),
  maxLength: 12,
});

/** A literal whose value is the text, in one of the forms that DuckDB knows. */
const literal = tricky.chain((value) => {
  const forms = [`'${value.replaceAll("'", "''")}'`, `E'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`];
  if (!`${value}$`.includes("$$")) forms.push(`$$${value}$$`);
  forms.push(`$tag_1$${value}$tag_1$`);
  return fc.record({ value: fc.constant(value), sql: fc.constantFrom(...forms) });
});

const comment = tricky.chain((text) => {
  const line = text.replace(/[\r\n]/g, "");
  const block = text.replaceAll("*/", "").replaceAll("/*", "").replaceAll("*", "").replaceAll("/", "");
  return fc.constantFrom(`--${line}\n`, `--${line}\r\n`, `/*${block}*/`, `/* ${block} /* ${block} */ ; */`, " ", "\n");
});

const statement = fc.tuple(comment, literal, comment, tricky, comment).map(([a, { value, sql }, b, name, c]) => ({
  value,
  sql: `SELECT ${a} ${sql} ${b} AS "x${name.replaceAll('"', '""')}" ${c}`,
}));

test("a script splits into the statements it was joined from, and DuckDB reads each as meant", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(comment, statement), { maxLength: 5 }), comment, async (parts, tail) => {
      const text = parts.map(([before, { sql }]) => `${before}${sql};`).join("") + tail;
      const found = splitStatements(text, duckDbDialect);
      assertEquals(found.length, parts.length);
      for (const [i, [, { value }]] of parts.entries()) {
        assertEquals((await warehouse.query(found[i]!)).rows, [[value]]);
      }
    }),
    { numRuns: 150 },
  );
});

test("tokens joined are the text again, whatever it is", () => {
  fc.assert(fc.property(fc.array(fc.oneof(tricky, comment, literal.map(({ sql }) => sql))), (parts) => {
    const text = parts.join("");
    for (const dialect of [duckDbDialect, snowflakeDialect]) {
      assertEquals([...tokens(text, dialect)].map((token) => token.text).join(""), text);
    }
  }));
});

test("Snowflake's backslashes, slash comments and comments that do not nest are respected", () => {
  const split = (text: string) => splitStatements(text, snowflakeDialect);
  assertEquals(split(String.raw`SELECT 'it\'s; one'; SELECT 2`), [String.raw`SELECT 'it\'s; one'`, "SELECT 2"]);
  assertEquals(split("SELECT 1 // ; not here\n; SELECT 2"), ["SELECT 1 // ; not here", "SELECT 2"]);
  assertEquals(split("/* a /* b */ SELECT 1; SELECT 2"), ["/* a /* b */ SELECT 1", "SELECT 2"]);
  assertEquals(split("SELECT $$a;b$$; SELECT '''' || 'x;'"), ["SELECT $$a;b$$", "SELECT '''' || 'x;'"]);
});

test("what is not closed runs to the end of the text", () => {
  for (const text of ["SELECT 'a; b", 'SELECT "a; b', "SELECT $$a; b", "SELECT 1 /* a; b", "SELECT E'a\\"]) {
    assertEquals(splitStatements(text, duckDbDialect), [text]);
  }
});

test("parameters are not dollar quotes", () => {
  assertEquals(splitStatements("SELECT $1; SELECT $2", duckDbDialect), ["SELECT $1", "SELECT $2"]);
});

test("words are replaced outside strings, comments and quoted names only", () => {
  const text = `CREATE TABLE "VARIANT" (VARIANT_X variant, Y VARIANT DEFAULT 'VARIANT' /* VARIANT */, Z.VARIANT$)`;
  assertEquals(
    replaceWords(text, new Map([["VARIANT", "JSON"]]), duckDbDialect),
    `CREATE TABLE "VARIANT" (VARIANT_X JSON, Y JSON DEFAULT 'VARIANT' /* VARIANT */, Z.VARIANT$)`,
  );
});

test("normalizing takes comments and layout away, and nothing out of strings", () => {
  const text = "/* why */ SELECT  'a  -- b'\n\t, 1 -- one\n, 2 ";
  assertEquals(normalizeStatement(text, duckDbDialect), "SELECT 'a  -- b',1,2");
  assertEquals(normalizeStatement("A/* */B ( C , D )", duckDbDialect), "A B(C,D)");
  assertEquals(normalizeStatement("AB (C, D)", duckDbDialect), "AB(C,D)");
});

test("sections are numbered from 1 without gaps", async () => {
  const read = (text: string) => readSections({ name: "s", text }, duckDbDialect);
  const sections = await read("-- about\n\n-- version 1: one; first\nSELECT 1;\n--version 2 :two\nSELECT 2; SELECT 3");
  assertEquals(sections.map(({ version, title, statements }) => [version, title, statements]), [
    [1, "one; first", ["SELECT 1"]],
    [2, "two", ["SELECT 2", "SELECT 3"]],
  ]);
  assertEquals(await read("-- only words"), []);
  const refused: readonly (readonly [text: string, why: string])[] = [
    ["SELECT 1;", "before the first"],
    ["SELECT 1;\n-- version 1: one\nSELECT 1", "before the first"],
    ["-- version 2: two\nSELECT 1", "expected version 1"],
    ["-- version 1: a\nSELECT 1;\n-- version 1: b\nSELECT 2", "expected version 2"],
    ["-- version 1: a\n-- nothing", "no statement"],
  ];
  for (const [text, why] of refused) await assertRejects(() => read(text), WarehouseRefusedError, why);
});

test("a heading inside a string or a block comment is not a heading", async () => {
  const text = "-- version 1: one\nSELECT '\n-- version 2: two\n';\n/*\n-- version 3: three\n*/";
  assertEquals((await readSections({ name: "s", text }, duckDbDialect)).length, 1);
});

test("scripts are compared by their own names", async () => {
  const script = (name: string) => ({ name, text: "-- version 1: one\nSELECT 1" });
  const [section] = await readSections(script("a"), duckDbDialect);
  const pending = await pendingSections([script("a"), script("b")], [{ ...section!, version: 1 }], duckDbDialect);
  assertEquals(pending.map(({ name }) => name), ["b"]);
});
