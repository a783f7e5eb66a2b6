// (g) From an event to its committed row, and from an event to its alert's row, at 5 thousand records a second with a
// checkpoint every 250 ms: produced into the embedded log, run by the engine, written to a DuckDB file.

import { openEmbeddedLog } from "../src/log/embedded.ts";
import type { NewRecord, RecordPosition } from "../src/log/log.ts";
import type { Unit, Warehouse } from "../src/warehouse/warehouse.ts";
import { telemetry, TRAINS } from "./records.ts";
import { run, trainsOn, warehouseAt } from "./pipeline.ts";
import { print, quantile } from "./report.ts";

const RATE = 5000;
const SECONDS = 20;
const CHECKPOINT_MS = 250;
const EVERY_MS = 10;
const TOPIC = "ats_telemetry";

/** Latencies of records by their offsets, and of alerts by the rows of committed units, milliseconds. */
class Latencies {
  readonly rows: number[] = [];
  readonly alerts: number[] = [];
  readonly #seen = new Set<unknown>();
  /** When the records of a partition were made, from its first offset on, epoch milliseconds. */
  readonly #madeAt = new Map<number, number[]>();

  produced(positions: readonly RecordPosition[], atMs: number): void {
    for (const { partition, offset } of positions) {
      let made = this.#madeAt.get(partition);
      if (!made) this.#madeAt.set(partition, made = []);
      made[offset] = atMs;
    }
  }

  committed(unit: Unit, nowMs: number): void {
    for (const { partition, expectedOffset, to } of unit.moves) {
      const made = this.#madeAt.get(partition) ?? [];
      for (let offset = expectedOffset; offset < to.nextOffset; offset++) this.rows.push(nowMs - made[offset]!);
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
    if (due > sent) {
      const madeAt = Date.now();
      const records = Array.from({ length: due - sent }, (_, i) => report(sent + i));
      latencies.produced(await log.produce(TOPIC, records), madeAt);
    }
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
