// The verbs that look: tail, tables, query from a file, from standard input and in its shell, lint, completion.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { framed } from "../../src/log/wire_format.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { productionParts } from "../../src/wiring.ts";
import type { Config } from "../../src/config/mod.ts";
import { Terminal } from "./terminal.ts";

const AT = Date.parse("2026-11-19T10:00:00Z");

async function withRecords(records: readonly NewRecord[]): Promise<Terminal> {
  const terminal = await Terminal.open();
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  await log.createTopics([{ topic: "events", partitions: 2 }]);
  if (records.length > 0) await log.produce("events", records);
  return terminal;
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i % 3}`, value: `{"n":${i}}`, timestamp: AT + i * 1000 }));

const valuesOf = (stdout: string) =>
  stdout.trim().split("\n").map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);

Deno.test("tail prints the last records of all partitions in the order of their times", async () => {
  await using terminal = await withRecords(numbered(40));
  const { code, stdout } = await terminal.run(["tail", "events", "-n", "4"]);
  assertEquals(code, 0);
  assertEquals(stdout.trim().split("\n").map((line) => line.replace(/^\d:\d+ {2}/, "")), [
    '2026-11-19T10:00:36.000Z  k0  {"n":36}',
    '2026-11-19T10:00:37.000Z  k1  {"n":37}',
    '2026-11-19T10:00:38.000Z  k2  {"n":38}',
    '2026-11-19T10:00:39.000Z  k0  {"n":39}',
  ]);
});

Deno.test("tail from an offset on, of one partition or one key", async () => {
  await using terminal = await withRecords(numbered(40));
  const all = valuesOf((await terminal.run(["tail", "events", "--from", "0", "--json"])).stdout);
  assertEquals(all.length, 40);
  const mine = valuesOf((await terminal.run(["tail", "events", "--from", "0", "--key", "k1", "--json"])).stdout);
  assertEquals(mine.map(({ value }) => value), Array.from({ length: 13 }, (_, i) => ({ n: 3 * i + 1 })));
  const partition = Number(mine[0]!.partition);
  const there = all.filter((each) => each.partition === partition);
  const rest = valuesOf(
    (await terminal.run(["tail", "events", "--from", "5", "--partition", `${partition}`, "--json"])).stdout,
  );
  assertEquals(rest, there.slice(5));
  const beyond = await terminal.run(["tail", "events", "--partition", "2"]);
  assertEquals([beyond.code, beyond.stderr], [2, 'freshet: "events" has no partition 2: its last is 1\n']);
});

Deno.test("tail decodes a registry's frame, shows what is no JSON as it is, and moves no cursor", async () => {
  await using terminal = await withRecords([
    { key: "a", value: framed(7, '{"n":1}'), timestamp: AT, headers: { source: "test" } },
    { key: null, value: "no \x1b[2J JSON", timestamp: AT + 1 },
    { key: "c", value: null, timestamp: AT + 2 },
    { key: "d", value: Uint8Array.of(0xff, 0xfe), timestamp: AT + 3 },
  ]);
  const found = valuesOf((await terminal.run(["tail", "events", "--json"])).stdout);
  assertEquals(found.map(({ key, value, schema, headers }) => [key, value, schema, headers]), [
    ["a", { n: 1 }, 7, { source: "test" }],
    [null, "no \x1b[2J JSON", undefined, {}],
    ["c", null, undefined, {}],
    ["d", "//4=", undefined, {}],
  ]);
  const { stdout } = await terminal.run(["tail", "events"]);
  assertStringIncludes(stdout, "-  no \\u001b[2J JSON\n");
  assertStringIncludes(stdout, "c  (no value)\n");
});

Deno.test("tail follows what comes until it is stopped, and then ends well", async () => {
  await using terminal = await withRecords(numbered(2));
  const stop = new AbortController();
  const ended = terminal.run(["tail", "events", "-n", "1", "--follow", "--json"], { signal: stop.signal });
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  // It may begin before or after these are there: either way the last of all is printed.
  await log.produce("events", [{ key: "new", value: '{"n":99}' }]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  stop.abort();
  const { code, stdout } = await ended;
  assertEquals([code, valuesOf(stdout).at(-1)!.value], [0, { n: 99 }]);
});

Deno.test("tail of an unknown topic says what is meant, and an empty topic prints nothing", async () => {
  await using terminal = await withRecords([]);
  const typo = await terminal.run(["tail", "evnts"]);
  assertEquals([typo.code, typo.stderr], [2, 'freshet: There is no topic "evnts", did you mean "events"?\n']);
  assertEquals((await terminal.run(["tail", "events"])).stdout, "");
});

Deno.test("tables says what each is and how many rows it has, and what the columns of one mean", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["simulate", "trains", "--count", "300", "--load"]);
  const tables = JSON.parse((await terminal.run(["tables", "--json"])).stdout) as readonly Record<string, unknown>[];
  const of = (name: string) => tables.find((table) => table.name === name)!;
  assertEquals([of("ATS_RAW_JSON").rows, of("ATS_RAW_JSON").kind, of("ATS_RAW_JSON").domain], [300, "table", "trains"]);
  assertEquals([of("ATS_HOURLY_STATS").kind, of("DEAD_LETTERS").domain], ["view", null]);
  assertEquals(of("STOCK_LEVELS").rows, null, "of a domain that has not been here");
  assert(tables.every(({ meaning }) => meaning !== ""), "each has a comment");
  const columns = JSON.parse((await terminal.run(["tables", "ats_alerts", "--json"])).stdout);
  assertEquals(columns[0], { name: "ALERT_ID", type: "VARCHAR", meaning: "" });
  const view = (await terminal.run(["tables", "ats_hourly_stats"])).stdout;
  assertMatch(
    view,
    /^ATS_HOURLY_STATS: Statistics of each train and UTC hour.*\n\nNAME +TYPE\n/,
    "no column says more",
  );
  const typo = await terminal.run(["tables", "ATS_ALERT"]);
  assertEquals([typo.code, typo.stderr], [2, 'freshet: There is no table "ATS_ALERT", did you mean "ATS_ALERTS"?\n']);
});

Deno.test("query takes its statements from a file or from standard input, one after the other", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["migrate"]);
  const path = `${terminal.dataDir}/two.sql`;
  await Deno.writeTextFile(path, "-- the first\nSELECT 1 AS A;\nSELECT ';' AS B;\n");
  for (const [args, stdin] of [[["query", "-f", path]], [["query"], "SELECT 1 AS A; SELECT ';' AS B"]] as const) {
    const { code, stdout } = await terminal.run(args, { stdin });
    assertEquals([code, stdout], [0, "A\n─\n1\n\nB\n─\n;\n"]);
  }
  const many = await terminal.run(["query", "-f", path, "--json"]);
  assertEquals([many.code, many.stderr], [2, "freshet: --json and --csv are for one statement: there are 2\n"]);
  const none = await terminal.run(["query"], { stdin: "-- nothing\n" });
  assertEquals(none.code, 2);
  assertStringIncludes(none.stderr, "There is no statement");
});

Deno.test("query at a terminal is a small shell that goes on after a mistake", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["migrate"]);
  const lines = [
    "tables",
    "select 1 as a,",
    "  ';' as b;",
    "selct 1;",
    "vertical",
    "select 2 as c;",
    "describe ats_alerts",
    "exit",
    "",
  ];
  const { code, stdout, stderr } = await terminal.run(["query"], { stdin: lines.join("\n"), secrets: [] });
  assertEquals(code, 0);
  assertStringIncludes(stdout, "ATS_ALERTS\n");
  assertStringIncludes(stdout, "a  b\n────\n1  ;\n");
  assertStringIncludes(stdout, "c  2\n");
  assertStringIncludes(stdout, "NAME  ALERT_ID\n");
  assertStringIncludes(stderr, "selct");
  assertEquals(
    stderr.split("freshet> ").length - 1,
    lines.length - 2,
    "a prompt for each statement, none after the end",
  );
});

Deno.test("lint says that windows in parts lack the view that merges them", async () => {
  await using terminal = await Terminal.open();
  const domains = (config: Config) =>
    productionParts.domains(config).map((domain) => (
      { ...domain, sql: domain.sql.replaceAll(/VIEW ACTIONS_PER_MINUTE\b/g, "VIEW ACTIONS_BY_MINUTE") }
    ));
  const { code, stdout } = await terminal.run(["lint", "actions"], { parts: { ...productionParts, domains } });
  assertEquals(code, 1);
  assertStringIncludes(stdout, "not ok       actions  the SQL has what the pipeline writes");
  assertStringIncludes(stdout, "windows in a table <NAME>_PARTS need a view <NAME>");
});

Deno.test("lint works records of a file off, shows their rows, and says which could not be used", async () => {
  await using terminal = await Terminal.open();
  const path = `${terminal.dataDir}/actions.ndjson`;
  const action = { user_id: "u1", action: "click", page: "/p", timestamp: "2026-11-19T10:00:00Z" };
  await Deno.writeTextFile(path, `${JSON.stringify(action)}\n${JSON.stringify({ ...action, user_id: "u2" })}\n`);
  const good = await terminal.run(["lint", "actions", "--file", path]);
  assertEquals([good.code, good.stderr], [0, ""], good.stdout);
  for (const part of ["USER_ACTIONS: 2 rows", "USER_SESSIONS: 2 rows", "the pipeline takes 2 records"]) {
    assertStringIncludes(good.stdout, part);
  }
  await Deno.writeTextFile(path, `${JSON.stringify(action)}\n{"user_id": "u3"}\n`);
  const bad = await terminal.run(["lint", "actions", "--file", path, "--json"]);
  assertEquals([bad.code, bad.stderr], [
    1,
    `freshet: 1 of ${JSON.parse(bad.stdout).findings.length} checks found something that is not right\n`,
  ]);
  const [{ detail }] = JSON.parse(bad.stdout).findings.filter(({ result }: { readonly result: string }) =>
    result === "not ok"
  );
  assertMatch(detail, /^1 record: validate missing_field, /);
  assertEquals(
    [...Deno.readDirSync(terminal.dataDir)].map(({ name }) => name),
    ["actions.ndjson"],
    "nothing else is touched",
  );
});

Deno.test({
  name: "bash completes verbs, options and domains by the script",
  ignore: !await new Deno.Command("bash", { args: ["--version"], stdout: "null" }).output().then(
    () => true,
    () => false,
  ),
  async fn() {
    await using terminal = await Terminal.open();
    const { stdout: script } = await terminal.run(["completion", "bash"]);
    const complete = async (...words: readonly string[]) => {
      const typed = words.map((word) => `'${word}'`).join(" ");
      const command =
        `${script}\nCOMP_WORDS=(freshet ${typed}); COMP_CWORD=${words.length}; _freshet; echo "\${COMPREPLY[@]}"`;
      const { stdout } = await new Deno.Command("bash", { args: ["-c", command] }).output();
      return new TextDecoder().decode(stdout).trim().split(" ");
    };
    assertEquals(await complete("do"), ["doctor"]);
    assertEquals(await complete("run", "w"), ["wine"]);
    assertEquals(await complete("topics", "create", "--p"), ["--partitions"]);
    assertEquals(await complete("tail", "us"), ["user_activity"]);
  },
});
