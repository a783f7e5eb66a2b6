// CSV by the parsers of others: what Python's csv module and DuckDB read is what was written.
import { assertEquals } from "@std/assert";
import { loadClient } from "../src/warehouse/duckdb/client.ts";
import fc from "fast-check";
import { csvText } from "../src/csv.ts";
import { said, whyWithout } from "./support/programs.ts";

const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", ",", '"', "\r", "\n", "\t", " ", "'", "=", ";", "\\", "é", "\u2028") }),
  fc.constantFrom("", "\r", "\n", "\r\n", '"', '""', " a ", "a\rb", "a\nb", "=1+1", "\ufeffa"),
);
const table = fc.integer({ min: 1, max: 4 }).chain((width) =>
  fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 })
);
const tables = fc.sample(table, { numRuns: 300, seed: 7 });

const noPython = await whyWithout([["python3", "--version"]]);

Deno.test({
  name: "Python's csv module reads every cell as it was written",
  ignore: noPython !== undefined,
  async fn() {
    const program = `import csv, io, json, sys
for text in json.load(sys.stdin):
    print(json.dumps(list(csv.reader(io.StringIO(text, newline=""), strict=True))))`;
    const read = await said("python3", ["-c", program], { input: JSON.stringify(tables.map(csvText)) });
    assertEquals(read.trim().split("\n").map((line) => JSON.parse(line)), tables);
  },
});

Deno.test("DuckDB reads every cell as it was written", async () => {
  const folder = await Deno.makeTempDir();
  const { DuckDBInstance } = await loadClient();
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    for (const [i, rows] of tables.entries()) {
      const path = `${folder}/${i}.csv`;
      const header = rows[0]!.map((_, column) => `c${column}`);
      await Deno.writeTextFile(path, csvText([header, ...rows]));
      const columns = `{${header.map((name) => `${name}: 'VARCHAR'`).join(", ")}}`;
      const options =
        `columns = ${columns}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"'`;
      const sql = `SELECT * FROM read_csv('${path}', ${options}, allow_quoted_nulls = false, parallel = false)`;
      const reader = await connection.runAndReadAll(sql);
      // DuckDB has no empty text without quotes: it reads NULL.
      assertEquals(reader.getRowsJson().map((row) => row.map((value) => value ?? "")), rows);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
    await Deno.remove(folder, { recursive: true });
  }
});
