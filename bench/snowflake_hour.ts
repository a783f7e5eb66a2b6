// What an hour at the default settings sends to Snowflake, and what of it keeps the warehouse awake: five domains without records,
// at 1 record a second each, and at 1,000 a second together, raw rows by SQL and by Snowpipe Streaming. The real program on the
// embedded log against the double, for a share of an hour (BENCH_MINUTES); what is counted is shown as an hour's.
//   BENCH_MINUTES: how long each is counted; BENCH_RATES: records a second of a domain; BENCH_WAYS: sql, streaming or both

import { domainModules } from "../src/domains/mod.ts";
import { AUTO_SUSPEND_SECONDS } from "../src/warehouse/snowflake/cost.ts";
import type { LoggedRequest, LoggedStatement } from "../tests/support/snowflake/log.ts";
import type { LoggedStreaming } from "../tests/support/snowflake/mod.ts";
import { whyNoSnowflake } from "../tests/support/snowflake/python.ts";
import { Double } from "./double.ts";
import { print, type Row } from "./report.ts";

const MINUTES = Number(Deno.env.get("BENCH_MINUTES") ?? 6);
const RATES = (Deno.env.get("BENCH_RATES") ?? "0 1 200").split(" ").map(Number);
const WAYS = (Deno.env.get("BENCH_WAYS") ?? "sql streaming").split(" ") as ("sql" | "streaming")[];
/** As Snowflake's are, and about what they take. */
const STATEMENT_MS = 300;
/** Statements that no warehouse works on: cloud services answer them. */
const NO_WAREHOUSE = /^\s*(ALTER SESSION|USE|SHOW|BEGIN|COMMIT|ROLLBACK|SELECT (CURRENT_|SYSTEM\$))/i;
/** Of a warehouse of the first generation, X-Small, an hour. */
const CREDITS_AN_HOUR = 1;

/** A verb of the program on the folder, with settings of the double. */
function start(dir: string, settings: Readonly<Record<string, string>>, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "main.ts", ...args],
    env: {
      ...settings,
      FRESHET_DATA_DIR: dir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_LOG_LEVEL: "error",
    },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** Seconds for which a warehouse is billed that works on the statements, and how often it resumes for them, from `from` to `to`. */
function awake(statements: readonly LoggedStatement[], from: number, to: number) {
  let [until, seconds, resumes] = [-Infinity, 0, 0];
  for (const { at, ms } of statements.toSorted((a, b) => a.at - b.at)) {
    const [begin, end] = [Math.max(from, at), Math.min(to, at + ms + STATEMENT_MS + AUTO_SUSPEND_SECONDS * 1000)];
    if (end <= begin) continue;
    if (at > from && begin > until) resumes++;
    seconds += Math.max(0, end - Math.max(begin, until)) / 1000;
    until = Math.max(until, end);
  }
  return { seconds, resumes };
}

const CLAIM = /^MERGE INTO (FRESHET_OFFSETS_\w+)/;
const MOVE = /^UPDATE (FRESHET_OFFSETS_\w+) SET NEXT_OFFSET/;
/** After the last domain's first statement of a kind, until all is as it goes on. */
const SETTLED_MS = 15_000;

/** Resolves when each domain has sent such a statement. */
async function untilUp(double: Double, statement: RegExp): Promise<void> {
  for (;;) {
    const sent = await double.ask<LoggedStatement[]>("statements");
    const tables = new Set(sent.map(({ sql }) => statement.exec(sql)?.[1]).filter((table) => table !== undefined));
    if (tables.size === domainModules.length) break;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
}

async function count(way: typeof WAYS[number], rate: number): Promise<Row> {
  const dir = await Deno.makeTempDir();
  const children: Deno.ChildProcess[] = [];
  await using double = await Double.start();
  try {
    const settings = { ...double.settings(await double.schema()), ...double.waySettings(way) };
    await double.ask("streaming", { commitMs: 5_000 });
    await start(dir, settings, ["migrate"]).status;
    await double.ask("latency", { ms: STATEMENT_MS });
    children.push(start(dir, settings, ["run", "--no-simulate"]));
    if (rate > 0) {
      for (const { name } of domainModules) {
        children.push(start(dir, settings, ["simulate", name, "--rate", String(rate)]));
      }
    }
    await untilUp(double, rate > 0 ? MOVE : CLAIM);
    const before = (await double.ask<LoggedStreaming[]>("streaming-requests")).length;
    const from = Date.now();
    await new Promise((resolve) => setTimeout(resolve, MINUTES * 60_000));
    const to = Date.now();
    const statements = await double.ask<LoggedStatement[]>("statements");
    const requests = (await double.ask<LoggedRequest[]>("requests")).filter(({ at }) => at >= from);
    const streamed = (await double.ask<LoggedStreaming[]>("streaming-requests")).slice(before);
    return rowOf({ way, rate, from, to, statements, requests, streamed });
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.status));
    await Deno.remove(dir, { recursive: true });
  }
}

interface Counted {
  readonly way: string;
  readonly rate: number;
  readonly from: number;
  readonly to: number;
  readonly statements: readonly LoggedStatement[];
  readonly requests: readonly LoggedRequest[];
  readonly streamed: readonly LoggedStreaming[];
}

function rowOf({ way, rate, from, to, statements, requests, streamed }: Counted): Row {
  const anHour = (counted: number) => Math.round(counted * 3_600_000 / (to - from)).toLocaleString("en");
  const { seconds, resumes } = awake(statements.filter(({ sql }) => !NO_WAREHOUSE.test(sql)), from, to);
  const credits = seconds / ((to - from) / 1000) * CREDITS_AN_HOUR;
  const counted = statements.filter(({ at }) => at >= from);
  const moves = counted.filter(({ sql }) => MOVE.test(sql)).length;
  return {
    what: `${rate === 0 ? "no records" : `${rate} records a second in each of five domains`}, ${way}`,
    figure: `${anHour(moves)} checkpoints, ${anHour(counted.length)} statements, ${anHour(requests.length)} requests ` +
      `to the warehouse and ${anHour(streamed.length)} to Snowpipe Streaming an hour; awake ${
        Math.round(seconds / ((to - from) / 1000) * 100)
      } % of the time, ${resumes} resumes in ${MINUTES} min, ${credits.toFixed(2)} credits an hour`,
  };
}

const skip = await whyNoSnowflake();
if (skip !== undefined) {
  console.log(`Without the Snowflake double: ${skip}`);
  Deno.exit(0);
}
const rows: Row[] = [];
for (const way of WAYS) {
  for (const rate of RATES) {
    const row = await count(way, rate);
    console.log(`${row.what}: ${row.figure}`);
    rows.push(row);
  }
}
print(`Snowflake: what an hour at the default settings sends, counted for ${MINUTES} minutes each`, rows);
