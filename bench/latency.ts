// (g) From an event to its committed row, and from an event to its alert's row, at 5 thousand records a second with a
// checkpoint every 250 ms: produced into the embedded log, run by the engine, written to a DuckDB file.

import { openEmbeddedLog } from "../src/log/embedded.ts";
import type { NewRecord } from "../src/log/log.ts";
import type { Unit, Warehouse } from "../src/warehouse/warehouse.ts";
import { telemetry, TRAINS } from "./records.ts";
import { run, trainsOn, warehouseAt } from "./pipeline.ts";
import { print, quantile } from "./report.ts";

const RATE = 5000;
const SECONDS = 20;
const CHECKPOINT_MS = 250;
const EVERY_MS = 10;
const TOPIC = "ats_telemetry";

/** A time as it was before its row was packed, when its text is microseconds. */
const millis = (cell: unknown) => typeof cell === "string" ? Number(cell) / 1000 : Number(cell);

/** Latencies from what committed units hold, milliseconds. */
class Latencies {
  readonly rows: number[] = [];
  readonly alerts: number[] = [];
  readonly #seen = new Set<unknown>();

  committed(unit: Unit, nowMs: number): void {
    for (const { table, cells } of unit.appends) {
      if (table !== "ATS_TRANSFORMED") continue;
      for (const time of cells.column("TIMESTAMP") ?? []) this.rows.push(nowMs - millis(time));
    }
    for (const { table, rows } of unit.upserts) {
      if (table !== "ATS_ALERTS") continue;
      for (const { ALERT_ID, STARTED_AT } of rows) {
        if (this.#seen.has(ALERT_ID)) continue;
        this.#seen.add(ALERT_ID);
        this.alerts.push(nowMs - Number(STARTED_AT));
      }
    }
  }
}

/** The warehouse, telling when a unit is committed. */
function watched(warehouse: Warehouse, latencies: Latencies): Warehouse {
  return {
    ...warehouse,
    description: warehouse.description,
    query: (sql, options) => warehouse.query(sql, options),
    migrate: (scripts, options) => warehouse.migrate(scripts, options),
    async writer(domain) {
      const writer = await warehouse.writer(domain);
      const commit = writer.commit.bind(writer);
      writer.commit = async (unit) => {
        await commit(unit);
        latencies.committed(unit, Date.now());
      };
      return writer;
    },
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  };
}

/** A train's report of now; one in ten thousand starts an alert of its own. */
function report(n: number): NewRecord {
  const { key, value } = telemetry(n);
  const event = { ...JSON.parse(value), timestamp: new Date().toISOString(), is_overcrowded: n % 10_000 === 0 };
  event.passenger_count = n % TRAINS;
  if (event.is_overcrowded) event.train_id = `CROWDED_${n}`;
  return { key, value: JSON.stringify(event) };
}

const dir = await Deno.makeTempDir();
try {
  await using log = await openEmbeddedLog({ dataDir: dir });
  await log.createTopics([{ topic: TOPIC, partitions: 4 }]);
  const domain = trainsOn(TOPIC);
  await using warehouse = await warehouseAt(`${dir}/bench.duckdb`, domain);
  const latencies = new Latencies();
  const stop = new AbortController();
  const running = run({
    domain,
    log,
    warehouse: watched(warehouse, latencies),
    checkpointMs: CHECKPOINT_MS,
    untilEnd: false,
    signal: stop.signal,
  });
  const startMs = performance.now();
  for (let sent = 0; sent < RATE * SECONDS;) {
    const due = Math.min(RATE * SECONDS, Math.floor((performance.now() - startMs) * RATE / 1000));
    if (due > sent) await log.produce(TOPIC, Array.from({ length: due - sent }, (_, i) => report(sent + i)));
    sent = Math.max(sent, due);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  await new Promise((resolve) => setTimeout(resolve, 2 * CHECKPOINT_MS));
  stop.abort();
  await running;
  const ms = (values: readonly number[], q: number) => `${quantile(values, q).toFixed(0)} ms`;
  print(
    `(g) Event to row at ${RATE} records/s, checkpoint every ${CHECKPOINT_MS} ms, ${latencies.rows.length} records`,
    [
      { what: "event to committed row, p50", figure: ms(latencies.rows, 0.5) },
      { what: "event to committed row, p99", figure: ms(latencies.rows, 0.99), target: `${CHECKPOINT_MS + 250} ms` },
      { what: `event to alert (${latencies.alerts.length}), p50`, figure: ms(latencies.alerts, 0.5) },
      { what: "event to alert, p99", figure: ms(latencies.alerts, 0.99), target: "500 ms" },
    ],
  );
} finally {
  await Deno.remove(dir, { recursive: true });
}
