// The official driver, made ready for tests: imported late and kept quiet, with promises instead of callbacks.

import type { Bind, Connection, ConnectionOptions, RowStatement, SnowflakeError } from "snowflake-sdk";
import { DEFAULT_USER, type SnowflakeDouble } from "./mod.ts";

type Driver = typeof import("snowflake-sdk");
type Values = readonly (Bind | undefined)[] | readonly (readonly Bind[])[];

let driver: Promise<Driver> | undefined;

/** Keeps the driver from calling cloud metadata services and loading native code; as main.ts does, before it is imported. */
export function quietDriver(): void {
  Deno.env.set("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true");
  Deno.env.set("SNOWFLAKE_DISABLE_MINICORE", "true");
}

/** The module, imported once. */
export function snowflakeDriver(): Promise<Driver> {
  quietDriver();
  driver ??= import("snowflake-sdk").then((imported) => {
    const module = (imported as unknown as { default: Driver }).default;
    module.configure({ logLevel: "OFF", additionalLogToConsole: false, useEnvProxy: false });
    return module;
  });
  return driver;
}

export interface Result {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly updated: number | undefined;
  readonly types: Readonly<Record<string, string>>;
}

/** One connection: `run` for statements, `close` to log out. */
export class Client implements AsyncDisposable {
  /** The statement that was sent last, to be cancelled. */
  started?: RowStatement;

  private constructor(readonly connection: Connection) {}

  /** Logs in to the double, by default as its default user with everything named. */
  static async connect(double: SnowflakeDouble, options: Partial<ConnectionOptions> = {}): Promise<Client> {
    const module = await snowflakeDriver();
    const { account, accessUrl, database, schema, warehouse } = double;
    const { name: username, password } = DEFAULT_USER;
    const connection = module.createConnection({
      account,
      accessUrl,
      username,
      ...(options.authenticator === undefined ? { password } : {}),
      database,
      schema,
      warehouse,
      role: DEFAULT_USER.roles[0],
      ...options,
    } as ConnectionOptions);
    await new Promise<void>((resolve, reject) =>
      connection.connect((error: unknown) => error ? reject(error) : resolve())
    );
    return new Client(connection);
  }

  /** Runs a statement and reads all its rows. */
  async run(sqlText: string, binds?: Values, parameters?: Record<string, unknown>): Promise<Result> {
    const statement = await new Promise<RowStatement>((resolve, reject) => {
      this.started = this.connection.execute({
        sqlText,
        binds: binds as Bind[] | undefined,
        parameters,
        streamResult: true,
        complete: (error: SnowflakeError | undefined, done: RowStatement) => error ? reject(error) : resolve(done),
      }) as RowStatement;
    });
    const rows = await new Promise<Record<string, unknown>[]>((resolve, reject) => {
      const read: Record<string, unknown>[] = [];
      const stream = statement.streamRows();
      stream.on("data", (row: Record<string, unknown>) => read.push(row));
      stream.on("end", () => resolve(read));
      stream.on("error", reject);
    });
    const columns = statement.getColumns() ?? [];
    return {
      rows,
      updated: statement.getNumUpdatedRows(),
      types: Object.fromEntries(columns.map((column) => [column.getName(), column.getType()])),
    };
  }

  /** The values of a single column. */
  async values(sqlText: string, binds?: Values): Promise<readonly unknown[]> {
    const { rows } = await this.run(sqlText, binds);
    return rows.map((row) => Object.values(row)[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.connection.destroy(() => resolve()));
  }
}

/** The code, state and message of the error that a statement must end with. */
export async function refusal(run: Promise<unknown>): Promise<{ code: string; sqlState: string; message: string }> {
  try {
    await run;
  } catch (error) {
    const { code, sqlState, message } = error as { code?: string | number; sqlState?: string; message: string };
    return { code: String(code), sqlState: sqlState ?? "", message };
  }
  throw new Error("It was not refused");
}
