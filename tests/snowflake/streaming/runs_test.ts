// The program with SNOWFLAKE_RAW_INGEST=streaming: a run, rows that the service skips, and those who look at the tables.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Terminal } from "../../cli/terminal.ts";
import { settingsFor, startSnowflake, whyNoSnowflake } from "../../support/snowflake/mod.ts";
import { KEY_USER, STREAMING_SETTINGS } from "../../support/snowflake/streaming/place.ts";

const skip = await whyNoSnowflake();

Deno.test({
  name: "snowpipe streaming: a run loads history, what the service skips is a dead letter, and doctor finds all right",
  ignore: skip !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using terminal = await Terminal.open();
    const double = await startSnowflake({ users: [KEY_USER] });
    try {
      const env = { ...settingsFor(double), ...STREAMING_SETTINGS };
      const run = async (...args: readonly string[]) => {
        const { code, stdout, stderr } = await terminal.run(args, { env });
        assertEquals(code, 0, stderr);
        return stdout;
      };
      await run("migrate");
      await run("simulate", "trains", "--count", "400", "--seed", "3", "--bad", "0.05");
      // Some of the raw rows, whatever is in them.
      double.streaming.behaviour.skips = /"offset":\d*7,/;
      await run("run", "trains", "--until-end", "--no-simulate");
      const count = async (table: string) => Number((await double.control.sql(`SELECT COUNT(*) FROM ${table}`))[0]![0]);
      const skipped = await count("DEAD_LETTERS WHERE STAGE = 'write'");
      const [raw, dead, typed] = [
        await count("ATS_RAW_JSON"),
        await count("DEAD_LETTERS"),
        await count("ATS_TRANSFORMED"),
      ];
      assertEquals([raw + dead, typed, skipped > 20, dead > skipped], [400, raw, true, true]);
      const [[detail] = []] = await double.control.sql("SELECT DETAIL FROM DEAD_LETTERS WHERE STAGE = 'write' LIMIT 1");
      assertStringIncludes(detail!, "skipped by Snowpipe Streaming");
      // A row that is ahead of its unit, as while a run is under way.
      await double.control.sql(
        `INSERT INTO ATS_RAW_JSON SELECT PARSE_JSON('{"topic":"ats_telemetry","partition":0,"offset":100000}'), PARSE_JSON('{}')`,
      );
      await run("doctor", "trains");
      const before = await double.control.sql("SELECT COUNT(*), SUM(EVENT_COUNT) FROM ATS_HOURLY_STATS_PARTS");
      assertStringIncludes(await run("replay", "trains", "--yes"), `anew from ${raw} records`);
      assertEquals(await double.control.sql("SELECT COUNT(*), SUM(EVENT_COUNT) FROM ATS_HOURLY_STATS_PARTS"), before);
      await run("doctor", "trains");
      const strict = await terminal.run(["doctor", "trains"], { env: { ...env, SNOWFLAKE_RAW_INGEST: "sql" } });
      assertStringIncludes(strict.stdout, "no record is beyond its partition's position");
      assertEquals(strict.code === 0, false);
      const other = await terminal.run(["run", "trains", "--until-end", "--no-simulate"], {
        env: { ...env, SNOWFLAKE_RAW_INGEST: "sql" },
      });
      assertEquals(other.code === 0, false);
      assertStringIncludes(other.stderr, "SNOWFLAKE_RAW_INGEST=streaming");
    } finally {
      await double.stop();
    }
  },
});
