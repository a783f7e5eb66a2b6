// `doctor` on Snowflake's tables, which it copies into DuckDB to judge them, and `replay` of each domain there.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { Terminal } from "../cli/terminal.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { quietDriver } from "../support/snowflake/driver.ts";
import { type SnowflakeDouble, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { Traffic } from "../support/traffic.ts";

const skip = await whyNoSnowflake();
quietDriver();

const settingsOf = (double: SnowflakeDouble): Record<string, string> => ({
  SNOWFLAKE_ACCOUNT: double.account,
  SNOWFLAKE_ACCESS_URL: double.accessUrl,
  SNOWFLAKE_USER: "FRESHET",
  SNOWFLAKE_PASSWORD: "test-password",
  SNOWFLAKE_WAREHOUSE: double.warehouse,
  SNOWFLAKE_DATABASE: double.database,
});

Deno.test({
  name: "snowflake double: doctor, status and tables say that a table was dropped, and not that nothing has run yet",
  ignore: skip !== undefined,
  async fn() {
    await using terminal = await Terminal.open();
    const double = await startSnowflake();
    try {
      const env = settingsOf(double);
      const migrated = await terminal.run(["migrate"], { env });
      assertEquals(migrated.code, 0, migrated.stderr);
      assertStringIncludes((await terminal.run(["doctor", "trains"], { env })).stdout, "nothing of");
      assertEquals([(await terminal.run(["status"], { env })).code, (await terminal.run(["tables"], { env })).code], [
        0,
        0,
      ]);
      await double.control.sql("DROP TABLE FRESHET_OFFSETS_TRAINS");
      for (const args of [["doctor", "trains"], ["status"], ["tables"]]) {
        const { code, stderr } = await terminal.run(args, { env });
        assertEquals(code, 1, args[0]);
        assertStringIncludes(stderr, "UNDROP TABLE");
      }
    } finally {
      await double.stop();
    }
  },
});

Deno.test({
  name:
    "snowflake double: doctor finds the tables of every domain right, says so when they are not, and replay mends them",
  ignore: skip !== undefined,
  async fn() {
    await using terminal = await Terminal.open();
    const double = await startSnowflake();
    const env = settingsOf(double);
    const findings = async (...args: string[]) => {
      const { code, stdout, stderr } = await terminal.run(["doctor", "--json", ...args], { env });
      assert(stdout !== "", stderr);
      return { code, all: JSON.parse(stdout) as Finding[] };
    };
    try {
      for (const checked of checkedDomains) {
        const { topic } = domainOf(checked.name);
        await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
        await log.createTopics([{ topic, partitions: 2 }]);
        await log.produce(topic, new Traffic(checked, 5).take(2_000));
      }
      const { code, stderr } = await terminal.run(["run", "--until-end", "--no-simulate"], { env });
      assertEquals(code, 0, stderr);

      const right = await findings();
      assertEquals(right.all.filter(({ result }) => result !== "ok"), []);
      assertEquals(right.code, 0);
      assertEquals(new Set(right.all.map(({ domain }) => domain)).size, checkedDomains.length);

      const few = await findings("trains", "--max-rows", "10");
      assertStringIncludes(few.all[0]!.detail, "--max-rows");
      assertEquals([few.code, few.all[0]!.result], [0, "not checked"]);

      await double.control.sql("DELETE FROM ATS_ALERTS WHERE ALERT_TYPE = 'OVERCROWDING'");
      await double.control.sql(
        "UPDATE FRESHET_OFFSETS_TRAINS SET NEXT_OFFSET = NEXT_OFFSET - 5 WHERE DOMAIN = 'trains'",
      );
      const wrong = await findings("trains");
      assertEquals(wrong.code, 1);
      assertEquals(wrong.all.filter(({ result }) => result === "not ok").map(({ check }) => check).toSorted(), [
        "committed offsets are not ahead of the tables",
        "no record is beyond its partition's position",
        "overcrowding alerts are the sessions of flagged events",
      ]);

      await double.control.sql(
        "UPDATE FRESHET_OFFSETS_TRAINS SET NEXT_OFFSET = NEXT_OFFSET + 5 WHERE DOMAIN = 'trains'",
      );
      await double.control.sql("DELETE FROM FRESHET_STATE");
      for (const { name } of checkedDomains) {
        const replayed = await terminal.run(["replay", name, "--yes"], { env });
        assertEquals(replayed.code, 0, replayed.stderr);
      }
      assertEquals((await findings()).all.filter(({ result }) => result !== "ok"), []);
    } finally {
      await double.stop();
    }
  },
});
