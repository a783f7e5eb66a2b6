import { assert, assertEquals } from "@std/assert";
import stringWidth from "string-width";
import { formatRows, type RowFormat } from "../../src/cli/rows.ts";
import type { QueryResult } from "../../src/warehouse/warehouse.ts";

const result: QueryResult = {
  columns: [{ name: "ID", type: "VARCHAR" }, { name: "N", type: "BIGINT" }, { name: "V", type: "JSON" }],
  rows: [["a,b", 5, { x: [1, null] }], ['say "hi"\nthere', 1234, null], ["", null, true]],
  truncated: false,
};
const text = (of: QueryResult, format: RowFormat) => [...formatRows(of, format)].join("");
const empty: QueryResult = { ...result, rows: [] };

Deno.test("JSON is one array of objects, with nested values", () => {
  assertEquals(JSON.parse(text(result, "json")), [
    { ID: "a,b", N: 5, V: { x: [1, null] } },
    { ID: 'say "hi"\nthere', N: 1234, V: null },
    { ID: "", N: null, V: true },
  ]);
  assertEquals(JSON.parse(text(empty, "json")), []);
});

Deno.test("CSV is RFC 4180: quotes where needed, CRLF, NULL empty, nested values as JSON", () => {
  assertEquals(
    text(result, "csv"),
    'ID,N,V\r\n"a,b",5,"{""x"":[1,null]}"\r\n"say ""hi""\nthere",1234,\r\n,,true\r\n',
  );
  assertEquals(text(empty, "csv"), "ID,N,V\r\n");
});

Deno.test("a table is aligned, numbers to the right, and control characters are made visible", () => {
  const lines = text(result, "table").split("\n");
  assertEquals(lines[0], "ID                      N  V");
  assertEquals(lines[2], 'a,b                     5  {"x":[1,null]}');
  assertEquals(lines[3], 'say "hi"\\u000athere  1234  NULL');
  assert(!text({ ...result, rows: [["\x1b[2J", 1, null]] }, "table").includes("\x1b"));
  assertEquals(text(empty, "table"), "ID  N  V\n");
});

Deno.test("a long result comes in pieces that are together one document", () => {
  const rows = Array.from({ length: 2500 }, (_, i) => [`k${i}`, i, null]);
  assertEquals([...formatRows({ ...result, rows }, "csv")].length, 4);
  assertEquals(JSON.parse(text({ ...result, rows }, "json")).map(({ N }: { N: number }) => N), rows.map(([, n]) => n));
});

Deno.test("a table fits the width: the widest columns are cut, and nothing is cut without a width", () => {
  const rows = [["short", 5, "x".repeat(300)], ["y".repeat(40), 12345, "日本語の長いテキスト".repeat(5)]];
  const wide = { ...result, rows };
  for (const width of [60, 80, 120]) {
    const lines = [...formatRows(wide, "table", width)].join("").trimEnd().split("\n");
    assert(lines.every((line) => stringWidth(line) <= width), lines.join("\n"));
    assertEquals(lines.map((line) => stringWidth(line)).reduce((a, b) => Math.max(a, b)), width);
    assert(lines[2]!.includes("short") && lines[2]!.endsWith("…") && lines[3]!.includes("12345"));
  }
  assert(text(wide, "table").includes("x".repeat(300)));
  assert([...formatRows(result, "table", 80)].join("") === text(result, "table"), "what fits is not changed");
});

Deno.test("vertically each row is a block, a column a line", () => {
  assertEquals(
    text(result, "vertical").split("\n\n")[1],
    'ID  say "hi"\\u000athere\nN   1234\nV   NULL',
  );
  assertEquals(text(empty, "vertical"), "");
});
