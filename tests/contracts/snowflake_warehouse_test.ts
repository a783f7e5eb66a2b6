// Runs the warehouse contract against Snowflake's stand-in, through the official driver.

import { openSnowflake } from "../../src/warehouse/snowflake.ts";
import { DEFAULT_USER, type SnowflakeDouble, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { quietDriver } from "../support/snowflake/driver.ts";
import { warehouseContract } from "./warehouse_contract.ts";

const skip = await whyNoSnowflake();
const double: SnowflakeDouble | undefined = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());
quietDriver();
let schemas = 0;

warehouseContract({
  name: "snowflake",
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
    return {
      open: () =>
        openSnowflake({
          account,
          accessUrl,
          user: DEFAULT_USER.name,
          credentials: { kind: "password", password: DEFAULT_USER.password! },
          role: DEFAULT_USER.roles[0],
          warehouse,
          database,
          schema,
        }),
      [Symbol.asyncDispose]: async () => void await control.sql(`DROP SCHEMA ${schema} CASCADE`),
    };
  },
});
