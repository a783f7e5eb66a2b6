// (c) for each domain: from the embedded log to DuckDB, all its tables, exactly once, with records as its simulator makes them.
// Beside it JSON.parse of the same records, and nothing else.

import { Buffer } from "node:buffer";
import { domainModules } from "../src/domains/mod.ts";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { z } from "zod";
import { run, warehouseAt } from "./pipeline.ts";
import { cpuPerRecord, perSecond, print, type Row, sideBySide } from "./report.ts";

const RECORDS = 300_000;
const ROUNDS = 3;
const PARTITIONS = 4;
const PRODUCE_AT_ONCE = 5000;
const START = Date.UTC(2026, 2, 1);

const utf8 = new TextEncoder();

/** One domain's row, from a folder of its own. */
async function rowOf({ name, define, settings, simulator }: typeof domainModules[number], dir: string): Promise<Row> {
  const set = z.object(settings).parse({});
  const domain = define(set);
  const { generate, intervalMs } = await simulator();
  await using log = await openEmbeddedLog({ dataDir: dir });
  await log.createTopics([{ topic: domain.topic, partitions: PARTITIONS }]);
  const values: Buffer[] = [];
  const made = generate({ seed: 1, start: START, intervalMs, settings: set });
  for (let sent = 0; sent < RECORDS; sent += PRODUCE_AT_ONCE) {
    const records = Array.from({ length: PRODUCE_AT_ONCE }, () => made.next().value);
    for (const { value } of records) values.push(Buffer.from(utf8.encode(value as string)));
    await log.produce(domain.topic, records);
  }
  let files = 0;
  const { subjectMs, floorMs, subjectCpuMs } = await sideBySide(ROUNDS, async () => {
    await using warehouse = await warehouseAt(`${dir}/${files++}.duckdb`, domain);
    await run({ domain, log, warehouse });
  }, () => {
    for (const value of values) JSON.parse(value.toString("utf8"));
  });
  const bytes = values.reduce((sum, { length }) => sum + length, 0);
  return {
    what: `${name}: records of ${Math.round(bytes / RECORDS)} bytes, all tables`,
    figure: perSecond(RECORDS, subjectMs),
    cpu: cpuPerRecord(RECORDS, subjectCpuMs),
    ratio: (floorMs / subjectMs).toFixed(2),
    target: "100 k/s",
  };
}

const dir = await Deno.makeTempDir();
try {
  const rows: Row[] = [];
  for (const module of domainModules) rows.push(await rowOf(module, `${dir}/${module.name}`));
  print(
    `(c) Each domain from the embedded log to DuckDB, ${
      RECORDS.toLocaleString("en")
    } records; ratio to JSON.parse alone`,
    rows,
  );
} finally {
  await Deno.remove(dir, { recursive: true });
}
