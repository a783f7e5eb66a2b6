// U+FEFF is a character like any other, also where a text begins with it and a decoder might take it for a byte order mark.
// A train whose name does is another train than the one without.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { Terminal } from "./terminal.ts";

const TOPIC = "ats_telemetry";
const TRAIN = "\ufeffC106";
const encoder = new TextEncoder();
const START = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000;

function report(train: string, i: number) {
  const event = {
    timestamp: new Date(START + i * 30_000).toISOString(),
    train_id: train,
    line: "\ufeffred",
    passenger_count: 1_200,
    total_weight_tons: 1,
    power_draw_kw: 1,
    speed_kmh: 1,
    latitude: 0,
    longitude: 0,
    next_stop: "\ufeff",
  };
  return { key: train, value: JSON.stringify(event), headers: { "\ufeffsource": encoder.encode("\ufefftest") } };
}

async function work(terminal: Terminal, records: readonly ReturnType<typeof report>[]): Promise<void> {
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic: TOPIC, partitions: 1 }]);
    await log.produce(TOPIC, records);
  }
  const { code, stderr } = await terminal.run(["run", "trains", "--until-end", "--no-simulate"]);
  assertEquals(code, 0, stderr);
}

async function rows(terminal: Terminal, sql: string): Promise<readonly Record<string, unknown>[]> {
  const { code, stdout, stderr } = await terminal.run(["query", sql, "--json"]);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

const HOURS = "SELECT TRAIN_ID, EVENT_COUNT FROM ATS_HOURLY_STATS ORDER BY EVENT_COUNT";
const ALERTS = "SELECT TRAIN_ID, EVENT_COUNT FROM ATS_ALERTS ORDER BY EVENT_COUNT";

/** What six reports of the train and two of its namesake make, whenever they were worked off. */
async function assertRight(terminal: Terminal): Promise<void> {
  assertEquals(await rows(terminal, HOURS), [
    { TRAIN_ID: "C106", EVENT_COUNT: 2 },
    { TRAIN_ID: TRAIN, EVENT_COUNT: 6 },
  ]);
  assertEquals(await rows(terminal, ALERTS), [
    { TRAIN_ID: "C106", EVENT_COUNT: 2 },
    { TRAIN_ID: TRAIN, EVENT_COUNT: 6 },
  ]);
  const { code, stdout } = await terminal.run(["doctor", "trains"]);
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, " 0 not ok, 0 not checked");
}

Deno.test("a train whose name begins with U+FEFF is one train, over restarts, a replay and every way to read it", async () => {
  await using terminal = await Terminal.open();
  await work(terminal, [0, 1].map((i) => report(TRAIN, i)));
  await work(terminal, [...[2, 3].map((i) => report(TRAIN, i)), ...[2, 3].map((i) => report("C106", i))]);
  await work(terminal, [4, 5].map((i) => report(TRAIN, i)));
  await assertRight(terminal);

  const statuses = await rows(terminal, "SELECT TRAIN_ID, LINE FROM ATS_LATEST_STATUS ORDER BY 1 DESC");
  assertEquals(statuses.map((row) => Object.values(row)), [TRAIN, "C106"].map((id) => [id, "\ufeffred"]));
  const { stdout: csv } = await terminal.run(["query", HOURS, "--csv"]);
  assertEquals(csv.replaceAll("\r", ""), `TRAIN_ID,EVENT_COUNT\nC106,2\n${TRAIN},6\n`);
  const [raw] = await rows(terminal, "SELECT RECORD_METADATA, RECORD_CONTENT FROM ATS_RAW_JSON LIMIT 1");
  assertEquals(raw!.RECORD_CONTENT, JSON.parse(report(TRAIN, 0).value));
  const metadata = raw!.RECORD_METADATA as { readonly key: string; readonly headers: Record<string, string> };
  assertEquals([metadata.key, metadata.headers], [TRAIN, { "\ufeffsource": "\ufefftest" }]);

  const replayed = await terminal.run(["replay", "trains", "--yes"]);
  assertEquals(replayed.code, 0, replayed.stderr);
  await assertRight(terminal);
});

Deno.test("a dead letter that begins with U+FEFF is sent again byte for byte", async () => {
  await using terminal = await Terminal.open();
  const bad = { ...report(TRAIN, 0), value: '\ufeff{"train_id": "C106"' };
  await work(terminal, [bad]);
  const [letter] = await rows(terminal, "SELECT RECORD_KEY, RECORD_VALUE, DETAIL FROM DEAD_LETTERS");
  assertEquals([letter!.RECORD_KEY, letter!.RECORD_VALUE], [bad.key, bad.value]);
  const { stdout: listed } = await terminal.run(["dead-letters", "--json"]);
  assertEquals(JSON.parse(listed)[0].RECORD_VALUE, bad.value);
  const sent = await terminal.run(["dead-letters", "--republish", "--yes"]);
  assertEquals(sent.code, 0, sent.stderr);

  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const stop = new AbortController();
  await using members = await log.subscribe({ topic: TOPIC, group: "test", signal: stop.signal });
  const generation = await members.nextGeneration();
  await generation.start(new Map([[0, 0]]));
  const records = [];
  while (records.length < 2) records.push(...(await generation.next(1_000))!.records);
  for (const { key, value } of records) {
    assertEquals([key, value], [encoder.encode(bad.key), encoder.encode(bad.value)]);
  }
});
