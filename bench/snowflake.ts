// What a checkpoint costs on Snowflake: statements, bytes, round trips and rows a second through the official driver, against
// the test double in a process of its own, with and without latency. From the embedded log, all tables of trains.

import { openEmbeddedLog } from "../src/log/embedded.ts";
import type { Log } from "../src/log/log.ts";
import { SNOWFLAKE } from "../src/warehouse/snowflake/traits.ts";
import freshetSql from "../sql/freshet.sql" with { type: "text" };
import type { LoggedRequest, LoggedStatement } from "../tests/support/snowflake/log.ts";
import { quietDriver } from "../tests/support/snowflake/driver.ts";
import { whyNoSnowflake } from "../tests/support/snowflake/python.ts";
import { Double } from "./double.ts";
import { fill, run, trainsOn } from "./pipeline.ts";
import { print, type Row, timed } from "./report.ts";

const SIZES = [1_000, 10_000, 20_000, 100_000];
const LATENCIES_MS = [0, 100];
/** Records of the run under backlog. */
const BACKLOG = 300_000;

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
  await using warehouse = await double.open(await double.schema());
  await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: domain.sql }]);
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
  return units.filter((unit) => unit.some(({ sql }) => /^UPDATE FRESHET_OFFSETS_\w+ SET NEXT_OFFSET/.test(sql)));
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
        const sent = unit.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
        const [first, last] = [unit[0]!, unit.at(-1)!];
        const ms = last.at + last.ms - first.at + latencyMs;
        const inserts = unit.filter(({ sql }) => sql.startsWith("INSERT")).length;
        rows.push({
          what: `${size.toLocaleString("en")} rows, ${latencyMs} ms`,
          figure: `${unit.length} statements (${inserts} of rows), ${(bytes / 1e6).toFixed(1)} MB, ` +
            `${(sent / 1e6).toFixed(2)} MB as sent (${Math.round(sent / size)} bytes a record), ` +
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
