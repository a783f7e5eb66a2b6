// Raw rows by Snowpipe Streaming, against the double with 100 ms a request and 5 s until rows are stored: how many rows a second
// one process sends, how old a row is when it can be queried, and how many bytes a row takes on the way. The double counts rows
// and does not insert them, which would take more than the process that is measured.

import process from "node:process";
import freshetSql from "../sql/freshet.sql" with { type: "text" };
import trainsSql from "../sql/trains.sql" with { type: "text" };
import type { RawRow, Writer } from "../src/warehouse/warehouse.ts";
import { quietDriver } from "../tests/support/snowflake/driver.ts";
import { whyNoSnowflake } from "../tests/support/snowflake/python.ts";
import type { LoggedStreaming } from "../tests/support/snowflake/mod.ts";
import { MetadataWriter } from "../src/engine/metadata.ts";
import { Double } from "./double.ts";
import { logRecords } from "./records.ts";
import { print, type Row } from "./report.ts";

const LATENCY_MS = 100;
const COMMIT_MS = 5_000;
const PARTITIONS = 6;
const MEASURED_MS = Number(Deno.env.get("BENCH_MS") ?? 30_000);
const TOPIC = "ats_telemetry";
const RAW = { table: "ATS_RAW_JSON", metadata: "RECORD_METADATA" };
/** Rows handed over at a time, as of one batch of the log. */
const BATCH = 1_000;

interface Stores {
  readonly storedRows: number;
  readonly stores: readonly { readonly at: number; readonly channel: string; readonly last: number }[];
}

/** Rows as the engine makes them. */
function rowsOf(partition: number, first: number, count: number): RawRow[] {
  const metadata = new MetadataWriter({ topic: TOPIC, partition });
  return logRecords(first, count).map((record) => ({
    offset: record.offset,
    value: { RECORD_METADATA: metadata.write(record, undefined, Date.now()), RECORD_CONTENT: record.value },
  }));
}

async function writerOn(double: Double, stack: AsyncDisposableStack): Promise<Writer> {
  const schema = await double.schema();
  const warehouse = stack.use(await double.open(schema, "streaming"));
  await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: trainsSql }]);
  const writer = stack.use(await warehouse.writer("trains", RAW));
  await writer.claim(TOPIC, Array.from({ length: PARTITIONS }, (_, partition) => partition));
  return writer;
}

/** As fast as it goes. */
async function throughput(double: Double): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const writer = await writerOn(double, stack);
  // Making rows is not what is measured: the same are sent again, with other offsets.
  const made = Array.from({ length: PARTITIONS }, (_, partition) => rowsOf(partition, 0, BATCH));
  const next = new Array<number>(PARTITIONS).fill(0);
  const start = performance.now();
  const before = await double.ask<Stores>("streaming");
  const [cpu, memory] = [process.cpuUsage(), Deno.memoryUsage().rss];
  while (performance.now() - start < MEASURED_MS) {
    for (const [partition, rows] of made.entries()) {
      const from = next[partition]!;
      next[partition] = from + BATCH;
      await writer.raw!.append(TOPIC, partition, rows.map(({ value }, i) => ({ offset: from + i, value })));
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
  const sent = next.reduce((sum, rows) => sum + rows, 0);
  const tookMs = performance.now() - start;
  const used = process.cpuUsage(cpu);
  for (;;) {
    const { storedRows } = await double.ask<Stores>("streaming");
    if (storedRows - before.storedRows >= sent) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const storedMs = performance.now() - start - COMMIT_MS;
  const appends = (await double.ask<LoggedStreaming[]>("streaming-requests")).filter(({ kind, status }) =>
    kind === "append" && status === 200
  );
  const [bytes, rows] = [appends.reduce((sum, it) => sum + it.bytes, 0), appends.reduce((sum, it) => sum + it.rows, 0)];
  return [
    {
      what: "raw rows a second, one process",
      figure: `${Math.round(sent / Math.max(tookMs, storedMs) * 1000)} rows/s`,
      cpu: `${((used.user + used.system) / sent).toFixed(2)} µs`,
      target: "40,000",
    },
    {
      what: "bytes a row, as sent",
      figure: `${(bytes / rows).toFixed(0)} bytes, ${(rows / appends.length).toFixed(0)} rows a request`,
    },
    { what: "memory meanwhile", figure: `${((Deno.memoryUsage().rss - memory) / 1e6).toFixed(0)} MB more` },
  ];
}

/** At 1,000 rows a second: from the event until its row can be queried. */
async function freshness(double: Double): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const writer = await writerOn(double, stack);
  const from = (await double.ask<Stores>("streaming")).stores.length;
  const happened: { readonly partition: number; readonly offset: number; readonly at: number }[] = [];
  const start = Date.now();
  for (let tick = 0; Date.now() - start < MEASURED_MS; tick++) {
    const partition = tick % PARTITIONS;
    const first = Math.floor(tick / PARTITIONS) * 20;
    const rows = rowsOf(partition, first, 20);
    for (const { offset } of rows) happened.push({ partition, offset, at: Date.now() });
    await writer.raw!.append(TOPIC, partition, rows);
    const due = start + (tick + 1) * 20;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
  }
  await new Promise((resolve) => setTimeout(resolve, COMMIT_MS + 2_000));
  const { stores } = await double.ask<Stores>("streaming");
  const mine = stores.slice(from);
  const ages = happened.flatMap(({ partition, offset, at }) => {
    const stored = mine.find(({ channel, last }) => channel.includes(`_${partition}_`) && last >= offset);
    return stored === undefined ? [] : [stored.at - at];
  }).sort((a, b) => a - b);
  const at = (share: number) => `${(ages[Math.floor(ages.length * share)]! / 1000).toFixed(1)} s`;
  return [{
    what: "from event to queryable row, at 1,000 rows/s",
    figure: `p50 ${at(0.5)}, p99 ${at(0.99)}, of ${ages.length} of ${happened.length} rows`,
    target: "p99 under 7 s",
  }];
}

const skip = await whyNoSnowflake();
if (skip !== undefined) {
  console.log(`Without the Snowflake double: ${skip}`);
  Deno.exit(0);
}
quietDriver();
const rows: Row[] = [];
{
  await using double = await Double.start();
  await double.ask("streaming", { commitMs: COMMIT_MS, storesRows: false });
  await double.ask("latency", { ms: LATENCY_MS });
  rows.push(...await throughput(double), ...await freshness(double));
}
print(`Snowpipe Streaming: ${LATENCY_MS} ms a request, ${COMMIT_MS / 1000} s until rows are stored`, rows);
