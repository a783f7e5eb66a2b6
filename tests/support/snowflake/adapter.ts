// Freshet's adapter on the double: a schema of a test's own, and the warehouse opened in it.

import type { Limits } from "../../../src/warehouse/snowflake/account.ts";
import { openSnowflake, type SnowflakeOptions } from "../../../src/warehouse/snowflake.ts";
import type { Warehouse } from "../../../src/warehouse/warehouse.ts";
import { quietDriver } from "./driver.ts";
import { DEFAULT_USER, type SnowflakeDouble } from "./mod.ts";

let schemas = 0;

/** An empty schema; dropped in the end. */
export interface OwnSchema extends AsyncDisposable {
  readonly name: string;
  /** What the adapter needs to work in it, as the double's default user. */
  readonly options: SnowflakeOptions;
  open(changes?: Partial<SnowflakeOptions>): Promise<Warehouse>;
  /** Cells of a statement run beside the driver, in this schema. */
  sql(statement: string): Promise<readonly (readonly (string | null)[])[]>;
}

/** Limits for tests: what waits for seconds in production waits for less. */
export const QUICK: Partial<Limits> = { lockSeconds: 1, abandonedSeconds: 1 };

export async function ownSchema(double: SnowflakeDouble, limits: Partial<Limits> = QUICK): Promise<OwnSchema> {
  quietDriver();
  const name = `TEST_${++schemas}`;
  const { account, accessUrl, database, warehouse, control } = double;
  await control.sql(`CREATE SCHEMA ${name}`);
  const options: SnowflakeOptions = {
    account,
    accessUrl,
    user: DEFAULT_USER.name,
    credentials: { kind: "password", password: DEFAULT_USER.password! },
    role: DEFAULT_USER.roles[0],
    warehouse,
    database,
    schema: name,
    limits,
  };
  return {
    name,
    options,
    open: (changes) => openSnowflake({ ...options, ...changes }),
    sql: (statement) => control.sql(statement.replaceAll("$SCHEMA", `${database}.${name}`)),
    [Symbol.asyncDispose]: async () => void await control.sql(`DROP SCHEMA ${name} CASCADE`),
  };
}
