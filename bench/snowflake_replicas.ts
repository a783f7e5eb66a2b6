// Whether more processes write more: units of one domain and of five, by 1, 2, 4 and 8 writers of each, against the double with
// 300 ms a statement. All domains in one schema, whose FRESHET_OFFSETS they share, and each in a schema of its own, as with one
// table of offsets for each. A writer stands for a process: each has an account of its own, and so do its sessions.

import freshetSql from "../sql/freshet.sql" with { type: "text" };
import { Cells } from "../src/warehouse/cells.ts";
import type { Claim, Row as Cell, Unit, Warehouse, Writer } from "../src/warehouse/warehouse.ts";
import { FreshetError } from "../src/errors.ts";
import type { HeldLock } from "../tests/support/snowflake/engine.ts";
import { quietDriver } from "../tests/support/snowflake/driver.ts";
import { whyNoSnowflake } from "../tests/support/snowflake/python.ts";
import { Double } from "./double.ts";
import { print, type Row } from "./report.ts";

const LATENCY_MS = 300;
const PROCESSES = [1, 2, 4, 8];
const DOMAINS = [1, 5];
/** Rows of a unit, and of each of its derived tables. */
const ROWS = 200;
const DERIVED_ROWS = 20;
const DERIVED = ["LATEST", "HOURLY", "ALERTS"];
const MEASURED_MS = Number(Deno.env.get("BENCH_MS") ?? 30_000);
const TOPIC = "t";

const tables = (domain: string) =>
  `-- version 1: tables\nCREATE TABLE ${domain}_RAW (ID BIGINT, CONTENT VARCHAR);` +
  DERIVED.map((name) => `CREATE TABLE ${domain}_${name} (NAME VARCHAR, TOTAL BIGINT);`).join("\n");

function unitOf(domain: string, claim: Claim): Unit {
  const { partition, epoch, checkpoint, nextOffset } = claim;
  const offsets = Array.from({ length: ROWS }, (_, i) => nextOffset + i);
  const rows: Cell[] = offsets.map((ID) => ({ ID, CONTENT: `{"id":${ID},"text":"something about it"}` }));
  const derived = Array.from({ length: DERIVED_ROWS }, (_, i) => ({ NAME: `${partition}/${i}`, TOTAL: nextOffset }));
  return {
    topic: TOPIC,
    appends: [{ table: `${domain}_RAW`, cells: Cells.of(rows), partitions: offsets.map(() => partition), offsets }],
    upserts: DERIVED.map((name) => ({ table: `${domain}_${name}`, keyColumns: ["NAME"], rows: derived })),
    deletes: [],
    state: derived.map(({ NAME }) => ({ operator: "o", partition, namespace: 0, key: NAME, value: "1" })),
    moves: [{
      partition,
      epoch,
      checkpoint,
      expectedOffset: nextOffset,
      to: { nextOffset: nextOffset + ROWS, watermark: null, maxEventTime: null, lastTimestamp: null },
    }],
  };
}

interface Counts {
  rows: number;
  errors: number;
}

/** One domain of one process, until the time is up. */
async function write(
  warehouse: Warehouse,
  domain: string,
  partition: number,
  until: number,
  counts: Counts,
): Promise<void> {
  let writer: Writer | undefined;
  let claim: Claim | undefined;
  while (performance.now() < until) {
    try {
      writer ??= await warehouse.writer(domain.toLowerCase());
      [claim] = claim ? [claim] : await writer.claim(TOPIC, [partition]);
      await writer.commit(unitOf(domain, claim!));
      if (performance.now() < until) counts.rows += ROWS;
      claim = { ...claim!, checkpoint: claim!.checkpoint + 1, nextOffset: claim!.nextOffset + ROWS };
    } catch (error) {
      if (!(error instanceof FreshetError)) throw error;
      counts.errors++;
      [writer, claim] = [void await writer?.[Symbol.asyncDispose](), undefined];
    }
  }
  await writer?.[Symbol.asyncDispose]();
}

/** Most waiters that a table has at a time. */
async function watchLocks(double: Double, until: number): Promise<number> {
  let most = 0;
  while (performance.now() < until) {
    const waiting = (await double.ask<HeldLock[]>("locks")).filter(({ status }) => status === "WAITING");
    const byTable = Map.groupBy(waiting, ({ table }) => table);
    most = Math.max(most, ...byTable.values().map(({ length }) => length));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return most;
}

async function measure(double: Double, processes: number, domains: number, apart: boolean): Promise<Row> {
  const names = Array.from({ length: domains }, (_, i) => `D${i}`);
  const shared = await double.schema();
  const schemas = await Promise.all(names.map(() => apart ? double.schema() : shared));
  for (const [i, domain] of names.entries()) {
    await using warehouse = await double.open(schemas[i]!);
    await warehouse.migrate([{ name: "freshet", text: freshetSql }, {
      name: domain.toLowerCase(),
      text: tables(domain),
    }]);
  }
  await using stack = new AsyncDisposableStack();
  const opened: { warehouse: Warehouse; domain: string; partition: number }[] = [];
  for (let partition = 0; partition < processes; partition++) {
    const own = new Map<string, Warehouse>();
    for (const [i, domain] of names.entries()) {
      const schema = schemas[i]!;
      if (!own.has(schema)) own.set(schema, stack.use(await double.open(schema)));
      opened.push({ warehouse: own.get(schema)!, domain, partition });
    }
  }
  await double.ask("latency", { ms: LATENCY_MS });
  const counts = { rows: 0, errors: 0 };
  const until = performance.now() + MEASURED_MS;
  const [waiters] = await Promise.all([
    watchLocks(double, until),
    ...opened.map(({ warehouse, domain, partition }) => write(warehouse, domain, partition, until, counts)),
  ]);
  await double.ask("latency", { ms: 0 });
  return {
    what: `${processes} × ${domains === 1 ? "one domain" : "five domains"}, ${
      apart ? "offsets for each" : "one table of offsets"
    }`,
    figure: `${
      Math.round(counts.rows / MEASURED_MS * 1000)
    } rows/s, at most ${waiters} waiters, ${counts.errors} units again`,
  };
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
  for (const domains of DOMAINS) {
    for (const apart of domains === 1 ? [false] : [false, true]) {
      for (const processes of PROCESSES) {
        const row = await measure(double, processes, domains, apart);
        console.log(`${row.what}: ${row.figure}`);
        rows.push(row);
      }
    }
  }
}
print(`Snowflake: writers beside each other, ${LATENCY_MS} ms a statement`, rows);
