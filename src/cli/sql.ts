// `sql setup`: prints sql/snowflake/ with the configured names, to be pasted into a worksheet; `sql reset` what makes domains
// begin again. Send nothing anywhere.
import type { ZodType } from "zod";
import { Option } from "commander";
import { allSettings } from "../config/mod.ts";
import { FreshetError } from "../errors.ts";
import { settingMeta } from "../config/setting.ts";
import { proofOf } from "../warehouse/snowflake/credentials.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { readEnvironment } from "./environment.ts";
import { publicKeyOf } from "./key_pair.ts";
import { resetSql } from "./reset_sql.ts";
import { fillIn, type Generation, GENERATIONS, monthlyQuota, SETUP_PARTS, type SetupPart } from "./setup_sql.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { identifier, userName } from "./snowflake_names.ts";

interface SetupFlags {
  readonly all?: boolean;
  readonly reader?: string;
  readonly monitor?: string;
  readonly creditQuota?: number;
  readonly generation?: Generation;
  readonly json?: boolean;
}

type Environment = Readonly<Record<string, string>>;

export const addSql: Verb = (program, context) => {
  const sql = program.command("sql")
    .summary("SQL to run by hand")
    .description("Prints SQL that a person runs: Freshet itself has no rights to do so.");
  sql.command("setup")
    .description(
      "Prints the SQL that sets Snowflake up for Freshet, with the names of SNOWFLAKE_USER, _ROLE, _QUERY_ROLE, _WAREHOUSE, " +
        "_QUERY_WAREHOUSE, _DATABASE and _SCHEMA, and the public key of SNOWFLAKE_PRIVATE_KEY or SNOWFLAKE_PRIVATE_KEY_PATH. Without a part named, all that everybody needs. " +
        `Parts: ${SETUP_PARTS.map(({ name }) => name).join(", ")}.`,
    )
    .argument("[part...]")
    .option("--all", "the optional parts too")
    .option("--reader <role>", "role for those who read; SNOWFLAKE_QUERY_ROLE if it is set, else FRESHET_READER")
    .option("--monitor <name>", "resource monitor of the warehouse", "FRESHET_MONITOR")
    .option(
      "--credit-quota <credits>",
      "its quota for a month; by default what a warehouse that never sleeps uses",
      numberOption({ min: 1, whole: true }),
    )
    .addOption(
      new Option("--generation <n>", "of the warehouses; Snowflake's own default is 2 in new accounts").choices(
        GENERATIONS,
      ),
    )
    .option(...JSON_OBJECT)
    .action((parts: readonly string[], flags: SetupFlags) => printSetup(context, parts, flags));
  sql.command("reset")
    .description(
      "Prints the SQL after which the domains named begin again with what their topics still hold: sets their tables aside " +
        "and forgets offsets and state. For topics made anew, and for windows that were changed.",
    )
    .argument("<domain...>")
    .option("--drop", "drop the tables instead of keeping them as <NAME>_OLD")
    .option(...JSON_OBJECT)
    .action(
      (names: readonly string[], { drop = false, json }: { readonly drop?: boolean; readonly json?: boolean }) => {
        const { snowflake } = context.config();
        const text = resetSql(context.domainsNamed(names), { drop, snowflake });
        context.host.stdout.write(json ? jsonText({ sql: text }) : text);
      },
    );
};

// Only the environment is read, not the configuration: this verb comes before the settings are complete.
async function printSetup(context: Context, wanted: readonly string[], flags: SetupFlags): Promise<void> {
  const { stdout, stderr } = context.host;
  const env = readEnvironment(context.host.env);
  const parts = partsNamed(wanted, flags.all === true);
  const needsKey = parts.some(({ name }) => name === "user");
  const publicKey = needsKey ? await configuredKey(env) : undefined;
  const names = namesOf(env, flags);
  const { generation } = flags;
  const quota = flags.creditQuota ?? (generation && monthlyQuota(generation));
  const number = (setting: string) => setting === "CREDIT_QUOTA" ? quota : numberOf(setting, context, env);
  const text = parts.map(({ text }) => fillIn(text, { names, number, publicKey, generation })).join("\n") +
    (wanted.length === 0 ? settingsFor(env, flags) + whatElse(flags.all === true) : "");
  stdout.write(flags.json ? jsonText({ sql: text }) : text);
  if (needsKey && publicKey === undefined) {
    stderr.write(
      "Put your public key where <public key> stands, or set SNOWFLAKE_PRIVATE_KEY_PATH: freshet keygen makes it\n",
    );
  }
}

/** The settings that go with what was printed, as comments. */
function settingsFor(env: Environment, { reader }: SetupFlags): string {
  const given = (setting: string, otherwise: string) => `--   ${setting}=${env[setting]?.trim() || otherwise}\n`;
  return "\n-- Freshet's settings for it, beside SNOWFLAKE_ACCOUNT and SNOWFLAKE_PRIVATE_KEY_PATH:\n" +
    given("SNOWFLAKE_USER", "FRESHET_USER") + given("SNOWFLAKE_ROLE", "FRESHET_WRITER") +
    `--   SNOWFLAKE_QUERY_ROLE=${readerOf(env, reader)}\n` +
    given("SNOWFLAKE_WAREHOUSE", "FRESHET_WH") + given("SNOWFLAKE_QUERY_WAREHOUSE", "FRESHET_QUERY_WH") +
    given("SNOWFLAKE_DATABASE", "FRESHET_DB") +
    given("SNOWFLAKE_SCHEMA", "FRESHET_SCHEMA");
}

/** The reader's role: of the option, of the setting, or as the SQL names it. */
function readerOf(env: Environment, option: string | undefined): string {
  return option ?? (env.SNOWFLAKE_QUERY_ROLE?.trim() || "FRESHET_READER");
}

function whatElse(all: boolean): string {
  const optional = SETUP_PARTS.filter((part) => part.optional).map(({ name, title }) =>
    `--   freshet sql setup ${name}: ${title}\n`
  );
  return "\n-- Next: the tables. `freshet migrate` makes them, `freshet migrate --dry-run` prints their SQL.\n" +
    (all ? "" : `-- Optional, and not printed above:\n${optional.join("")}`);
}

function partsNamed(wanted: readonly string[], all: boolean): readonly SetupPart[] {
  const known = SETUP_PARTS.map(({ name }) => name);
  for (const name of wanted) {
    if (!known.includes(name)) throw new UsageError(`There is no part "${name}". Parts: ${known.join(", ")}`);
  }
  return SETUP_PARTS.filter(({ name, optional }) => wanted.length > 0 ? wanted.includes(name) : all || !optional);
}

const SYSTEM_ROLES = /^"(ACCOUNTADMIN|ORGADMIN|GLOBALORGADMIN|SECURITYADMIN|USERADMIN|SYSADMIN|PUBLIC)"$/;

function namesOf(env: Environment, { reader, monitor }: SetupFlags): ReadonlyMap<string, string> {
  const given: readonly (readonly [word: string, setting: string, value: string | undefined])[] = [
    ["FRESHET_WRITER", "SNOWFLAKE_ROLE", env.SNOWFLAKE_ROLE],
    ["FRESHET_READER", reader === undefined ? "SNOWFLAKE_QUERY_ROLE" : "--reader", readerOf(env, reader)],
    ["FRESHET_WH", "SNOWFLAKE_WAREHOUSE", env.SNOWFLAKE_WAREHOUSE],
    ["FRESHET_QUERY_WH", "SNOWFLAKE_QUERY_WAREHOUSE", env.SNOWFLAKE_QUERY_WAREHOUSE],
    ["FRESHET_DB", "SNOWFLAKE_DATABASE", env.SNOWFLAKE_DATABASE],
    ["FRESHET_SCHEMA", "SNOWFLAKE_SCHEMA", env.SNOWFLAKE_SCHEMA],
    ["FRESHET_MONITOR", "--monitor", monitor],
  ];
  const names = new Map<string, string>();
  for (const [word, setting, value] of given) {
    if (value?.trim() && value.trim() !== word) names.set(word, identifier(setting, value));
  }
  if (env.SNOWFLAKE_USER?.trim()) names.set("FRESHET_USER", userName(env.SNOWFLAKE_USER));
  for (const [word, setting] of given.slice(0, 2)) {
    if (SYSTEM_ROLES.test(names.get(word) ?? "")) {
      throw new UsageError(`${setting} is ${names.get(word)}, a role of Snowflake's own: name one for Freshet alone`);
    }
  }
  return names;
}

function numberOf(setting: string, context: Context, env: Environment): number | undefined {
  const given = env[setting]?.trim();
  const schema = allSettings(context.parts.modules)[setting] as ZodType | undefined;
  if (!given || !schema) return undefined;
  const { data } = schema.safeParse(given);
  if (typeof data === "number" && Number.isFinite(data)) return data;
  throw new UsageError(`${setting} is ${JSON.stringify(given)}: expected ${settingMeta(schema).form || "a number"}`);
}

/** The public key of the configured private key, if there is one. */
async function configuredKey(env: Environment): Promise<string | undefined> {
  const text = env.SNOWFLAKE_PRIVATE_KEY?.trim();
  const path = env.SNOWFLAKE_PRIVATE_KEY_PATH?.trim();
  if (!text && !path) return undefined;
  const passphrase = env.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE?.trim() || undefined;
  try {
    const { options } = await proofOf({ kind: "key", key: text ? { text } : { path: path! }, passphrase });
    return publicKeyOf(String(options.privateKey), undefined).body;
  } catch (error) {
    if (error instanceof FreshetError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
