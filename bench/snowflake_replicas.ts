// Whether more processes write more: units of trains alone and of five domains, by 1, 2, 4 and 8 writers of each, raw rows by SQL
// and by Snowpipe Streaming, against the double, whose UPDATE, DELETE and MERGE lock a whole table to the end of the transaction.
// A writer stands for a process: each has an account of its own, and so do its sessions. It writes unit after unit, of few rows:
// what it waits for is all that counts. Time is counted from when all of them have their partitions.
// Twice: on a clock of its own (lock_model.ts) with the statements of a real unit, which a machine's load cannot blur, and, with
// BENCH_MS, by the real writers in real time.
//   BENCH_MS: how long each is measured; BENCH_STATEMENT_MS: how long a statement takes; BENCH_WAYS: sql, streaming or both

import freshetSql from "../sql/freshet.sql" with { type: "text" };
import { Cells } from "../src/warehouse/cells.ts";
import type { Append, Claim, RawTable, Row as Cell, Unit, Warehouse, Writer } from "../src/warehouse/warehouse.ts";
import { FreshetError } from "../src/errors.ts";
import type { HeldLock } from "../tests/support/snowflake/engine.ts";
import { quietDriver } from "../tests/support/snowflake/driver.ts";
import { whyNoSnowflake } from "../tests/support/snowflake/python.ts";
import type { LoggedStatement } from "../tests/support/snowflake/log.ts";
import { Double } from "./double.ts";
import { runModel, type Step, stepOf } from "./lock_model.ts";
import { print, type Row } from "./report.ts";

const STATEMENT_MS = Number(Deno.env.get("BENCH_STATEMENT_MS") ?? 300);
const MEASURED_MS = Number(Deno.env.get("BENCH_MS") ?? 0);
/** By the model's clock. */
const MODELLED_MS = 3_600_000;
const WAYS = (Deno.env.get("BENCH_WAYS") ?? "sql streaming").split(" ") as ("sql" | "streaming")[];
const PROCESSES = [1, 2, 4, 8];
const DOMAINS = [["trains"], ["trains", "rides", "wine", "actions", "circadian"]];
/** Rows of a unit, and of each of its derived tables. */
const ROWS = 200;
const DERIVED_ROWS = 20;
const DERIVED = ["LATEST", "HOURLY", "ALERTS"];
/** Units whose raw rows go ahead, as they do in a process that reads on while it commits. */
const UNITS_AHEAD = 4;
/** How long the double takes to store rows that were streamed. */
const STORED_MS = 5_000;
const TOPIC = "t";

const rawTable = (domain: string): RawTable => ({ table: `${domain.toUpperCase()}_RAW`, metadata: "METADATA" });

const tables = (domain: string) =>
  `-- version 1: tables\nCREATE TABLE ${domain}_RAW (METADATA VARIANT, CONTENT VARIANT);` +
  `CREATE TABLE ${domain}_TYPED (ID BIGINT, NAME VARCHAR);` +
  DERIVED.map((name) => `CREATE TABLE ${domain}_${name} (NAME VARCHAR, TOTAL BIGINT);`).join("\n");

/** Counted in all writers together. */
interface Counts {
  rows: number;
  again: number;
  isOn: boolean;
}

const encoder = new TextEncoder();

/** One domain of one process. */
class Member {
  #writer: Writer | undefined;
  #claim: Claim | undefined;
  /** Raw rows before this offset have been handed over. */
  #sent = 0;

  constructor(
    readonly warehouse: Warehouse,
    readonly domain: string,
    readonly partition: number,
  ) {}

  async start(): Promise<void> {
    this.#writer = await this.warehouse.writer(this.domain, rawTable(this.domain));
    [this.#claim] = await this.#writer.claim(TOPIC, [this.partition]);
    this.#sent = this.#claim!.nextOffset;
  }

  async run(until: () => boolean, counts: Counts): Promise<void> {
    while (!until()) {
      try {
        if (this.#writer === undefined) await this.start();
        await this.#writer!.raw?.append(TOPIC, this.partition, this.#ahead());
        await this.#writer!.commit(this.#unit());
        if (counts.isOn) counts.rows += ROWS;
        const { checkpoint, nextOffset } = this.#claim!;
        this.#claim = { ...this.#claim!, checkpoint: checkpoint + 1, nextOffset: nextOffset + ROWS };
      } catch (error) {
        if (!(error instanceof FreshetError)) throw error;
        if (counts.isOn) counts.again++;
        await this.stop();
      }
    }
  }

  /** One unit, whose raw rows are stored before. */
  async commitOnce(): Promise<void> {
    await this.#writer!.raw?.append(TOPIC, this.partition, this.#ahead());
    await this.#writer!.commit(this.#unit());
  }

  async stop(): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
    this.#writer = undefined;
  }

  #ahead() {
    const to = this.#claim!.nextOffset + ROWS * UNITS_AHEAD;
    const from = this.#sent;
    this.#sent = Math.max(from, to);
    return Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ offset: from + i, value: this.#raw(from + i) }));
  }

  #raw(offset: number): Cell {
    return {
      METADATA: encoder.encode(`{"topic":"${TOPIC}","partition":${this.partition},"offset":${offset}}`),
      CONTENT: encoder.encode(`{"id":${offset},"text":"something about it"}`),
    };
  }

  #unit(): Unit {
    const { partition } = this;
    const { epoch, checkpoint, nextOffset } = this.#claim!;
    const offsets = Array.from({ length: ROWS }, (_, i) => nextOffset + i);
    const of = (table: string, rows: Cell[]): Append => (
      { table: `${this.domain}_${table}`, cells: Cells.of(rows), partitions: offsets.map(() => partition), offsets }
    );
    const typed = of("TYPED", offsets.map((ID) => ({ ID, NAME: `${partition}/${ID}` })));
    const raw = of("RAW", offsets.map((offset) => this.#raw(offset)));
    const derived = Array.from({ length: DERIVED_ROWS }, (_, i) => ({ NAME: `${partition}/${i}`, TOTAL: nextOffset }));
    return {
      topic: TOPIC,
      appends: this.#writer!.raw === undefined ? [raw, typed] : [typed],
      upserts: DERIVED.map((name) => ({ table: `${this.domain}_${name}`, keyColumns: ["NAME"], rows: derived })),
      deletes: [],
      state: derived.map(({ NAME }) => ({ operator: "o", partition, namespace: 0, key: NAME, value: "1" })),
      moves: [{
        ...{ partition, epoch, checkpoint, expectedOffset: nextOffset },
        to: { nextOffset: nextOffset + ROWS, watermark: null, maxEventTime: null, lastTimestamp: null },
      }],
    };
  }
}

/** Most waiters that a table has at a time. */
async function watchLocks(double: Double, until: number): Promise<number> {
  let most = 0;
  while (performance.now() < until) {
    const waiting = (await double.ask<HeldLock[]>("locks")).filter(({ status }) => status === "WAITING");
    const byTable = Map.groupBy(waiting, ({ table }) => table);
    most = Math.max(most, ...byTable.values().map(({ length }) => length));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return most;
}

/** What is measured. */
interface Case {
  readonly way: "sql" | "streaming";
  readonly domains: readonly string[];
  readonly processes: number;
}

async function membersOf(double: Double, { way, domains, processes }: Case, stack: AsyncDisposableStack) {
  const schema = await double.schema();
  {
    await using warehouse = await double.open(schema);
    const scripts = domains.map((name) => ({ name, text: tables(name) }));
    await warehouse.migrate([{ name: "freshet", text: freshetSql }, ...scripts]);
  }
  const members: Member[] = [];
  for (let partition = 0; partition < processes; partition++) {
    const warehouse = stack.use(await double.open(schema, way));
    members.push(...domains.map((domain) => new Member(warehouse, domain, partition)));
  }
  for (const member of members) await member.start();
  return members;
}

async function measure(double: Double, of: Case): Promise<Row> {
  await using stack = new AsyncDisposableStack();
  const members = await membersOf(double, of, stack);
  await double.ask("latency", { ms: STATEMENT_MS });
  const counts: Counts = { rows: 0, again: 0, isOn: false };
  let isOver = false;
  const running = members.map((member) => member.run(() => isOver, counts));
  // Until the writers have spread out.
  await new Promise((resolve) => setTimeout(resolve, STATEMENT_MS * 15));
  counts.isOn = true;
  const waiters = await watchLocks(double, performance.now() + MEASURED_MS);
  counts.isOn = false;
  isOver = true;
  await Promise.all(running);
  await double.ask("latency", { ms: 0 });
  for (const member of members) await member.stop();
  const { way, domains, processes } = of;
  return {
    what: `${domains.length === 1 ? "trains alone" : "five domains"}, ${way}, ${processes} processes`,
    figure: `${Math.round(counts.rows / MEASURED_MS * 1000)} rows/s, at most ${waiters} waiters at a table, ` +
      `${counts.again} units again`,
    target: "not fewer than with fewer",
  };
}

/** Where the model has it that offsets and derived rows are. */
const LAYOUTS = [
  "a table of offsets for each domain",
  "one table of offsets for all",
  "derived rows appended",
] as const;

/** The statements of a unit, as Freshet sends them to the double. */
async function recorded(double: Double, way: Case["way"]): Promise<readonly string[]> {
  await using stack = new AsyncDisposableStack();
  const [member] = await membersOf(double, { way, domains: ["trains"], processes: 1 }, stack);
  await double.ask("clear");
  await member!.commitOnce();
  const statements = await double.ask<LoggedStatement[]>("statements");
  const from = statements.findIndex(({ sql }) => sql.startsWith("BEGIN"));
  await member!.stop();
  return statements.slice(from).map(({ sql }) => sql);
}

function stepsFor(sql: readonly string[], domain: string, layout: typeof LAYOUTS[number]): readonly Step[] {
  const steps = sql.filter((text) => layout !== "derived rows appended" || !/^MERGE INTO/.test(text)).map(stepOf);
  return steps.map(({ table, ends }) => {
    const isShared = layout === "one table of offsets for all" && table?.startsWith("FRESHET_OFFSETS_");
    return { table: table && (isShared ? "FRESHET_OFFSETS" : `${domain}/${table}`), ends };
  });
}

function modelRow(sql: readonly string[], layout: typeof LAYOUTS[number], { way, domains, processes }: Case): Row {
  const writers = Array.from({ length: processes }, () => domains.map((domain) => stepsFor(sql, domain, layout)))
    .flat();
  const { units, waiters, inVain, again } = runModel({ writers, statementMs: STATEMENT_MS, measuredMs: MODELLED_MS });
  return {
    what: `${domains.length === 1 ? "trains alone" : "five domains"}, ${way}, ${layout}, ${processes} processes`,
    figure: `${(units / MODELLED_MS * 60_000).toFixed(0)} units a minute, ${
      (units / MODELLED_MS * 1000 * ROWS).toFixed(0)
    } rows/s, at most ${waiters} waiters at a table, ${inVain} statements in vain, ${again} units again`,
  };
}

/** Statements recorded once, then replayed by many writers on a clock of its own. */
async function model(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const way of WAYS) {
    await using double = await Double.start();
    const sql = await recorded(double, way);
    console.log(`A unit, ${way}: ${sql.map((text) => text.slice(0, 40).replace(/\s+/g, " ")).join("; ")}`);
    for (const layout of LAYOUTS) {
      for (const domains of DOMAINS) {
        rows.push(...PROCESSES.map((processes) => modelRow(sql, layout, { way, domains, processes })));
      }
    }
  }
  return rows;
}

/** The real writers against the double. */
async function measured(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const way of WAYS) {
    for (const domains of DOMAINS) {
      for (const processes of PROCESSES) {
        await using double = await Double.start();
        await double.ask("streaming", { commitMs: STORED_MS });
        const row = await measure(double, { way, domains, processes });
        console.log(`${row.what}: ${row.figure}`);
        rows.push(row);
      }
    }
  }
  return rows;
}

const skip = await whyNoSnowflake();
if (skip !== undefined) {
  console.log(`Without the Snowflake double: ${skip}`);
  Deno.exit(0);
}
quietDriver();
print(`Snowflake: writers beside each other, ${STATEMENT_MS} ms a statement, modelled`, await model());
if (MEASURED_MS > 0) {
  print(`Snowflake: writers beside each other, ${STATEMENT_MS} ms a statement, measured`, await measured());
}
