// Setting Snowflake up as docs/snowflake.md says, on the double: every statement that is run is one that Freshet printed.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { snowflakeDialect, splitStatements } from "../../src/warehouse/sql/scripts.ts";
import { Terminal } from "../cli/terminal.ts";
import { Client, quietDriver } from "../support/snowflake/driver.ts";
import { settingsFor, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
quietDriver();

async function paste(client: Client, printed: string): Promise<void> {
  for (const statement of splitStatements(printed, snowflakeDialect)) await client.run(statement);
}

Deno.test({
  name: "snowflake double: key, set-up and tables as Freshet prints them, pasted, are all that a run needs",
  ignore: skip !== undefined,
  async fn() {
    await using terminal = await Terminal.open();
    const roles = ["ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN", "USERADMIN"];
    const double = await startSnowflake({
      users: [{ name: "ADMIN", password: "test-password", roles }],
      databases: ["SOMEBODYS"],
      warehouses: ["SOMEBODYS_WH"],
    });
    const env = {
      SNOWFLAKE_ACCOUNT: double.account,
      SNOWFLAKE_ACCESS_URL: double.accessUrl,
      SNOWFLAKE_USER: "loader",
      SNOWFLAKE_ROLE: "ingest",
      SNOWFLAKE_WAREHOUSE: "ingest_wh",
      SNOWFLAKE_DATABASE: "events",
      SNOWFLAKE_SCHEMA: "live",
      SNOWFLAKE_PRIVATE_KEY_PATH: `${terminal.dataDir}/key.p8`,
      SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "a passphrase",
    };
    const print = async (...args: string[]) => {
      const { code, stdout, stderr } = await terminal.run(args, { env });
      assertEquals(code, 0, stderr);
      return stdout;
    };
    try {
      const made = await print("keygen", env.SNOWFLAKE_PRIVATE_KEY_PATH);
      {
        const admin = {
          username: "ADMIN",
          role: "ACCOUNTADMIN",
          database: undefined,
          schema: undefined,
          warehouse: undefined,
        };
        await using client = await Client.connect(double, admin);
        const before = double.statements().length;
        const printed = [await print("sql", "setup"), await print("migrate", "--dry-run")];
        assertEquals(double.statements().length, before, "printing reaches no server");
        const rsaPublicKey = /SET RSA_PUBLIC_KEY = '([^']+)'/.exec(made)![1]!;
        assertStringIncludes(printed[0]!, rsaPublicKey);
        for (const text of printed) await paste(client, text);
        // What the double does not do of itself with CREATE USER and GRANT.
        double.control.setUser({ name: "LOADER", rsaPublicKey, roles: ["INGEST"] });
      }
      assertStringIncludes(await print("migrate", "--dry-run", "--pending"), "nothing to do");
      assertStringIncludes(await print("migrate"), "nothing to do");
      const ddl = double.statements().filter(({ sql }) => /^\s*CREATE/i.test(sql)).length;
      await print("simulate", "trains", "--count", "500");
      await print("run", "trains", "--until-end", "--no-simulate");
      assertEquals(
        double.statements().filter(({ sql }) => /^\s*CREATE/i.test(sql)).length,
        ddl,
        "a run creates nothing",
      );
      assertEquals(JSON.parse(await print("query", "SELECT COUNT(*) AS N FROM ATS_RAW_JSON", "--json")), [{ N: 500 }]);
    } finally {
      await double.stop();
    }
  },
});

Deno.test({
  name: "snowflake double: the pasted tables are those that migrate makes",
  ignore: skip !== undefined,
  async fn() {
    await using terminal = await Terminal.open();
    const double = await startSnowflake();
    const env = (schema: string) => settingsFor(double, schema);
    try {
      for (const schema of ["PASTED", "MIGRATED"]) await double.control.sql(`CREATE SCHEMA ${schema}`);
      const { stdout } = await terminal.run(["migrate", "--dry-run"], { env: env("PASTED") });
      await using client = await Client.connect(double);
      for (let time = 0; time < 2; time++) await paste(client, stdout);
      assertEquals((await terminal.run(["migrate"], { env: env("MIGRATED") })).code, 0);
      const of = async (schema: string) => {
        const columns = await client.run(
          `SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE, ORDINAL_POSITION FROM INFORMATION_SCHEMA.COLUMNS
           WHERE TABLE_SCHEMA = '${schema}' ORDER BY TABLE_NAME, ORDINAL_POSITION`,
        );
        const noted = await client.run(
          `SELECT NAME, VERSION, TITLE, CHECKSUM FROM ${schema}.FRESHET_MIGRATIONS ORDER BY NAME, VERSION`,
        );
        return [columns.rows, noted.rows];
      };
      const [pasted, migrated] = [await of("PASTED"), await of("MIGRATED")];
      assert(pasted[0]!.length > 50);
      assertEquals(pasted, migrated);
    } finally {
      await double.stop();
    }
  },
});

Deno.test({
  name: "snowflake double: a writer that may create nothing runs on tables that somebody else has made",
  ignore: skip !== undefined,
  async fn() {
    await using terminal = await Terminal.open();
    const privileges = ["CREATE TABLE", "CREATE VIEW", "OWNERSHIP", "TRUNCATE"];
    const double = await startSnowflake({
      denied: privileges.map((privilege) => ({ role: "FRESHET_WRITER", privilege, on: "*" })),
    });
    const env = {
      SNOWFLAKE_ACCOUNT: double.account,
      SNOWFLAKE_ACCESS_URL: double.accessUrl,
      SNOWFLAKE_USER: "FRESHET",
      SNOWFLAKE_PASSWORD: "test-password",
      SNOWFLAKE_ROLE: "FRESHET_WRITER",
      SNOWFLAKE_WAREHOUSE: double.warehouse,
      SNOWFLAKE_DATABASE: double.database,
    };
    try {
      await terminal.run(["simulate", "trains", "--count", "300"]);
      const early = await terminal.run(["run", "trains", "--until-end", "--no-simulate"], { env });
      assertEquals(early.code, 1);
      assertStringIncludes(early.stderr, "privileges");
      const { stdout } = await terminal.run(["migrate", "--dry-run"], {
        env: { ...env, SNOWFLAKE_ROLE: "ACCOUNTADMIN" },
      });
      {
        await using client = await Client.connect(double, { role: "ACCOUNTADMIN" });
        await paste(client, stdout);
      }
      const { code, stderr } = await terminal.run(["run", "trains", "--until-end", "--no-simulate"], { env });
      assertEquals(code, 0, stderr);
      assertEquals((await terminal.run(["doctor", "trains"], { env })).code, 0);
    } finally {
      await double.stop();
    }
  },
});
