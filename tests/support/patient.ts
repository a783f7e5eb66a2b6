// The tables of one real run, to be damaged and judged: each damage is taken back.
import { assert } from "@std/assert";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { Terminal } from "../cli/terminal.ts";
import { checkedDomains } from "./checked_domains.ts";
import { workOff } from "./judged.ts";
import { Traffic } from "./traffic.ts";

export class Patient implements AsyncDisposable {
  private constructor(
    private readonly terminal: Terminal,
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly rules: Readonly<Record<string, string>>,
  ) {}

  static async of(name: string): Promise<Patient> {
    const terminal = await Terminal.open();
    const checked = checkedDomains.find((each) => each.name === name)!;
    const records = new Traffic(checked, 3).take(checked.records);
    const spread = records.map((record, i) => ({ ...record, partition: i % 3 }));
    await workOff(terminal, name, checked.keyed ? records : spread);
    const instance = await DuckDBInstance.create(`${terminal.dataDir}/freshet.duckdb`, { threads: "2" });
    return new Patient(terminal, instance, await instance.connect(), checked.rules);
  }

  async rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    return (await this.connection.runAndReadAll(sql)).getRows();
  }

  /** The first rule that breaks, of those that `isAsked` names; `undefined` when all hold. */
  async broken(isAsked: (rule: string, sql: string) => boolean): Promise<string | undefined> {
    for (const [rule, sql] of Object.entries(this.rules)) {
      if (isAsked(rule, sql) && (await this.rows(`SELECT 1 FROM (${sql}) LIMIT 1`)).length > 0) return rule;
    }
    return undefined;
  }

  /** What breaks when `sql` has been run, which is taken back. */
  async damagedBy(sql: string, isAsked: (rule: string, sql: string) => boolean): Promise<string | undefined> {
    await this.connection.run("BEGIN TRANSACTION");
    try {
      const { rowsChanged } = await this.connection.run(sql);
      if (/^(UPDATE|DELETE|INSERT)/.test(sql)) assert(rowsChanged > 0, `Nothing was damaged: ${sql}`);
      return await this.broken(isAsked);
    } finally {
      await this.connection.run("ROLLBACK");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.closeSync();
    this.instance.closeSync();
    await this.terminal[Symbol.asyncDispose]();
  }
}
