// The program with SNOWFLAKE_RAW_INGEST=streaming: a run, rows that the service skips, and those who look at the tables.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Terminal } from "../../cli/terminal.ts";
import { Program } from "../../support/program.ts";
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

Deno.test({
  name:
    "snowpipe streaming: a run that is stopped while the service answers 503 says what is not written, and the next one has each row once",
  ignore: skip !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using terminal = await Terminal.open();
    const double = await startSnowflake({ users: [KEY_USER] });
    try {
      const env = { ...settingsFor(double), ...STREAMING_SETTINGS, FRESHET_DRAIN_MS: "3000" };
      const { dataDir } = terminal;
      for (const args of [["migrate"], ["simulate", "trains", "--count", "300", "--seed", "5"]]) {
        const { code, stderr } = await terminal.run(args, { env });
        assertEquals(code, 0, stderr);
      }
      double.control.inject({ kind: "status", status: 503 }, { request: "append", times: Infinity });
      const { program } = await Program.start({ dataDir, env });
      await using _program = program;
      while (double.streamingRequests().every(({ status }) => status !== 503)) await pause(50);
      assert(await program.stop() !== 0);
      assertStringIncludes(program.log, "was not written within 3000 ms (FRESHET_DRAIN_MS)");
      double.control.clearFaults();
      const { code, stderr } = await terminal.run(["run", "trains", "--until-end", "--no-simulate"], { env });
      assertEquals(code, 0, stderr);
      const rows = await double.control.sql(
        "SELECT COUNT(*), COUNT(DISTINCT RECORD_METADATA:partition || '/' || RECORD_METADATA:offset) FROM ATS_RAW_JSON",
      );
      assertEquals(rows.map((row) => row.map(Number)), [[300, 300]]);
      assertEquals(double.streaming.violations, []);
    } finally {
      await double.stop();
    }
  },
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
