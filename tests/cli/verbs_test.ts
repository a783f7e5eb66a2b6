// Every verb of the command line alike: help, JSON, pipes, narrow terminals, typing errors, exit codes.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import stringWidth from "string-width";
import { FRESHET } from "../support/shipped.ts";
import { Terminal } from "./terminal.ts";

/** A call that answers something, and what `--json` prints of it. `lines`: an object a line; `log`: the same on standard error. */
interface Call {
  readonly args: readonly string[];
  readonly json: "object" | "array" | "lines" | "log";
  readonly stdin?: string;
  readonly code?: number;
  /** Its text is a table that fits the terminal. */
  readonly fits?: boolean;
}

const RIDE = '{"timestamp": "half past nine", "user_id": "u", "event_type": "ride_requested"}\n';

/** In this order: some need what others have made. `{dir}` is the folder of the test. */
const CALLS: readonly Call[] = [
  { args: ["migrate"], json: "array" },
  { args: ["simulate", "trains", "--count", "200"], json: "object" },
  { args: ["produce", "ride_events"], json: "object", stdin: RIDE },
  { args: ["run", "trains", "rides", "--until-end"], json: "log" },
  { args: ["status"], json: "object", fits: true },
  { args: ["tables"], json: "array", fits: true },
  { args: ["tables", "ats_alerts"], json: "array", fits: true },
  {
    args: ["query", "SELECT TRAIN_ID, LINE, RECORD_CONTENT FROM ATS_TRANSFORMED, ATS_RAW_JSON LIMIT 3"],
    json: "array",
    fits: true,
  },
  { args: ["query"], json: "array", stdin: "SELECT COUNT(*) AS N FROM ATS_RAW_JSON;" },
  { args: ["topics"], json: "array", fits: true },
  { args: ["topics", "create"], json: "array" },
  { args: ["tail", "ats_telemetry"], json: "lines", fits: true },
  { args: ["dead-letters"], json: "array", fits: true },
  { args: ["dead-letters", "--republish", "--yes"], json: "array" },
  { args: ["doctor", "trains"], json: "array" },
  { args: ["replay", "trains", "--yes"], json: "object" },
  { args: ["lint", "rides", "--count", "100"], json: "object" },
  { args: ["config"], json: "array", fits: true },
  { args: ["sql", "setup", "user"], json: "object" },
  { args: ["sql", "reset", "trains"], json: "object" },
  { args: ["keygen", "{dir}/key.p8"], json: "object" },
  { args: ["cost", "--rate", "10"], json: "object", fits: true },
  { args: ["completion", "bash"], json: "object" },
  { args: ["log", "check"], json: "object" },
  { args: ["log", "repair"], json: "object" },
  { args: ["skip", "ats_telemetry", "0", "0", "1"], json: "object", code: 1 },
  { args: ["health"], json: "object", code: 1 },
  { args: ["new", "9"], json: "object", code: 2 },
];

/** Verbs as the program itself lists them. */
async function verbsOf(terminal: Terminal): Promise<readonly string[]> {
  const { stdout } = await terminal.run(["--help"]);
  return [...stdout.matchAll(/^ {2}([a-z-]+)(?: |$)/gm)].map(([, verb]) => verb!).filter((verb) => verb !== "help");
}

Deno.test("help lists the verbs by groups, and each is in the table of this test", async () => {
  await using terminal = await Terminal.open();
  const { stdout } = await terminal.run(["--help"]);
  for (const group of ["Run:", "Look:", "Check and mend:", "Set up:", "Write domains:"]) {
    assertStringIncludes(stdout, `\n${group}\n`);
  }
  assertEquals([...new Set(CALLS.map(({ args }) => args[0]!))].toSorted(), (await verbsOf(terminal)).toSorted());
});

Deno.test("every verb has help with --json, and says what was meant by an option that is mistyped", async () => {
  await using terminal = await Terminal.open();
  for (const verb of await verbsOf(terminal)) {
    const words = verb === "sql" ? ["sql", "setup"] : verb === "log" ? ["log", "check"] : [verb];
    const help = await terminal.run([...words, "--help"]);
    assertEquals([help.code, help.stderr], [0, ""], verb);
    assertStringIncludes(help.stdout, `Usage: freshet ${words.join(" ")}`);
    assertStringIncludes(help.stdout, "--json", verb);
    const typo = await terminal.run([...words, "--jsno"]);
    assertEquals([typo.code, typo.stdout], [2, ""], verb);
    assertMatch(typo.stderr, /^freshet: unknown option '--jsno'\n\(Did you mean --json\?\)\n/, verb);
    assertStringIncludes(typo.stderr, `"freshet ${words.join(" ")} --help" says what it takes`, verb);
  }
  const typo = await terminal.run(["staus"]);
  assertEquals([typo.code, typo.stdout], [2, ""]);
  assertStringIncludes(typo.stderr, "(Did you mean status?)");
  assertStringIncludes((await terminal.run(["nothing"])).stderr, '"freshet --help" lists the verbs');
});

Deno.test("help breaks its lines only where the terminal ends", async () => {
  await using terminal = await Terminal.open();
  for (const verb of await verbsOf(terminal)) {
    const { stdout } = await terminal.run([verb, "--help"], { columns: 10_000 });
    assertMatch(stdout, /^Usage: .*\n\n.+\n\n/, verb);
    const commands = /\nCommands:\n([^]*?)(?:\n\n|$)/.exec(stdout)?.[1]?.trimEnd().split("\n") ?? [];
    for (const line of commands) assertMatch(line, /^ {2}[a-z]/, verb);
  }
});

Deno.test("a query at a terminal that cuts what it shows says how to see all of it", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["migrate"]);
  const ask = async (sql: string, columns?: number) => (await terminal.run(["query", sql], { columns })).stdout;
  const long = `SELECT '${"x".repeat(100)}' AS LONG`;
  assertStringIncludes(await ask(long, 80), "1 row, cut to fit: --vertical shows all");
  assertMatch(await ask(long, 120), /\n1 row\n$/);
  assert(!(await ask(long)).includes("--vertical"), "in a pipe nothing is cut");
});

// deno-lint-ignore no-control-regex
const ESCAPE = /\x1b/;

Deno.test("every verb ends with its exit code, has no colors in a pipe, fits its terminal, and prints JSON in one way", async () => {
  await using terminal = await Terminal.open();
  for (const { args: words, json, stdin, code = 0, fits } of CALLS) {
    const args = words.map((word) => word.replace("{dir}", terminal.dataDir));
    const called = args.join(" ");
    const piped = await terminal.run(args, { stdin, env: { FRESHET_LOG_FORMAT: "text" } });
    assertEquals(piped.code, code, `${called}: ${piped.stderr}`);
    assert(!ESCAPE.test(piped.stdout + piped.stderr), called);
    if (code !== 0) {
      assertEquals(piped.stdout, "", called);
      assertMatch(piped.stderr, /^freshet: .+\n$/, called);
      continue;
    }
    if (fits) {
      for (const columns of [72, 80]) {
        const { stdout } = await terminal.run(args, { stdin, columns, env: { NO_COLOR: "1" } });
        assert(!ESCAPE.test(stdout), called);
        for (const line of stdout.split("\n")) assert(stringWidth(line) <= columns, `${called}: ${line}`);
      }
    }
    const fresh = args.map((word) => word.replace("key.p8", "key2.p8"));
    const { stdout, stderr } = await terminal.run([...fresh, "--json"], { stdin });
    if (json === "object") assertEquals(Array.isArray(JSON.parse(stdout)), false, called);
    else if (json === "array") assert(Array.isArray(JSON.parse(stdout)), called);
    else for (const line of (json === "log" ? stderr : stdout).trim().split("\n")) JSON.parse(line);
    assert(json === "log" || stdout.endsWith("\n"), called);
  }
});

Deno.test("a reader that goes away ends no verb with an error", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["simulate", "trains", "--count", "2000", "--load"]);
  const calls = [["config"], ["tables"], ["topics"], ["status"], ["query", "SELECT * FROM ATS_RAW_JSON LIMIT 900"], [
    "tail",
    "ats_telemetry",
    "--from",
    "0",
  ]];
  for (const args of calls) {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, ...args],
      env: { FRESHET_DATA_DIR: terminal.dataDir, FRESHET_TOPIC_PARTITIONS: "2" },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    await child.stdout.cancel();
    const stderr = await new Response(child.stderr).text();
    assertEquals([(await child.status).code, stderr], [0, ""], args.join(" "));
  }
});
