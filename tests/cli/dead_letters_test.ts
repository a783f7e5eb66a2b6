import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { LogRecord, NewRecord } from "../../src/log/log.ts";
import { readAll } from "../contracts/log/place.ts";
import { tamper } from "../support/tamper.ts";
import { Terminal } from "./terminal.ts";

const TOPIC = "ats_telemetry";

/** Records of which most cannot be used: not UTF-8, not JSON, no field, a tombstone; and one that is good. */
async function filled(terminal: Terminal): Promise<void> {
  const time = new Date(Date.now() - 60_000).toISOString();
  const good = {
    train_id: "T1",
    passenger_count: 1,
    total_weight_tons: 1,
    power_draw_kw: 1,
    speed_kmh: 1,
    timestamp: time,
  };
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  await log.createTopics([{ topic: TOPIC, partitions: 1 }]);
  await log.produce(TOPIC, [
    { key: "T1", value: JSON.stringify({ ...good, latitude: 0, longitude: 0 }) },
    { key: "clé", value: Uint8Array.of(0xff, 0x00, 0x7b) },
    { key: null, value: "{ not json 'quoted' ☃" },
    { key: "T2", value: JSON.stringify(good) },
    { key: "T3", value: null },
  ]);
}

async function run(terminal: Terminal): Promise<void> {
  const { code, stderr } = await terminal.run(["run", "trains", "--until-end", "--no-simulate"]);
  assertEquals(code, 0, stderr);
}

async function lines(terminal: Terminal, ...args: string[]) {
  const { code, stdout, stderr } = await terminal.run(["dead-letters", "--json", ...args]);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout) as readonly Record<string, unknown>[];
}

Deno.test("dead-letters lists what could not be used and counts it by reason", async () => {
  await using terminal = await Terminal.open();
  await filled(terminal);
  assertStringIncludes((await terminal.run(["dead-letters"])).stderr, "There is no warehouse");
  await run(terminal);
  const { code, stdout } = await terminal.run(["dead-letters"]);
  assertEquals(code, 0);
  for (const reason of ["invalid_utf8", "invalid_json", "tombstone"]) {
    assertMatch(stdout, new RegExp(`trains +decode +${reason} +1 `));
  }
  assertEquals((await lines(terminal)).length, 4);
});

Deno.test("dead-letters as JSON are all of them, or as many as --limit says, and it says that there are more", async () => {
  await using terminal = await Terminal.open();
  await filled(terminal);
  await run(terminal);
  await tamper(
    terminal,
    `INSERT INTO DEAD_LETTERS BY NAME SELECT D.* REPLACE (D.KAFKA_OFFSET + 10 * N AS KAFKA_OFFSET)
     FROM DEAD_LETTERS AS D, RANGE(1, 7) R(N)`,
  );
  assertEquals((await lines(terminal)).length, 28);
  const part = await terminal.run(["dead-letters", "--json", "--limit", "2"]);
  assertEquals([JSON.parse(part.stdout).length, part.code], [2, 0]);
  assertStringIncludes(part.stderr, "There are more than 2 dead letters");
  const people = await terminal.run(["dead-letters"]);
  assertStringIncludes(people.stderr, "There are more than 20 dead letters");
  assertStringIncludes(people.stderr, "or show more by --limit");
  await tamper(
    terminal,
    `INSERT INTO DEAD_LETTERS BY NAME SELECT D.* REPLACE (100 + N AS KAFKA_OFFSET)
     FROM (FROM DEAD_LETTERS LIMIT 1) AS D, RANGE(100000) R(N)`,
  );
  const all = await terminal.run(["dead-letters", "--json"]);
  assertEquals([all.code, all.stdout], [1, ""]);
  assertStringIncludes(all.stderr, "There are more than 100000 dead letters: choose by --domain");
});

Deno.test("dead-letters --republish sends all, once each, however many they are, and with --limit says what is left", async () => {
  await using terminal = await Terminal.open();
  await filled(terminal);
  await run(terminal);
  await tamper(terminal, "DELETE FROM DEAD_LETTERS WHERE KAFKA_OFFSET <> 2");
  await tamper(
    terminal,
    `INSERT INTO DEAD_LETTERS BY NAME SELECT D.* REPLACE (2 + 2 * N AS KAFKA_OFFSET, CAST(N AS VARCHAR) AS RECORD_VALUE)
     FROM DEAD_LETTERS AS D, RANGE(1, 100003) R(N)`,
  );
  // Two domains have read one of them, where a part ends.
  await tamper(
    terminal,
    "INSERT INTO DEAD_LETTERS BY NAME SELECT D.* REPLACE ('other' AS DOMAIN) FROM DEAD_LETTERS AS D WHERE KAFKA_OFFSET = 4000",
  );
  const part = await terminal.run(["dead-letters", "--republish", "--yes", "--limit", "3"]);
  assertStringIncludes(part.stdout, "Sent 3 records to ats_telemetry");
  assertStringIncludes(part.stderr, "100,001 more records would be sent without --limit");
  const { code, stdout } = await terminal.run(["dead-letters", "--republish", "--yes"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "Sent 100,004 records to ats_telemetry");
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const records = (await readAll(log, TOPIC, 5 + 3 + 100_004)).flatMap(({ records }) => records).slice(8);
  const values = records.map(({ value }) => Number(new TextDecoder().decode(value as Uint8Array)) || 0);
  const expected = [0, ...Array.from({ length: 100_002 }, (_, i) => i + 1), 1999];
  assertEquals(values.toSorted((a, b) => a - b), expected.toSorted((a, b) => a - b));
});

Deno.test("dead-letters chooses by domain, stage and reason, and refuses what is none", async () => {
  await using terminal = await Terminal.open();
  await filled(terminal);
  await run(terminal);
  assertEquals((await lines(terminal, "--stage", "decode")).length, 3);
  assertEquals((await lines(terminal, "--reason", "tombstone", "--domain", "trains")).map((row) => row.KAFKA_OFFSET), [
    4,
  ]);
  assertEquals(await lines(terminal, "--stage", "write"), []);
  assertStringIncludes((await terminal.run(["dead-letters", "--stage", "write"])).stdout, "no dead letters like that");
  for (const wrong of [["--stage", "x' OR 1=1"], ["--reason", "x' OR '1'='1"], ["--domain", "train"]]) {
    assertEquals((await terminal.run(["dead-letters", ...wrong])).code, 2);
  }
});

Deno.test("dead-letters --republish sends the original bytes and keys again, once they are confirmed", async () => {
  await using terminal = await Terminal.open();
  await filled(terminal);
  await run(terminal);
  const unasked = await terminal.run(["dead-letters", "--republish"]);
  assertEquals(unasked.code, 2);
  assertStringIncludes(unasked.stderr, "4 records to ats_telemetry");
  const refused = await terminal.run(["dead-letters", "--republish"], { secrets: [], stdin: "no\n" });
  assertStringIncludes(refused.stdout, "Nothing was sent");
  const sent = await terminal.run(["dead-letters", "--republish", "--stage", "decode"], {
    secrets: [],
    stdin: "yes\n",
  });
  assertEquals(sent.code, 0);
  assertStringIncludes(sent.stdout, "Sent 3 records to ats_telemetry");

  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const [info] = await log.topics([TOPIC]);
  assertEquals(info!.partitions[0], { low: 0, high: 8 });
  const stop = new AbortController();
  await using members = await log.subscribe({ topic: TOPIC, group: "test", signal: stop.signal });
  const generation = await members.nextGeneration();
  await generation.start(new Map([[0, 0]]));
  const records = [];
  while (records.length < 8) records.push(...(await generation.next(1_000))!.records);
  for (const [old, again] of [[1, 5], [2, 6], [4, 7]] as const) {
    assertEquals([records[again]!.key, records[again]!.value], [records[old]!.key, records[old]!.value]);
    assertEquals(
      new TextDecoder().decode(records[again]!.headers["freshet.republished.from"] as Uint8Array),
      `0/${old}`,
    );
  }
});

Deno.test("what is sent again is as it was: keys and values of any bytes, and headers, with null and twice the same name", async () => {
  await using terminal = await Terminal.open();
  const [binary, bom, none] = [Uint8Array.of(0xff, 0, 0xfe), new TextEncoder().encode("\ufeff{"), new Uint8Array()];
  const hostile: readonly NewRecord[] = [
    { key: binary, value: binary, headers: { binary, text: bom, nothing: null, twice: [none, null, binary], "": bom } },
    { key: bom, value: bom },
    { key: none, value: none, headers: { "freshet.republished.from": "7/7" } },
    { key: null, value: null, headers: { h: bom } },
  ];
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic: TOPIC, partitions: 1 }]);
    await log.produce(TOPIC, hostile);
  }
  await run(terminal);
  assertEquals((await terminal.run(["dead-letters", "--republish", "--yes"])).code, 0);
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const told = ({ key, value, headers }: LogRecord) => {
    const { "freshet.republished.from": _, ...rest } = headers;
    return { key, value, headers: rest };
  };
  const records = (await readAll(log, TOPIC, 8)).flatMap(({ records }) => records);
  assertEquals(records.slice(4).map(told), records.slice(0, 4).map(told));
  const copies = (await readAll(log, `${TOPIC}.dlq`, 4)).flatMap(({ records }) => records);
  const own = ({ headers, ...rest }: LogRecord) =>
    told({
      ...rest,
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith("__connect"))),
    });
  assertEquals(copies.map(own), records.slice(0, 4).map(told));
});

Deno.test("rows that an older Freshet wrote are sent again with what they have", async () => {
  await using terminal = await Terminal.open();
  await filled(terminal);
  await run(terminal);
  await tamper(terminal, "UPDATE DEAD_LETTERS SET KEY_ENCODING = NULL, RECORD_HEADERS = NULL");
  assertEquals((await terminal.run(["dead-letters", "--republish", "--yes", "--stage", "decode"])).code, 0);
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const records = (await readAll(log, TOPIC, 8)).flatMap(({ records }) => records);
  assertEquals(
    records.slice(5).map(({ key, value }) => [key, value]),
    [1, 2, 4].map((i) => [records[i]!.key, records[i]!.value]),
  );
});

Deno.test("what is republished and still cannot be used is a dead letter again, under its new offset", async () => {
  await using terminal = await Terminal.open();
  await filled(terminal);
  await run(terminal);
  await terminal.run(["dead-letters", "--republish", "--yes", "--reason", "invalid_json"]);
  await run(terminal);
  assertEquals((await lines(terminal, "--reason", "invalid_json")).map((row) => row.KAFKA_OFFSET).toSorted(), [2, 5]);
  assert(
    (await terminal.run(["dead-letters", "--republish", "--yes", "--stage", "time"])).stdout.includes(
      "nothing to send",
    ),
  );
});
