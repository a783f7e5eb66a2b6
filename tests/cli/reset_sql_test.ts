import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DuckDBInstance } from "@duckdb/node-api";
import { readConfig } from "../../src/config/mod.ts";
import { defineDomains, domainModules } from "../../src/domains/mod.ts";
import { Terminal } from "./terminal.ts";

/** As somebody does by hand, while nothing else has the file. */
async function runByHand(terminal: Terminal, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(`${terminal.dataDir}/freshet.duckdb`);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

async function rows(terminal: Terminal, sql: string) {
  const { code, stdout, stderr } = await terminal.run(["query", sql, "--json"]);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout) as Record<string, unknown>[];
}

const DONE = ["run", "trains", "wine", "--until-end"];
const TRAINS = "SELECT COUNT(*) AS N, COUNT(DISTINCT RECORD_METADATA) AS DIFFERENT, " +
  "(SELECT SUM(EVENT_COUNT) FROM ATS_HOURLY_STATS) AS COUNTED, " +
  "(SELECT COUNT(*) FROM DEAD_LETTERS WHERE DOMAIN = 'trains') AS DEAD FROM ATS_RAW_JSON";

Deno.test("after a topic was made anew the run says what to do, and with that SQL the domain begins again, alone", async () => {
  await using terminal = await Terminal.open();
  await terminal.run(["simulate", "trains", "--count", "3000", "--bad", "0.1"]);
  await terminal.run(["simulate", "wine", "--count", "500"]);
  assertEquals((await terminal.run(DONE)).code, 0);
  const [before] = await rows(terminal, TRAINS);
  for (const end of ["", "-wal", "-shm"]) {
    await Deno.remove(`${terminal.dataDir}/freshet.log.db${end}`).catch(() => {});
  }
  await terminal.run(["simulate", "trains", "--count", "4000", "--bad", "0.1", "--seed", "2"]);
  const refused = await terminal.run(["run", "trains", "--until-end"]);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, "freshet sql reset trains");

  const { stdout: sql } = await terminal.run(["sql", "reset", "trains"]);
  await runByHand(terminal, sql);
  assertEquals((await terminal.run(["run", "trains", "--until-end"])).code, 0);
  const [after] = await rows(terminal, TRAINS);
  assert(Number(after!.DEAD) > 100);
  assertEquals(Number(after!.N) + Number(after!.DEAD), 4000);
  assertEquals([after!.DIFFERENT, after!.COUNTED], [after!.N, after!.N]);
  assertEquals(await rows(terminal, "SELECT COUNT(*) AS N FROM ATS_RAW_JSON_OLD"), [{ N: before!.N }]);
  assertEquals(await rows(terminal, "SELECT COUNT(*) AS N FROM RAW_EVENTS_STREAM"), [{ N: 500 }]);
});

Deno.test("sql reset names every table and view of a domain, and drops only when asked to", async () => {
  await using terminal = await Terminal.open();
  const domains = defineDomains(readConfig({}, domainModules).domains);
  assert(domains.length >= 5);
  for (const { name, sql } of domains) {
    const objects = [...sql.matchAll(/^CREATE (?:OR REPLACE )?(TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)/gm)];
    const kept = (await terminal.run(["sql", "reset", name])).stdout;
    const dropped = (await terminal.run(["sql", "reset", name, "--drop"])).stdout;
    for (const [, kind, object] of objects) {
      const drop = `DROP ${kind} IF EXISTS ${object};`;
      assertStringIncludes(dropped, drop);
      assertStringIncludes(kept, kind === "VIEW" ? drop : `ALTER TABLE IF EXISTS ${object} RENAME TO ${object}_OLD;`);
    }
    assert(!kept.includes("DROP TABLE"));
  }
  assertEquals((await terminal.run(["sql", "reset"])).code, 2);
  assertEquals((await terminal.run(["sql", "reset", "buses"])).code, 2);
});

Deno.test("sql reset goes to the configured place in Snowflake first, without logging in", async () => {
  await using terminal = await Terminal.open();
  const env = {
    SNOWFLAKE_ACCOUNT: "nowhere-nobody",
    SNOWFLAKE_USER: "u",
    SNOWFLAKE_PASSWORD: "p",
    SNOWFLAKE_DATABASE: "analytics",
    SNOWFLAKE_SCHEMA: '"live data"',
    SNOWFLAKE_ROLE: "writer",
  };
  const { stdout } = await terminal.run(["sql", "reset", "rides"], { env });
  assertStringIncludes(stdout, 'USE ROLE "WRITER";\nUSE SCHEMA "ANALYTICS"."live data";\n');
  assertStringIncludes(stdout, "DELETE FROM FRESHET_OFFSETS_RIDES WHERE DOMAIN = 'rides';");
});
