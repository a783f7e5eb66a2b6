import { assert, assertEquals } from "@std/assert";
import { formatRows } from "../../src/cli/rows.ts";
import type { QueryResult } from "../../src/warehouse/warehouse.ts";

const result: QueryResult = {
  columns: [{ name: "ID", type: "VARCHAR" }, { name: "N", type: "BIGINT" }, { name: "V", type: "JSON" }],
  rows: [["a,b", 5, { x: [1, null] }], ['say "hi"\nthere', 1234, null], ["", null, true]],
  truncated: false,
};
const empty: QueryResult = { ...result, rows: [] };

Deno.test("JSON is one array of objects, with nested values", () => {
  assertEquals(JSON.parse(formatRows(result, "json")), [
    { ID: "a,b", N: 5, V: { x: [1, null] } },
    { ID: 'say "hi"\nthere', N: 1234, V: null },
    { ID: "", N: null, V: true },
  ]);
  assertEquals(JSON.parse(formatRows(empty, "json")), []);
});

Deno.test("CSV is RFC 4180: quotes where needed, CRLF, NULL empty, nested values as JSON", () => {
  assertEquals(
    formatRows(result, "csv"),
    'ID,N,V\r\n"a,b",5,"{""x"":[1,null]}"\r\n"say ""hi""\nthere",1234,\r\n,,true\r\n',
  );
  assertEquals(formatRows(empty, "csv"), "ID,N,V\r\n");
});

Deno.test("a table is aligned, numbers to the right, and control characters are made visible", () => {
  const lines = formatRows(result, "table").split("\n");
  assertEquals(lines[0], "ID                      N  V");
  assertEquals(lines[2], 'a,b                     5  {"x":[1,null]}');
  assertEquals(lines[3], 'say "hi"\\u000athere  1234  NULL');
  assert(!formatRows({ ...result, rows: [["\x1b[2J", 1, null]] }, "table").includes("\x1b"));
  assertEquals(formatRows(empty, "table"), "ID  N  V\n");
});
