// Text comes out of DuckDB as it went in, through every kind of column, also where it begins with U+FEFF. Fails when a new
// version of the client decodes text in another place than client.ts mends.

import { assertEquals } from "@std/assert";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { SCRIPTS, TOPIC, unitOf } from "./support.ts";

/** Alone, doubled, short as text inside of a vector, and long as text beside it. */
const TEXTS = [
  "\ufeff",
  "\ufeff\ufeff",
  "\ufeffC106",
  `\ufeff${"long".repeat(100)}`,
  "C\ufeff",
  "",
  "\0",
  "é\u{10ffff}",
];

Deno.test("a text that begins with U+FEFF comes out of every kind of column as it went in", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  const kinds: readonly (readonly [sql: string, cell: (text: string) => unknown])[] = [
    ["?::VARCHAR", (text) => text],
    ["[?::VARCHAR, NULL, 'x']", (text) => [text, null, "x"]],
    ["[?::VARCHAR]::VARCHAR[1]", (text) => [text]],
    ["{'\ufeffk': ?::VARCHAR}", (text) => ({ "\ufeffk": text })],
    ["MAP {?::VARCHAR: 1}", (text) => ({ [text]: 1 })],
    ["MAP {'\ufeffk': ?::VARCHAR}", (text) => ({ "\ufeffk": text })],
    ['union_value("\ufefft" := ?::VARCHAR)', (text) => text],
    ["[{'a': MAP {'k': [?::VARCHAR]}}]", (text) => [{ a: { k: [text] } }]],
    ["to_json(?::VARCHAR)", (text) => text],
    ["json_object('\ufeffk', ?::VARCHAR)", (text) => ({ "\ufeffk": text })],
    ["?::VARCHAR::JSON", (text) => text],
    ["hex(encode(?::VARCHAR))", (text) => new TextEncoder().encode(text).toHex().toUpperCase()],
    ["length(?::VARCHAR)", (text) => [...text].length],
  ];
  for (const [sql, cell] of kinds) {
    for (const text of TEXTS) {
      const bind = sql === "?::VARCHAR::JSON" ? JSON.stringify(text) : text;
      for (const maxRows of [undefined, 1]) {
        const { rows } = await warehouse.query(`SELECT ${sql}`, { binds: [bind], maxRows });
        assertEquals(rows, [[cell(text)]], `${sql} of ${JSON.stringify(text)}`);
      }
    }
  }
});

Deno.test("enums, names of columns and messages of errors keep a leading U+FEFF", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([...SCRIPTS, {
    name: "script",
    text: "-- version 1: a table\nCREATE TYPE KIND AS ENUM ('\ufeffa', 'a'); CREATE TABLE T (\"\ufeffN\" KIND)",
  }]);
  const { columns, rows } = await warehouse.query("SELECT '\ufeffa'::KIND AS \"\ufeffK\", 'a'::KIND AS K");
  assertEquals([columns.map(({ name }) => name), rows], [["\ufeffK", "K"], [["\ufeffa", "a"]]]);
  assertEquals((await warehouse.query("FROM T")).columns.map(({ name }) => name), ["\ufeffN"]);
  const refused = await warehouse.query("SELECT error('\ufeffwhy')").catch((error: Error) => error.message);
  assertEquals(String(refused).includes("\ufeffwhy"), true);
});

Deno.test("keys and values of operator state keep a leading U+FEFF, so that no two keys become one", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate(SCRIPTS);
  await using writer = await warehouse.writer("domain");
  const [claim] = await writer.claim(TOPIC, [0]);
  const state = [...TEXTS, "C106"].map((text, i) => (
    { operator: `\ufeffo${i}`, partition: 0, namespace: 0, key: text, value: JSON.stringify(text) }
  ));
  await writer.commit({ ...unitOf(claim!, 1), state });
  const found = [];
  for await (const changes of writer.state(TOPIC, [0])) found.push(...changes);
  const byOperator = <T extends { readonly operator: string }>(changes: readonly T[]) =>
    changes.toSorted((a, b) => a.operator < b.operator ? -1 : 1);
  assertEquals(byOperator(found), byOperator(state));
  await writer.registerOperators(new Map([["\ufeffo", "\ufefffingerprint"]]));
  assertEquals([...await writer.operators()], [["\ufeffo", "\ufefffingerprint"]]);
});
