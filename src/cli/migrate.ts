// `migrate`: creates the tables, or prints the SQL that does.
import type { SnowflakeConfig } from "../config/snowflake.ts";
import { scriptsOf } from "../parts.ts";
import { findRunning, makeDataDir } from "../run_file.ts";
import { type Context, UsageError, type Verb } from "./context.ts";
import { jsonText } from "./json.ts";
import { WarehouseRefusedError } from "../errors.ts";
import { readSections, type Section, snowflakeDialect } from "../warehouse/sql/scripts.ts";
import type { MigrationStep } from "../warehouse/warehouse.ts";
import { rerunnable } from "../warehouse/snowflake/granted_views.ts";
import { OFFSETS_STEP, offsetsStatements, withoutOffsets } from "../warehouse/snowflake/offsets_tables.ts";
import { useStatements } from "./snowflake_names.ts";

interface MigrateFlags {
  readonly dryRun?: boolean;
  readonly pending?: boolean;
  readonly json?: boolean;
}

export const addMigrate: Verb = (program, context) => {
  program.command("migrate")
    .summary("create the tables")
    .description("Applies the sections of the domains' SQL that the warehouse does not have yet. `run` does it too.")
    .option(
      "--dry-run",
      "print the statements and change nothing; for Snowflake all of them, ready to be pasted, without logging in",
    )
    .option("--pending", "with --dry-run, ask Snowflake and print only what it does not have yet")
    .option("--json", "as one JSON array of what was applied, or with --dry-run would be, with its statements")
    .action((flags: MigrateFlags) => migrate(context, flags));
};

async function migrate(
  context: Context,
  { dryRun = false, pending = false, json = false }: MigrateFlags,
): Promise<void> {
  const { host, parts } = context;
  if (pending && !dryRun) {
    throw new UsageError(
      "--pending only prints, so it goes with --dry-run; without both everything that is missing is applied",
    );
  }
  const config = context.config();
  if (dryRun && config.snowflake && !pending) {
    if (json) host.stdout.write(jsonText(stepsJson([offsetsStep(context), ...await allSections(context)])));
    else await printAll(context, config.snowflake);
    return;
  }
  const running = await findRunning(config.dataDir);
  if (running) {
    throw new WarehouseRefusedError(`A run (pid ${running.pid}) is up: it has migrated already. Stop it to migrate`);
  }
  await makeDataDir(config.dataDir);
  await using warehouse = await parts.openWarehouse(config, host.clock);
  const steps = await warehouse.migrate(scriptsOf(context.domains()), { dryRun });
  if (json) return host.stdout.write(jsonText(stepsJson(steps)));
  if (steps.length === 0) host.stdout.write(`${dryRun ? "-- " : ""}${warehouse.description}: nothing to do\n`);
  for (const step of steps) {
    const { name, version, title } = step;
    host.stdout.write(`${dryRun ? "-- would apply" : "applied"} ${name} version ${version}: ${title}\n`);
    if (dryRun) host.stdout.write(statementsOf(step));
  }
}

const stepsJson = (steps: readonly MigrationStep[]) =>
  steps.map(({ name, version, title, statements }) => ({ name, version, title, statements }));

/** What a schema without anything needs, beside the tables of offsets. */
async function allSections(context: Context): Promise<readonly Section[]> {
  const sections = scriptsOf(context.domains()).map((script) => readSections(script, snowflakeDialect));
  return rerunnable((await Promise.all(sections)).flat().map(withoutOffsets));
}

function offsetsStep(context: Context): MigrationStep {
  return { ...OFFSETS_STEP, statements: offsetsStatements(context.domains().map(({ name }) => name)) };
}

function statementsOf({ statements }: MigrationStep): string {
  return statements.map((statement) => `${statement.trim()};\n`).join("\n") + "\n";
}

/** What a schema without anything needs, noted as applied at the end of each section, so that `run` finds nothing to do. */
async function printAll(context: Context, snowflake: SnowflakeConfig) {
  const { stdout } = context.host;
  const { account, database, schema } = snowflake;
  stdout.write(
    `-- All that Freshet's tables need in Snowflake ${account}, ${database}.${schema}. Nothing was sent there, and what is\n` +
      "-- there already was not looked at: every statement can be run again. --pending asks for what is missing.\n" +
      "-- Where FRESHET_OFFSETS is still the one table of an older version, CREATE OR REPLACE VIEW cannot be run: let the first\n" +
      '-- start move its rows, or do it by hand as docs/snowflake.md has it ("From a version with one table of offsets").\n\n',
  );
  stdout.write(`${useStatements(snowflake)}\n`);
  const offsets = offsetsStep(context);
  stdout.write(`-- ${offsets.name} version ${offsets.version}: ${offsets.title}\n${statementsOf(offsets)}\n`);
  for (const section of await allSections(context)) {
    stdout.write(`-- ${section.name} version ${section.version}: ${section.title}\n`);
    stdout.write(`${statementsOf(section)}${noteOf(section)}\n`);
  }
}

const literal = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

function noteOf({ name, version, title, checksum }: Section): string {
  return "INSERT INTO FRESHET_MIGRATIONS (NAME, VERSION, TITLE, CHECKSUM, APPLIED_AT)\n" +
    `SELECT ${literal(name)}, ${version}, ${literal(title)}, ${literal(checksum)}, SYSDATE()\n` +
    `FROM (SELECT COUNT(*) AS KNOWN FROM FRESHET_MIGRATIONS WHERE NAME = ${literal(name)} AND VERSION = ${version})\n` +
    "WHERE KNOWN = 0;\n";
}
