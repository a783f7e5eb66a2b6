// The Snowflake double as a process of its own: it takes a processor as Snowflake would not, but none of this one's turns.

import { openSnowflake } from "../src/warehouse/snowflake.ts";
import type { Warehouse } from "../src/warehouse/warehouse.ts";

export class Double implements AsyncDisposable {
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

  /** A new schema, empty. */
  async schema(): Promise<string> {
    const name = `BENCH_${++this.#schemas}`;
    await this.ask("sql", { statement: `CREATE SCHEMA ${name}` });
    return name;
  }

  /** The settings of a program that writes to it. */
  settings(schema: string): Readonly<Record<string, string>> {
    const { account, accessUrl, user, password, role, warehouse, database } = this.told as Record<string, string>;
    return {
      SNOWFLAKE_ACCOUNT: account!,
      SNOWFLAKE_ACCESS_URL: accessUrl!,
      SNOWFLAKE_USER: user!,
      SNOWFLAKE_PASSWORD: password!,
      SNOWFLAKE_ROLE: role!,
      SNOWFLAKE_WAREHOUSE: warehouse!,
      SNOWFLAKE_DATABASE: database!,
      SNOWFLAKE_SCHEMA: schema,
    };
  }

  /** Settings beside `settings` by which raw rows go. */
  waySettings(rawIngest: "sql" | "streaming"): Readonly<Record<string, string>> {
    if (rawIngest === "sql") return {};
    const { privateKey } = this.told as Record<string, string>;
    return { SNOWFLAKE_RAW_INGEST: rawIngest, SNOWFLAKE_PRIVATE_KEY: privateKey!, SNOWFLAKE_PASSWORD: "" };
  }

  /** Opened as by a process of its own. */
  async open(schema: string, rawIngest: "sql" | "streaming" = "sql"): Promise<Warehouse> {
    const { account, accessUrl, user, password, privateKey, role, warehouse, database } = this.told as Record<
      string,
      string
    >;
    return await openSnowflake({
      account: account!,
      accessUrl,
      user: user!,
      credentials: rawIngest === "streaming"
        ? { kind: "key", key: { text: privateKey! } }
        : { kind: "password", password: password! },
      rawIngest,
      role,
      warehouse,
      database: database!,
      schema,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.stdout.cancel().catch(() => {});
    await this.child.status;
  }
}
