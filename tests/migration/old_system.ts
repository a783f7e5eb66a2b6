// An old system's producer and its readers: its records go through the real program on the embedded log and warehouse, and
// its queries are asked of the tables.

import { assertEquals } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { Terminal } from "../cli/terminal.ts";

export type Row = Readonly<Record<string, unknown>>;

/** As many as each producer sends. */
export const RECORDS = 10_000;
const HOUR_MS = 3_600_000;
/** Four days ago, on the hour. */
export const START_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 96 * HOUR_MS;
const PARTITIONS = 4;

export interface Old {
  readonly domain: string;
  readonly topic: string;
  readonly records: readonly NewRecord[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What has become of the records. */
export class Worked implements AsyncDisposable {
  private constructor(private readonly terminal: Terminal, private readonly old: Old) {}

  /** Runs the records through the program. */
  static async off(old: Old): Promise<Worked> {
    const terminal = await Terminal.open();
    {
      await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
      await log.createTopics([{ topic: old.topic, partitions: PARTITIONS }]);
      await log.produce(old.topic, old.records);
    }
    const worked = new Worked(terminal, old);
    const { code, stderr } = await terminal.run(["run", old.domain, "--until-end", "--no-simulate"], { env: old.env });
    assertEquals(code, 0, stderr);
    return worked;
  }

  /** The rows of one statement, timestamps to the microsecond. */
  async rows(sql: string): Promise<Row[]> {
    await using warehouse = await openDuckDb({ path: `${this.terminal.dataDir}/freshet.duckdb` });
    const { columns, rows } = await warehouse.query(sql, { maxRows: 100_000 });
    return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, toMicroseconds(row[i])])));
  }

  /** The topics that there are now. */
  async topics(): Promise<string[]> {
    await using log = await openEmbeddedLog({ dataDir: this.terminal.dataDir });
    return (await log.topics()).map(({ topic }) => topic);
  }

  /** Every record is in the raw table as its very bytes; none is a dead letter or late, and `doctor` agrees with the tables. */
  async assertAllTaken(
    raw: string,
    { content = "RECORD_CONTENT", values = this.old.records.map(({ value }) => value) }: {
      readonly content?: string;
      /** What is in the raw table, where that is less than the records' values. */
      readonly values?: readonly unknown[];
    } = {},
  ): Promise<void> {
    assertEquals(await this.rows("SELECT REASON, DETAIL, RECORD_VALUE FROM DEAD_LETTERS LIMIT 3"), []);
    assertEquals(await this.rows("SELECT * FROM LATE_RECORDS LIMIT 3"), []);
    const kept = await this.rows(`SELECT CAST(${content} AS VARCHAR) AS C FROM ${raw}`);
    assertEquals(kept.map(({ C }) => C).toSorted(), values.toSorted());
    const { stdout } = await this.terminal.run(["doctor", this.old.domain, "--json"], { env: this.old.env });
    assertEquals((JSON.parse(stdout) as readonly Finding[]).filter(({ result }) => result !== "ok"), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal[Symbol.asyncDispose]();
  }
}

/** Groups what has the same key. */
export function grouped<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  return Map.groupBy(values, keyOf) as Map<string, T[]>;
}

export const mean = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

/** That two lists have the same rows, in whatever order; says the first ones of either that the other has not. */
export function assertSameRows(actual: readonly Row[], expected: readonly Row[]): void {
  const [a, b] = [sorted(actual), sorted(expected)];
  const without = (rows: string[], others: string[]) => {
    const known = new Set(others);
    return rows.filter((row) => !known.has(row)).slice(0, 2);
  };
  assertEquals({ rows: a.length, extra: without(a, b), missing: without(b, a) }, {
    rows: b.length,
    extra: [],
    missing: [],
  });
}

/** A time as the warehouse says it, to the microsecond. */
export function timestamp(ms: number): string {
  const micros = Math.round(ms * 1000);
  const fraction = String(((micros % 1_000_000) + 1_000_000) % 1_000_000).padStart(6, "0");
  return `${new Date(Math.floor(ms)).toISOString().slice(0, 19).replace("T", " ")}.${fraction}`;
}

const TIMESTAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/;
const toMicroseconds = (value: unknown) =>
  typeof value === "string" && TIMESTAMP.test(value) ? value.padEnd(20, ".").padEnd(26, "0") : value;

/** Rows as text in an order of their own, numbers to nine digits: SQL and JavaScript add in different orders. */
const sorted = (rows: readonly Row[]): string[] =>
  rows.map((row) =>
    JSON.stringify(
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name.toUpperCase(),
          typeof value === "number" && !Number.isInteger(value) && Math.abs(value) < 1e9
            ? Number(value.toPrecision(9))
            : value,
        ]).toSorted(([a], [b]) => String(a) < String(b) ? -1 : 1),
      ),
    )
  ).toSorted();
