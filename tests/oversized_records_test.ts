// Records that are larger than most. A bad one that its dead letter topic does not take, among good ones: the run goes on, and
// the table has the record. Many good ones: units are as large as the warehouse's memory takes.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { openDuckDb } from "../src/warehouse/duckdb.ts";
import { readAll, text } from "./contracts/log/place.ts";
import { Terminal } from "./cli/terminal.ts";

/** What the embedded log takes at most, less what it writes beside a value; an error header more is too much. */
const AS_LARGE_AS_IT_GOES = 1024 * 1024 - 100;

Deno.test("a bad record that is too large for its dead letter topic ends no run", async () => {
  await using terminal = await Terminal.open();
  const env = { FRESHET_TOPIC_PARTITIONS: "1" };
  assertEquals((await terminal.run(["simulate", "rides", "--count", "50"], { env })).code, 0);
  const bad = "x".repeat(AS_LARGE_AS_IT_GOES);
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.produce("ride_events", [{ value: "short" }, { value: bad }, { value: "shorter" }]);
  }
  assertEquals((await terminal.run(["simulate", "rides", "--count", "50"], { env })).code, 0);
  const { code, stderr } = await terminal.run(["run", "rides", "--until-end", "--no-simulate"], { env });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "103 records, 100 accepted, 3 dead letters");
  await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
  const { rows } = await warehouse.query("SELECT LENGTH(RECORD_VALUE) FROM DEAD_LETTERS ORDER BY KAFKA_OFFSET");
  assertEquals(rows.map(([length]) => Number(length)), [5, bad.length, 7]);
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const copies = (await readAll(log, "ride_events.dlq", 3)).flatMap(({ records }) => records);
  assertEquals(copies.map(({ value }) => value!.length), [5, 512 * 1024, 7]);
});

/** Text that does not compress to nothing. */
const noise = (bytes: number) => crypto.randomUUID().repeat(bytes / 36);

/** Larger than most, all valid; how many, and bytes of each. */
const BACKLOGS = [[3_000, 10_000], [600, 50_000], [300, 100_000], [30, 900_000]] as const;

for (const [count, bytes] of BACKLOGS) {
  Deno.test(`a backlog of ${count} records of ${bytes} bytes is worked off`, async () => {
    await using terminal = await Terminal.open();
    const env = { FRESHET_TOPIC_PARTITIONS: "1", FRESHET_MAX_RESTARTS: "0" };
    assertEquals((await terminal.run(["simulate", "rides", "--count", "1"], { env })).code, 0);
    {
      await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
      const [first] = (await readAll(log, "ride_events", 1)).flatMap(({ records }) => records);
      const event = JSON.parse(text(first!.value)!);
      for (let i = 0; i < count; i++) {
        await log.produce("ride_events", [{
          value: JSON.stringify({ ...event, ride_id: `r${i}`, note: noise(bytes) }),
        }]);
      }
    }
    const { code, stderr } = await terminal.run(["run", "rides", "--until-end", "--no-simulate"], { env });
    assertEquals(code, 0, stderr);
    await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
    const { rows } = await warehouse.query(
      "SELECT COUNT(*), COUNT(DISTINCT KAFKA_OFFSET), SUM(CASE WHEN LENGTH(CAST(RECORD_CONTENT AS VARCHAR)) > 9000 THEN 1 END) FROM RIDE_REQUESTS",
    );
    assertEquals(rows[0]!.map(Number), [count + 1, count + 1, count]);
  });
}
