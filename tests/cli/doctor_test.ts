import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DuckDBInstance } from "@duckdb/node-api";
import { type InLog, lookUp } from "../../src/log/look_up.ts";
import { type Finding, keep } from "../../src/cli/doctor/mod.ts";
import { QueryRefusedError } from "../../src/errors.ts";
import { systemClock } from "../../src/clock.ts";
import type { Generation, Log } from "../../src/log/log.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { parseTimestamp } from "@freshet/stream";
import { eventTime, Fields } from "../../src/checks/rules.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { tamper } from "../support/tamper.ts";
import { Traffic } from "../support/traffic.ts";
import { Terminal } from "./terminal.ts";

/** Runs the trains' traffic into the tables: good, bad, late and too late. */
async function worked(terminal: Terminal, names: readonly string[]): Promise<void> {
  for (const checked of checkedDomains.filter(({ name }) => names.includes(name))) {
    const { topic } = domainOf(checked.name);
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic, partitions: 2 }]);
    await log.produce(topic, new Traffic(checked, 3).take(3_000));
  }
  const { code, stderr } = await terminal.run(["run", ...names, "--until-end", "--no-simulate"]);
  assertEquals(code, 0, stderr);
}

async function findings(terminal: Terminal, ...args: string[]): Promise<{ code: number; all: readonly Finding[] }> {
  const { code, stdout } = await terminal.run(["doctor", "--json", ...args]);
  return { code, all: JSON.parse(stdout) };
}

Deno.test("doctor finds the tables of every domain right after a run", async () => {
  await using terminal = await Terminal.open();
  const names = checkedDomains.map(({ name }) => name);
  assertStringIncludes((await terminal.run(["doctor"])).stderr, "There is no warehouse");
  await worked(terminal, names);
  const { code, all } = await findings(terminal);
  assertEquals(all.filter(({ result }) => result !== "ok"), []);
  assertEquals(code, 0);
  assertEquals([...new Set(all.map(({ domain }) => domain))].toSorted(), names.toSorted());
});

const HOUR = "WINDOW_START = (SELECT MIN(WINDOW_START) FROM ATS_HOURLY_STATS_PARTS)";
const FIRST_RAW = "(RECORD_METADATA->>'offset') = (SELECT MIN(KAFKA_OFFSET) + 20 FROM ATS_TRANSFORMED)::VARCHAR";

const HARMS: readonly (readonly [what: string, sql: string, checks: readonly string[]])[] = [
  ["a raw row is gone", `DELETE FROM ATS_RAW_JSON WHERE ${FIRST_RAW}`, [
    "no offset is missing",
    "typed rows are the raw rows",
  ]],
  [
    "the position is behind the rows",
    "UPDATE FRESHET_OFFSETS SET NEXT_OFFSET = NEXT_OFFSET - 10 WHERE DOMAIN = 'trains' AND KAFKA_PARTITION = 1",
    ["no record is beyond its partition's position", "committed offsets are not ahead of the tables"],
  ],
  [
    "the position is beyond the log",
    "UPDATE FRESHET_OFFSETS SET NEXT_OFFSET = NEXT_OFFSET + 10 WHERE DOMAIN = 'trains' AND KAFKA_PARTITION = 1",
    ["the log reaches as far as the tables"],
  ],
  [
    "a sum is wrong in its twelfth digit",
    `UPDATE ATS_HOURLY_STATS_PARTS SET SUM_POWER_DRAW_KW = SUM_POWER_DRAW_KW * (1 + 1e-11) WHERE ${HOUR}`,
    ["hourly statistics equal GROUP BY"],
  ],
];

for (const [what, sql, checks] of HARMS) {
  Deno.test(`doctor says so when ${what}`, async () => {
    await using terminal = await Terminal.open();
    await worked(terminal, ["trains"]);
    await tamper(terminal, sql);
    const { code, all } = await findings(terminal, "trains");
    assertEquals(code, 1);
    const bad = all.filter(({ result }) => result === "not ok");
    for (const check of checks) assert(bad.some((finding) => finding.check === check), JSON.stringify(bad));
    for (const { detail, advice } of bad) assert(detail !== "" && advice !== "");
    const { stdout, stderr } = await terminal.run(["doctor", "trains"]);
    assertStringIncludes(stdout, "not ok");
    assertStringIncludes(stderr, "found something that is not right");
  });
}

/** A log of one partition with these offsets, as Kafka gives them: a fetch ends where its last record does. */
function logWith(offsets: readonly number[], { low, high }: { readonly low: number; readonly high: number }): Log {
  const signal = new AbortController().signal;
  let position = 0;
  const generation: Generation = {
    id: 1,
    topic: "t",
    partitions: [0],
    signal,
    bounds: () => Promise.resolve(new Map([[0, { low, high }]])),
    start: (positions) => Promise.resolve(void (position = positions.get(0)!)),
    next() {
      const offset = offsets.find((each) => each >= position);
      if (offset === undefined) position = high;
      if (offset === undefined) return Promise.resolve(undefined);
      position = offset + 1;
      const record = { offset, key: null, value: null, timestamp: 0, headers: {} };
      return Promise.resolve({ partition: 0, records: [record], nextOffset: position });
    },
    skip: (_, offset) => void (position = offset),
    caughtUp: () => position >= high,
    look: () => ({ end: high, readableEnd: high, atMs: 0 }),
    commit: () => Promise.reject(new Error("Nothing is committed")),
  };
  const log: Partial<Log> = {
    subscribe: () =>
      Promise.resolve({
        nextGeneration: () => Promise.resolve(generation),
        membership: () => ({ state: "member", sinceMs: 0 }),
        rejoin: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
  return log as Log;
}

const GAPS: readonly (readonly [what: string, offsets: readonly number[], from: number, to: number, InLog])[] = [
  ["a record in the middle", [0, 1, 5, 9], 2, 9, { kind: "record", offset: 5, timestamp: 0 }],
  ["no record, as after compaction", [0, 1, 9], 2, 9, { kind: "none" }],
  ["no record up to its end", [0, 1], 2, 10, { kind: "none" }],
  ["nothing so old", [7, 8, 9], 1, 5, { kind: "no longer there" }],
  ["a record where its beginning is gone", [6, 8], 1, 8, { kind: "record", offset: 6, timestamp: 0 }],
];

for (const [what, offsets, from, to, expected] of GAPS) {
  Deno.test(`of a gap for which the log has ${what} doctor is told just that`, async () => {
    const log = logWith(offsets, { low: Math.min(...offsets), high: 10 });
    const signal = new AbortController().signal;
    const gap = { partition: 0, from, to };
    assertEquals(await lookUp(gap, { log, topic: "t", clock: systemClock, signal }), expected);
  });
}

Deno.test("doctor says of a domain that has not run that it was not checked", async () => {
  await using terminal = await Terminal.open();
  await worked(terminal, ["trains"]);
  const { code, all } = await findings(terminal, "wine");
  assertEquals([code, all.map(({ result }) => result)], [0, ["not checked"]]);
});

Deno.test("a check that finds too little memory is not checked, and says what to do about it", async () => {
  const tables = {
    query: () =>
      Promise.reject(new QueryRefusedError("The query needs more memory than DuckDB may use: ask for fewer rows")),
  };
  const [finding] = await keep(tables, { "sums are right": "SELECT 1" }, "look at the rows");
  assertEquals([finding!.result, finding!.check], ["not checked", "sums are right"]);
  assertStringIncludes(finding!.advice!, "FRESHET_QUERY_MEMORY");
  assertEquals(finding!.detail.includes("fewer rows"), false, "a check cannot ask for less");
});

const TIMES = [
  "2026-01-15T10:00:00Z",
  "2026-01-15 10:00:00,5z",
  "2026-01-15",
  "2026-01-15t10:00",
  "2026-01-15T10:00:00.25+02:00",
];
const MORE_TIMES = [
  "2026-01-15T01:00:00-0530",
  "2026-01-15T10:00:00+11",
  1768471200123,
  1768471200123.25,
  1.7684712e12,
];

Deno.test("rules read event times as the pipelines do", async () => {
  const fields = new Fields("J", ["t"]);
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  for (const t of [...TIMES, ...MORE_TIMES]) {
    const rows = `SELECT '${JSON.stringify({ t })}'::JSON AS J`;
    const result = await connection.runAndReadAll(
      `WITH R AS (${rows}) SELECT EPOCH_US(${eventTime(fields, "t")})::DOUBLE FROM ${fields.from("R")}`,
    );
    assertEquals([t, result.getRows()[0]![0]], [t, Math.floor(parseTimestamp(t) * 1000)]);
  }
  connection.closeSync();
  instance.closeSync();
});
