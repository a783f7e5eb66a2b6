// What a checkpoint costs on Snowflake: statements, bytes, round trips and rows a second through the official driver, against
// the test double in a process of its own, with and without latency. From the embedded log, all tables of trains.

import { openEmbeddedLog } from "../src/log/embedded.ts";
import type { Log } from "../src/log/log.ts";
import { openSnowflake } from "../src/warehouse/snowflake.ts";
import { SNOWFLAKE } from "../src/warehouse/snowflake/traits.ts";
import type { Warehouse } from "../src/warehouse/warehouse.ts";
import freshetSql from "../sql/freshet.sql" with { type: "text" };
import type { LoggedRequest, LoggedStatement } from "../tests/support/snowflake/log.ts";
import { quietDriver } from "../tests/support/snowflake/driver.ts";
import { whyNoSnowflake } from "../tests/support/snowflake/python.ts";
import { fill, run, trainsOn } from "./pipeline.ts";
import { print, type Row, timed } from "./report.ts";

const SIZES = [1_000, 10_000, 20_000, 100_000];
const LATENCIES_MS = [0, 100];
/** Records of the run under backlog. */
const BACKLOG = 300_000;

/** The double as a process of its own: it takes a processor as Snowflake would not, but none of this one's turns. */
class Double implements AsyncDisposable {
  #schemas = 0;

  private constructor(private readonly child: Deno.ChildProcess, private readonly told: Record<string, string>) {}

  static async start(): Promise<Double> {
    const serve = new URL("../tests/support/snowflake/serve.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", serve],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("The double did not start");
      said += value;
    }
    return new Double(child, JSON.parse(said));
  }

  async ask<T>(path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.told.accessUrl}/double/${path}`, {
      method: "POST",
      body: body === undefined ? null : JSON.stringify(body),
    });
    return await response.json();
  }

  /** An empty schema with the tables of trains. */
  async warehouse(sql: string): Promise<Warehouse> {
    const { account, accessUrl, user, password, role, warehouse, database } = this.told as Record<string, string>;
    const schema = `BENCH_${++this.#schemas}`;
    await this.ask("sql", { statement: `CREATE SCHEMA ${schema}` });
    const opened = await openSnowflake({
      account: account!,
      accessUrl,
      user: user!,
      credentials: { kind: "password", password: password! },
      role,
      warehouse,
      database: database!,
      schema,
    });
    await opened.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: sql }]);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.stdout.cancel().catch(() => {});
    await this.child.status;
  }
}

interface Measured {
  readonly ms: number;
  readonly checkpoints: number;
  readonly statements: readonly LoggedStatement[];
  readonly requests: number;
}

async function measure(double: Double, log: Log, topic: string, options: {
  readonly latencyMs: number;
  readonly checkpointRows: number;
  readonly checkpointMs: number;
  readonly checkpointBacklogRows?: number;
}): Promise<Measured> {
  const domain = trainsOn(topic);
  await using warehouse = await double.warehouse(domain.sql);
  await double.ask("clear");
  await double.ask("latency", { ms: options.latencyMs });
  let checkpoints = 0;
  const observer = { checkpoint: () => void checkpoints++ };
  const ms = await timed(() => run({ ...options, domain, log, warehouse, observer }));
  await double.ask("latency", { ms: 0 });
  const statements = await double.ask<LoggedStatement[]>("statements");
  const requests = await double.ask<LoggedRequest[]>("requests");
  return { ms, checkpoints, statements, requests: requests.length };
}

/** The statements of checkpoints: from each BEGIN whose transaction moved offsets to what asks whether it is there. */
function ofCheckpoints(statements: readonly LoggedStatement[]): readonly (readonly LoggedStatement[])[] {
  const units: LoggedStatement[][] = [];
  for (const statement of statements) {
    if (statement.sql.startsWith("BEGIN")) units.push([]);
    units.at(-1)?.push(statement);
  }
  return units.filter((unit) => unit.some(({ sql }) => sql.startsWith("UPDATE FRESHET_OFFSETS")));
}

const skip = await whyNoSnowflake();
if (skip !== undefined) {
  console.log(`Without the Snowflake double: ${skip}`);
  Deno.exit(0);
}
quietDriver();
const dir = await Deno.makeTempDir();
const rows: Row[] = [];
try {
  await using double = await Double.start();
  await using log = await openEmbeddedLog({ dataDir: dir });
  for (const size of SIZES) await fill(log, `trains_${size}`, 4, size);
  await fill(log, "trains_backlog", 4, BACKLOG);
  // Once to warm up both sides.
  await measure(double, log, "trains_1000", { latencyMs: 0, checkpointRows: 1000, checkpointMs: 1e9 });
  for (const size of SIZES) {
    for (const latencyMs of LATENCIES_MS) {
      const options = { latencyMs, checkpointRows: size, checkpointMs: 1e9 };
      const { statements } = await measure(double, log, `trains_${size}`, options);
      for (const unit of ofCheckpoints(statements)) {
        const bytes = unit.reduce((sum, { textBytes, bindBytes }) => sum + textBytes + bindBytes, 0);
        const [first, last] = [unit[0]!, unit.at(-1)!];
        const ms = last.at + last.ms - first.at + latencyMs;
        const inserts = unit.filter(({ sql }) => sql.startsWith("INSERT")).length;
        rows.push({
          what: `${size.toLocaleString("en")} rows, ${latencyMs} ms`,
          figure: `${unit.length} statements (${inserts} of rows), ${(bytes / 1e6).toFixed(1)} MB, ` +
            `${new Set(unit.map(({ requestId }) => requestId)).size} round trips, ${
              Math.round(size / ms * 1000)
            } rows/s`,
          target: size <= 20_000 ? "12 statements" : "1 more per chunk",
        });
      }
    }
  }
  for (const latencyMs of LATENCIES_MS) {
    const { rows: checkpointRows, ms: checkpointMs, backlogRows: checkpointBacklogRows } = SNOWFLAKE.checkpoints;
    const options = { checkpointRows, checkpointMs, checkpointBacklogRows, latencyMs };
    const { ms, checkpoints, statements } = await measure(double, log, "trains_backlog", options);
    rows.push({
      what: `${BACKLOG.toLocaleString("en")} rows behind, ${latencyMs} ms`,
      figure: `${Math.round(BACKLOG / ms * 1000).toLocaleString("en")} rows/s, ${checkpoints} checkpoints, ` +
        `${statements.length} statements`,
      target: "10 k rows/s",
    });
  }
} finally {
  await Deno.remove(dir, { recursive: true });
}
print("Snowflake: checkpoints of trains against the double", rows);
