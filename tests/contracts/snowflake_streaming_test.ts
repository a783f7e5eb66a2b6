// Runs the warehouse contract against Snowflake's stand-in with raw rows by Snowpipe Streaming: every writer claims its
// partitions with their channels, and every unit waits for its raw rows.

import { openSnowflake } from "../../src/warehouse/snowflake.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { quietDriver } from "../support/snowflake/driver.ts";
import { type SnowflakeDouble, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { KEY_USER, RAW, STREAMING } from "../support/snowflake/streaming/place.ts";
import { warehouseContract } from "./warehouse_contract.ts";

const skip = await whyNoSnowflake();
const double: SnowflakeDouble | undefined = skip === undefined
  ? await startSnowflake({ users: [KEY_USER] })
  : undefined;
Deno.test.afterAll(async () => await double?.stop());
quietDriver();
let schemas = 0;

/** The same warehouse, whose writers all have a raw table. */
function withRawTable(warehouse: Warehouse): Warehouse {
  return new Proxy(warehouse, {
    get(target, name) {
      if (name === "writer") return (domain: string) => target.writer(domain, RAW);
      const member = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

warehouseContract({
  name: "snowflake, raw rows by streaming",
  ignore: skip !== undefined,
  features: {
    nulCharacter: false,
    negativeZero: false,
    transactionalDdl: false,
    slowQuery:
      "WITH RECURSIVE N (I) AS (SELECT 1 UNION ALL SELECT I + 1 FROM N WHERE I < 1000000000) SELECT COUNT(*) FROM N",
  },
  async place() {
    const { account, accessUrl, database, warehouse, control } = double!;
    const schema = `CONTRACT_${++schemas}`;
    await control.sql(`CREATE SCHEMA ${schema}`);
    await control.sql(
      `CREATE TABLE ${database}.${schema}.${RAW.table} (RECORD_METADATA VARIANT, RECORD_CONTENT VARIANT)`,
    );
    return {
      open: async () =>
        withRawTable(
          await openSnowflake({
            ...{ account, accessUrl, user: KEY_USER.name, role: KEY_USER.roles[0], warehouse, database, schema },
            ...STREAMING,
          }),
        ),
      [Symbol.asyncDispose]: async () => void await control.sql(`DROP SCHEMA ${schema} CASCADE`),
    };
  },
});
