import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readConfig } from "../src/config/mod.ts";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import type { LogRecord } from "../src/log/log.ts";
import { productionParts } from "../src/wiring.ts";
import { Terminal } from "./cli/terminal.ts";

const TOPIC = "ats_telemetry";

/** Every record of the topic in the terminal's log, partition by partition. */
async function recordsOf(terminal: Terminal, topic: string): Promise<LogRecord[]> {
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  const [info] = await log.topics([topic]);
  const stop = new AbortController();
  await using members = await log.subscribe({ topic, group: "test", signal: stop.signal });
  const generation = await members.nextGeneration();
  await generation.start(new Map(info!.partitions.map(({ low }, partition) => [partition, low])));
  const found: LogRecord[] = [];
  let left = info!.partitions.reduce((sum, { low, high }) => sum + high - low, 0);
  while (left > 0) {
    const batch = await generation.next(1000);
    found.push(...batch!.records);
    left -= batch!.records.length;
  }
  return found;
}

const text = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);

for (
  const verb of [
    "run",
    "simulate",
    "produce",
    "query",
    "status",
    "topics",
    "dead-letters",
    "doctor",
    "replay",
    "migrate",
    "keygen",
    "sql",
    "config",
    "new",
  ]
) {
  Deno.test(`${verb} --help says how it is used`, async () => {
    await using terminal = await Terminal.open();
    const { code, stdout, stderr } = await terminal.run([verb, "--help"]);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `Usage: freshet ${verb}`);
  });
}

Deno.test("--version and --help answer without any configuration", async () => {
  await using terminal = await Terminal.open();
  const env = { FRESHET_API_PORT: "wrong" };
  assertMatch(
    (await terminal.run(["--version"], { env })).stdout,
    /^freshet \d+\.\d+\.\d+( \([0-9a-f+a-z]+\))?\ndeno \d.*, @duckdb\/node-api \d.*, kafkajs \d.*, snowflake-sdk \d.*\n$/,
  );
  assertEquals((await terminal.run(["--help"], { env })).code, 0);
});

const MISUSES: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [["quary", "select 1"], /unknown command 'quary'[^]*Did you mean query\?/],
  [["query"], /There is no statement: give one/],
  [["query", "select 1", "--jsn"], /unknown option '--jsn'[^]*--json/],
  [["query", "select 1", "--json", "--csv"], /'--json' cannot be used with option '--csv'/],
  [["query", "select 1", "--limit", "0"], /"0" is not a whole number from 1 to 10000000/],
  [["simulate", "trians"], /no domain "trians", did you mean "trains"\?/],
  [["run", "trians"], /no domain "trians", did you mean "trains"\?/],
  [["run", "--until-end", "--simulate"], /--until-end does not go with --simulate/],
  [["simulate", "rides", "--count", "20", "--rate", "1000000"], /"1000000" is not a number from 0\.001 to 100000/],
  [["simulate", "trains", "--bad", "1.5"], /"1\.5" is not a number from 0 to 1/],
  [["produce", TOPIC, "/no/such/file"], /Cannot read "\/no\/such\/file"/],
];

for (const [args, message] of MISUSES) {
  Deno.test(`"${args.join(" ")}" is refused with exit code 2 and says why`, async () => {
    await using terminal = await Terminal.open();
    const { code, stdout, stderr } = await terminal.run(args);
    assertMatch(stderr, message);
    assertEquals([code, stdout], [2, ""]);
    assert(!/\n\s+at /.test(stderr), "no stack");
  });
}

Deno.test("wrong settings end with exit code 2, all named in one message, without a secret", async () => {
  await using terminal = await Terminal.open();
  const env = { FRESHET_API_PORT: "x", FRESHET_API_TOKEN: "s3 cret", KAFKA_SASL_PASSWORD: "pa55" };
  const { code, stderr } = await terminal.run(["topics"], { env });
  assertEquals(code, 2);
  for (const name of ["FRESHET_API_PORT", "FRESHET_API_TOKEN", "KAFKA_SASL_MECHANISM"]) {
    assertStringIncludes(stderr, name);
  }
  assert(!stderr.includes("s3 cret") && !stderr.includes("pa55"));
});

Deno.test("config lists every setting and hides secrets", async () => {
  await using terminal = await Terminal.open();
  const { code, stdout } = await terminal.run(["config"], {
    env: { FRESHET_API_TOKEN: "t0ken-of-16-chars", FRESHET_DRAIN_MS: "7" },
  });
  assertEquals(code, 0);
  assertMatch(stdout, /FRESHET_API_TOKEN +\(set\)/);
  assertMatch(stdout, /FRESHET_DRAIN_MS +7 +20000/);
  assertMatch(stdout, /ATS_HIGH_POWER_KW +2600/);
  assert(!stdout.includes("t0ken"));
});

Deno.test("config on a terminal of 80 characters is a block for each setting, and with --json one array", async () => {
  await using terminal = await Terminal.open();
  const shown = await terminal.run(["config"], { env: { KAFKA_SASL_PASSWORD: "hush" }, columns: 80 });
  const lines = shown.stdout.split("\n");
  const tooLong = lines.filter((line) => line.length > 80 && line.includes(" ") && line.startsWith("    "));
  assertEquals(tooLong, []);
  assert(lines.includes("FRESHET_API_PORT = 0  (default 8000)") && !shown.stdout.includes("hush"), shown.stdout);
  const { stdout } = await terminal.run(["config", "--json"], { env: { KAFKA_SASL_PASSWORD: "hush" } });
  const settings: { name: string; value: string | null; default: string | null }[] = JSON.parse(stdout);
  const of = (name: string) => settings.find((setting) => setting.name === name)!;
  assertEquals([of("FRESHET_API_PORT").value, of("FRESHET_API_PORT").default], ["0", "8000"]);
  assertEquals([of("KAFKA_SASL_PASSWORD").value, of("KAFKA_TOPIC_NAME").value], ["(set)", null]);
});

Deno.test("produce sends each line as its exact bytes, with the field as key where there is one", async () => {
  await using terminal = await Terminal.open();
  const lines = [
    '{"id":"a", "x": 1.0}',
    '{"id":7}',
    '{"id":{"nested":1}}',
    '{"other":"a"}',
    "",
    "not json",
    '{"id":"a","id":"b"}\r',
    '["id"]',
    " ",
  ];
  const bytes = new TextEncoder().encode(lines.join("\n") + "\n");
  const stdin = new Uint8Array([...bytes, 0xff, 0xfe, 0x22]);
  const { code, stdout, stderr } = await terminal.run(["produce", TOPIC, "--key", "id"], { stdin });
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Sent to ats_telemetry: 10 records in /);
  const records = await recordsOf(terminal, TOPIC);
  const byValue = new Map(records.map((record) => [[...record.value!].join(), text(record.key)]));
  const keyOf = (line: string) => byValue.get([...new TextEncoder().encode(line)].join());
  assertEquals(lines.map(keyOf), ["a", "7", null, null, null, null, "b", null, null]);
  assertEquals(byValue.get("255,254,34"), null);
});

Deno.test("produce reads a file, and says how many records it sent", async () => {
  await using terminal = await Terminal.open();
  const path = `${terminal.dataDir}/in.ndjson`;
  const lines = Array.from({ length: 25_000 }, (_, i) => JSON.stringify({ train_id: `T${i % 50}`, i }));
  await Deno.writeTextFile(path, lines.join("\n"));
  const { code, stdout } = await terminal.run(["produce", TOPIC, path, "-k", "train_id"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "25,000 records");
  const records = await recordsOf(terminal, TOPIC);
  assertEquals(records.map(({ value }) => text(value)!).toSorted(), lines.toSorted());
  const perKey = Map.groupBy(records, ({ key }) => text(key));
  assertEquals(
    perKey.get("T7")!.map(({ value }) => JSON.parse(text(value)!).i),
    Array.from({ length: 500 }, (_, n) => n * 50 + 7),
  );
});

Deno.test("produce creates no topic in silence, and says how to create it", async () => {
  await using terminal = await Terminal.open();
  const { code, stderr } = await terminal.run(["produce", "elsewhere"], { stdin: "{}\n" });
  assertEquals(code, 1);
  assertStringIncludes(stderr, `Topic "elsewhere" does not exist: create it with "freshet topics create"`);
  assertEquals(
    (await terminal.run(["topics", "create", "elsewhere", "--partitions", "3"])).stdout,
    "elsewhere: created, 3 partitions\n",
  );
  assertEquals(
    (await terminal.run(["topics", "create", "elsewhere"])).stdout,
    "elsewhere: exists already, 3 partitions\n",
  );
  assertEquals((await terminal.run(["produce", "elsewhere"], { stdin: "{}\n" })).code, 0);
  const topics = JSON.parse((await terminal.run(["topics", "--json"])).stdout);
  assertEquals(topics.length, 3);
  assertEquals(topics.reduce((sum: number, { high }: { high: number }) => sum + high, 0), 1);
});

Deno.test("query says so when there is no warehouse yet, and does not make one", async () => {
  await using terminal = await Terminal.open();
  for (let attempt = 0; attempt < 2; attempt++) {
    const { code, stderr } = await terminal.run(["query", "select 1"]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "There is no warehouse at");
  }
});

Deno.test("migrate makes the tables, once, and --dry-run only tells", async () => {
  await using terminal = await Terminal.open();
  const dry = await terminal.run(["migrate", "--dry-run"]);
  assertStringIncludes(dry.stdout, "CREATE TABLE");
  assertEquals((await terminal.run(["query", "select * from ATS_RAW_JSON"])).code, 1);
  assertStringIncludes((await terminal.run(["migrate"])).stdout, "applied trains version 1");
  assertStringIncludes((await terminal.run(["migrate"])).stdout, "nothing to do");
  assertEquals((await terminal.run(["query", "select * from ATS_RAW_JSON", "--json"])).stdout, "[]\n");
});

Deno.test("migrate --dry-run prints all the SQL for Snowflake without reaching it", async () => {
  await using terminal = await Terminal.open();
  const env = {
    SNOWFLAKE_ACCOUNT: "NOWHERE-AT_ALL",
    SNOWFLAKE_ACCESS_URL: "http://127.0.0.1:1",
    SNOWFLAKE_USER: "u",
    SNOWFLAKE_PASSWORD: "pa55 word",
    SNOWFLAKE_DATABASE: "sales",
  };
  const { code, stdout, stderr } = await terminal.run(["migrate", "--dry-run"], { env });
  assertEquals([code, stderr], [0, ""]);
  for (
    const expected of [
      'USE SCHEMA "SALES"."PUBLIC";',
      "CREATE TABLE IF NOT EXISTS FRESHET_OFFSETS_TRAINS (",
      "CREATE OR REPLACE VIEW FRESHET_OFFSETS COPY GRANTS AS",
      "FRESHET_OFFSETS is still the one table of an older version",
      "CREATE TABLE IF NOT EXISTS ATS_RAW_JSON (",
      "CREATE VIEW IF NOT EXISTS ATS_HOURLY_STATS AS",
      "CREATE OR REPLACE VIEW ATS_HOURLY_STATS COPY GRANTS AS",
      "SELECT 'trains', 1, '",
    ]
  ) assertStringIncludes(stdout, expected);
  assert(!stdout.includes("pa55 word"));
});

Deno.test("query prints a table, JSON or CSV, and says when there are more rows", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["migrate"]);
  const sql = "select * from (values ('a', 1.5), ('b', 2.5)) t(NAME, N) order by NAME";
  assertEquals(JSON.parse((await terminal.run(["query", sql, "--json"])).stdout), [{ NAME: "a", N: 1.5 }, {
    NAME: "b",
    N: 2.5,
  }]);
  assertEquals((await terminal.run(["query", sql, "--csv"])).stdout, "NAME,N\r\na,1.5\r\nb,2.5\r\n");
  const { stdout, stderr } = await terminal.run(["query", sql, "--limit", "1"]);
  assertMatch(stdout, /NAME[^]*a +1\.5/);
  assertStringIncludes(stderr, "more than 1 rows");
});

for (
  const sql of ["drop table ATS_RAW_JSON", "select 1; select 2", "selec 1", "insert into ATS_RAW_JSON values (1, 2)"]
) {
  Deno.test(`query refuses "${sql}"`, async () => {
    await using terminal = await Terminal.open();
    await terminal.run(["migrate"]);
    const { code, stdout, stderr } = await terminal.run(["query", sql]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^freshet: .+/);
    assertEquals(
      (await terminal.run(["query", "select count(*) N from ATS_RAW_JSON", "--json"])).stdout,
      '[\n{"N":0}\n]\n',
    );
  });
}

Deno.test("status without anything says that the topic does not exist yet", async () => {
  await using terminal = await Terminal.open();
  const { code, stdout } = await terminal.run(["status"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "The topic does not exist yet");
});

Deno.test("simulated records, good and bad, all end in the tables after run --until-end", async () => {
  await using terminal = await Terminal.open();
  const sent = await terminal.run(["simulate", "trains", "--count", "2000", "--bad", "0.05", "--seed", "5"]);
  assertEquals([sent.code, sent.stderr], [0, ""]);
  assertStringIncludes(sent.stdout, "2,000 records");

  const before = JSON.parse((await terminal.run(["status", "--json"])).stdout);
  const lag = (report: typeof before) =>
    report.domains[0].partitions.reduce((sum: number, p: { lag: number }) => sum + p.lag, 0);
  assertEquals([before.pid, lag(before)], [null, 2000]);

  const run = await terminal.run(["run", "trains", "--until-end"], { env: { FRESHET_LOG_FORMAT: "json" } });
  assertEquals(run.code, 0, run.stderr);
  const counts = "select (select count(*) from ATS_RAW_JSON) RAW, (select count(*) from DEAD_LETTERS) DEAD";
  const [{ RAW, DEAD }] = JSON.parse((await terminal.run(["query", counts, "--json"])).stdout);
  assertEquals(RAW + DEAD, 2000);
  assert(DEAD > 50 && DEAD < 150, String(DEAD));

  const after = JSON.parse((await terminal.run(["status", "--json"])).stdout);
  assertEquals(lag(after), 0);
  assert(after.domains[0].partitions.every((p: { watermark: string | null }) => p.watermark !== null));
  const topics: { topic: string; lag: number | null; group: string | null }[] = JSON.parse(
    (await terminal.run(["topics", "--json"])).stdout,
  );
  assertEquals(topics.filter(({ topic }) => topic === TOPIC).map(({ group, lag }) => [group, lag]), [
    ["freshet-trains", 0],
    ["freshet-trains", 0],
  ]);
});

Deno.test("a simulation that is taken up again goes on after the topic's last record", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["simulate", "trains", "--count", "50"]);
  const last = Math.max(...(await recordsOf(terminal, TOPIC)).map(({ timestamp }) => timestamp));
  const stop = new AbortController();
  const running = terminal.run(["simulate", "trains"], { signal: stop.signal });
  // Trains report every 1.25 s between them: wait for the first that is new.
  while ((await recordsOf(terminal, TOPIC)).length === 50) await new Promise((resolve) => setTimeout(resolve, 50));
  stop.abort();
  assertEquals((await running).code, 0);
  const after = (await recordsOf(terminal, TOPIC)).map(({ timestamp }) => timestamp).toSorted((a, b) => a - b);
  assertEquals(after[49], last);
  assert(after[50]! > last);
});

Deno.test("topics create makes each domain's topics, with those of dead letters, once", async () => {
  await using terminal = await Terminal.open();
  const domains = productionParts.domains(readConfig({}, productionParts.modules));
  const expected = domains.flatMap(({ topic }) => [topic, `${topic}.dlq`]).sort();
  const listed = (how: string) => expected.map((topic) => `${topic}: ${how}, 2 partitions\n`).join("");
  assertEquals((await terminal.run(["topics", "create"])).stdout, listed("created"));
  // What is there stays as it is, whatever is asked for now.
  assertEquals((await terminal.run(["topics", "create", "--partitions", "7"])).stdout, listed("exists already"));
  const lines: { topic: string }[] = JSON.parse((await terminal.run(["topics", "--json"])).stdout);
  assertEquals(lines.length, 2 * expected.length);
});
