import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { allSettings, readConfig } from "../../src/config/mod.ts";
import { defineDomains, domainModules } from "../../src/domains/mod.ts";
import { settingMeta } from "../../src/config/setting.ts";
import { SETUP_PARTS } from "../../src/cli/setup_sql.ts";
import { numbersIn } from "../../src/warehouse/sql/numbers.ts";
import { snowflakeDialect, splitStatements, tokens } from "../../src/warehouse/sql/scripts.ts";
import { Terminal } from "./terminal.ts";

const NAMES = {
  SNOWFLAKE_USER: "loader",
  SNOWFLAKE_ROLE: "ingest",
  SNOWFLAKE_WAREHOUSE: "small_wh",
  SNOWFLAKE_DATABASE: "analytics",
  SNOWFLAKE_SCHEMA: '"live data"',
};

Deno.test("sql setup prints what is to be run, in order, with the configured names and nothing left of the defaults", async () => {
  await using terminal = await Terminal.open();
  const args = ["sql", "setup", "--all", "--reader", "analysts", "--monitor", "m", "--credit-quota", "75"];
  const { code, stdout } = await terminal.run(args, { env: NAMES });
  assertEquals(code, 0);
  for (
    const expected of [
      'CREATE USER IF NOT EXISTS "LOADER"',
      'GRANT ROLE "INGEST" TO USER "LOADER";',
      'GRANT ROLE "ANALYSTS" TO USER "LOADER";',
      "--   SNOWFLAKE_QUERY_ROLE=analysts\n",
      'CREATE WAREHOUSE IF NOT EXISTS "SMALL_WH"',
      "AUTO_SUSPEND = 60",
      "CREDIT_QUOTA = 75",
      'CREATE SCHEMA IF NOT EXISTS "ANALYTICS"."live data"',
      'GRANT SELECT ON FUTURE TABLES IN SCHEMA "ANALYTICS"."live data" TO ROLE "ANALYSTS";',
      'USE SCHEMA "ANALYTICS"."live data";',
      "CREATE DYNAMIC TABLE ATS_TRANSFORMED",
      '--   SNOWFLAKE_SCHEMA="live data"\n',
    ]
  ) assertStringIncludes(stdout, expected);
  const words = [...tokens(stdout, snowflakeDialect)].filter(({ kind }) => kind === "word").map(({ text }) => text);
  const defaults = /^FRESHET_(USER|WRITER|READER|WH|DB|SCHEMA|MONITOR)$/;
  assertEquals(words.filter((word) => defaults.test(word)), []);
});

Deno.test("sql setup without settings prints the files as they are, and without what is optional", async () => {
  await using terminal = await Terminal.open();
  const { stdout } = await terminal.run(["sql", "setup"]);
  for (const { text, optional } of SETUP_PARTS) assertEquals(stdout.includes(text), !optional);
  assertStringIncludes(stdout, "--   freshet sql setup dynamic-tables-trains");
  assertStringIncludes(stdout, "--   SNOWFLAKE_SCHEMA=FRESHET_SCHEMA\n");
  assert(!splitStatements(stdout, snowflakeDialect).some((statement) => /\bDROP\b/.test(statement)));
  assertStringIncludes(stdout, "--   SNOWFLAKE_QUERY_ROLE=FRESHET_READER\n");
  const reading = await terminal.run(["sql", "setup"], { env: { SNOWFLAKE_QUERY_ROLE: "looking" } });
  assertStringIncludes(reading.stdout, 'GRANT ROLE "LOOKING" TO USER FRESHET_USER;');
  const one = await terminal.run(["sql", "setup", "clustering"]);
  assertEquals(one.stdout, SETUP_PARTS.find(({ name }) => name === "clustering")!.text);
});

Deno.test("sql setup has a quota that a warehouse which never sleeps does not use up, of either generation", async () => {
  await using terminal = await Terminal.open();
  const print = async (...flags: string[]) => {
    const { code, stdout, stderr } = await terminal.run(["sql", "setup", "warehouse", ...flags]);
    assertEquals(code, 0, stderr);
    return stdout;
  };
  const quotaIn = (text: string) => Number(/CREDIT_QUOTA = (\d+) \/\*/.exec(text)![1]);
  for (const [generation, creditsAnHour] of [["1", 1], ["2", 1.35]] as const) {
    const text = await print("--generation", generation);
    assertEquals(text.match(/GENERATION = '(\d)'/g), Array(2).fill(`GENERATION = '${generation}'`));
    assert(quotaIn(text) > 31 * 24 * creditsAnHour && quotaIn(text) < 31 * 24 * creditsAnHour * 1.1, text);
  }
  assertEquals(await print("--generation", "1"), await print());
  assertEquals(quotaIn(await print("--generation", "2", "--credit-quota", "75")), 75);
  assertEquals((await terminal.run(["sql", "setup", "--generation", "3"])).code, 2);
});

Deno.test("sql setup gives those who look a warehouse and a monitor of their own", async () => {
  await using terminal = await Terminal.open();
  const { stdout } = await terminal.run(["sql", "setup"], { env: { SNOWFLAKE_QUERY_WAREHOUSE: "looking" } });
  for (
    const expected of [
      'CREATE WAREHOUSE IF NOT EXISTS "LOOKING"',
      'ALTER WAREHOUSE "LOOKING" SET RESOURCE_MONITOR = FRESHET_QUERY_MONITOR;',
      'GRANT USAGE ON WAREHOUSE "LOOKING" TO ROLE FRESHET_READER;',
      "--   SNOWFLAKE_QUERY_WAREHOUSE=looking\n",
    ]
  ) assertStringIncludes(stdout, expected);
});

Deno.test("sql setup puts the public half of the configured key where it belongs", async () => {
  await using terminal = await Terminal.open();
  const path = `${terminal.dataDir}/key.p8`;
  const env = { SNOWFLAKE_PRIVATE_KEY_PATH: path, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "pass 1" };
  const { stdout: made } = await terminal.run(["keygen", path], { env });
  const { stdout, stderr } = await terminal.run(["sql", "setup"], { env });
  assertEquals(stderr, "");
  assertStringIncludes(stdout, `SET RSA_PUBLIC_KEY = '${/RSA_PUBLIC_KEY = '([^']+)'/.exec(made)![1]}'`);
  const wrong = await terminal.run(["sql", "setup"], { env: { ...env, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "pass 2" } });
  assertEquals([wrong.code, wrong.stdout], [2, ""]);
  assert(!wrong.stderr.includes("pass 2"));
  assertStringIncludes((await terminal.run(["sql", "setup"])).stderr, "<public key>");
});

const INJECTIONS: readonly (readonly [setting: keyof typeof NAMES, value: string])[] = [
  ["SNOWFLAKE_DATABASE", 'a"; DROP DATABASE x; --'],
  ["SNOWFLAKE_DATABASE", '"a"b"'],
  ["SNOWFLAKE_DATABASE", '"a"; DROP DATABASE x; --"'],
  ["SNOWFLAKE_SCHEMA", "a.b"],
  ["SNOWFLAKE_SCHEMA", "a b"],
  ["SNOWFLAKE_WAREHOUSE", "1st"],
  ["SNOWFLAKE_WAREHOUSE", '""'],
  ["SNOWFLAKE_ROLE", '"a\nb"'],
  ["SNOWFLAKE_ROLE", "accountadmin"],
  ["SNOWFLAKE_ROLE", '"SYSADMIN"'],
  ["SNOWFLAKE_DATABASE", `"${"x".repeat(300)}"`],
];

for (const [setting, value] of INJECTIONS) {
  Deno.test(`sql setup refuses ${JSON.stringify(value.slice(0, 40))} as ${setting}`, async () => {
    await using terminal = await Terminal.open();
    const { code, stdout, stderr } = await terminal.run(["sql", "setup"], { env: { [setting]: value } });
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, setting);
  });
}

Deno.test("a quoted name and a login name with quotes stay one identifier", async () => {
  await using terminal = await Terminal.open();
  const env = { SNOWFLAKE_DATABASE: '"a""; DROP DATABASE x; --"', SNOWFLAKE_USER: `x'y"; DROP USER z; --` };
  const { code, stdout } = await terminal.run(["sql", "setup"], { env });
  assertEquals(code, 0);
  const plain = splitStatements((await terminal.run(["sql", "setup"])).stdout, snowflakeDialect);
  assertEquals(splitStatements(stdout, snowflakeDialect).length, plain.length);
  assertStringIncludes(stdout, '"X\'Y""; DROP USER Z; --"');
});

Deno.test("sql setup fills in thresholds from the settings, and refuses what is no number", async () => {
  await using terminal = await Terminal.open();
  const args = ["sql", "setup", "dynamic-tables-trains"];
  const { stdout } = await terminal.run(args, { env: { ATS_ALERT_GAP_SECONDS: "90", ATS_HIGH_POWER_KW: "2500.5" } });
  assertStringIncludes(stdout, "90 /* ATS_ALERT_GAP_SECONDS */ * 1000");
  assertMatch(stdout, /POWER_DRAW_KW >= 2500\.5 \/\* ATS_HIGH_POWER_KW \*\//);
  const wrong = await terminal.run(args, { env: { ATS_ALERT_GAP_SECONDS: "90; DROP TABLE X" } });
  assertEquals([wrong.code, wrong.stdout], [2, ""]);
});

Deno.test("there is no part by another name", async () => {
  await using terminal = await Terminal.open();
  const { code, stderr } = await terminal.run(["sql", "setup", "tables"]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "dynamic-tables-trains");
});

/** What a setting is when nobody sets it: its own default, or what the domain of the file has. */
function defaultOf(setting: string, domainName: string | undefined): number {
  if (setting === "CREDIT_QUOTA") return 800;
  const own = settingMeta(allSettings(domainModules)[setting] as Parameters<typeof settingMeta>[0]).default;
  if (own !== undefined) return Number(own);
  const time = defineDomains(readConfig({}, domainModules).domains).find(({ name }) => name === domainName)!.time;
  const times: Record<string, number> = {
    FRESHET_MAX_OUT_OF_ORDERNESS_MS: time.maxOutOfOrdernessMs,
    FRESHET_MAX_FUTURE_SKEW_MS: time.maxFutureSkewMs,
  };
  return times[setting]!;
}

for (const { name, text } of SETUP_PARTS) {
  Deno.test(`the numbers in ${name} are the settings' defaults`, () => {
    const domain = /^dynamic-tables-(.+)$/.exec(name)?.[1];
    for (const [setting, number] of numbersIn(text)) {
      assertEquals([setting, number], [setting, defaultOf(setting, domain)]);
    }
  });
}
