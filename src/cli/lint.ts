// `lint`: whether a domain is right, before it runs: its SQL against its pipeline, and a dry run over records, with the rows that
// they make. All of it in a folder that goes away: the configured log and warehouse are not touched.
import { generalRules, ownRules } from "../checks/mod.ts";
import type { Config } from "../config/mod.ts";
import { type Domain, outputsOf } from "../domains/domain.ts";
import { FreshetError } from "../errors.ts";
import type { NewRecord } from "../log/log.ts";
import { provideTopics, scriptsOf } from "../parts.ts";
import type { Warehouse } from "../warehouse/warehouse.ts";
import { type Context, numberOption, textOfFile, type Verb } from "./context.ts";
import { keep, type Seen } from "./doctor/mod.ts";
import { type Finding, report } from "./doctor/report.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { countOf, textTable, widthOf } from "./rows.ts";
import { intervalOf } from "./simulation.ts";

interface LintFlags {
  readonly file?: string;
  readonly count: number;
  readonly rows: number;
  readonly json?: boolean;
}

/** Rows of one table that the records make. */
interface MadeTable {
  readonly table: string;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly first: readonly (readonly unknown[])[];
}

/** The domain is not right. */
class LintError extends FreshetError {
  readonly code = "lint";
  readonly retriable = false;
}

const ADVICE = "the rules in the domain's checks and its pipeline do not agree: one of them is wrong";

export const addLint: Verb = (program, context) => {
  program.command("lint")
    .summary("check a domain before it runs, with a dry run")
    .description(
      "Makes the domain's tables in a folder of its own, works records off into them, and shows the rows they make and which records " +
        "could not be used. Checks that the SQL has what the pipeline writes, and that derived rows are as recomputed. Exit code 1 " +
        "when something is not right. The configured log and warehouse are not touched.",
    )
    .argument("<domain>")
    .option("-f, --file <path>", "records of this file, one JSON a line; simulated ones without it")
    .option("--count <n>", "so many simulated records", numberOption({ min: 1, max: 1_000_000, whole: true }), 1_000)
    .option("--rows <n>", "show so many rows of each table", numberOption({ min: 0, max: 1_000, whole: true }), 3)
    .option(...JSON_OBJECT)
    .action((name: string, flags: LintFlags) => lint(context, name, flags));
};

async function lint(context: Context, name: string, flags: LintFlags): Promise<void> {
  const domain = context.domainNamed(name);
  const records = flags.file === undefined
    ? await simulatedRecords(context, domain, flags.count)
    : await recordsOf(flags.file);
  const folder = await Deno.makeTempDir({ prefix: "freshet_lint_" });
  try {
    const config: Config = {
      ...context.config(),
      dataDir: folder,
      kafka: undefined,
      snowflake: undefined,
      schemaRegistry: undefined,
    };
    await using warehouse = await context.parts.openWarehouse(config, context.host.clock);
    const findings: Seen[] = [await sqlFinding(warehouse, domain)];
    const made: MadeTable[] = [];
    if (findings.every(({ result }) => result === "ok")) {
      findings.push(...await dryRun(context, { domain, config, warehouse, records }));
      made.push(...await tablesOf(warehouse, domain, flags.rows));
    }
    tell(context, { domain: name, findings: findings.map((each) => ({ ...each, domain: name })), made }, flags);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function recordsOf(path: string): Promise<readonly NewRecord[]> {
  const text = await textOfFile(path);
  return text.split("\n").filter((line) => line.trim() !== "").map((value) => ({ value }));
}

async function simulatedRecords(context: Context, domain: Domain, count: number): Promise<readonly NewRecord[]> {
  const simulator = await context.simulatorOf(domain);
  const settings = context.config().domains;
  const intervalMs = intervalOf(simulator, settings);
  // Twice as long as it takes in the mean: of a night there are fewer.
  const start = context.host.clock.now() - 2 * count * intervalMs / simulator.sources - 3_600_000;
  return simulator.generate({ seed: 1, start, intervalMs, settings }).take(count).toArray();
}

/** Whether the SQL makes every table and every key column that the pipeline writes, and the views that merge parts. */
async function sqlFinding(warehouse: Warehouse, domain: Domain): Promise<Seen> {
  const check = "the SQL has what the pipeline writes";
  const advice = `compare sql/${domain.name}.sql with the outputs of src/domains/${domain.name}; ` +
    "windows in a table <NAME>_PARTS need a view <NAME> that merges the partitions, see docs/domains.md";
  try {
    await warehouse.migrate(scriptsOf([domain]));
    for (const { table, columns } of writtenBy(domain)) {
      await warehouse.query(`SELECT ${columns.join(", ") || "*"} FROM ${table} LIMIT 0`);
    }
    return { check, result: "ok", detail: "" };
  } catch (error) {
    if (!(error instanceof FreshetError)) throw error;
    return { check, result: "not ok", detail: error.message, advice };
  }
}

function writtenBy(domain: Domain): readonly { readonly table: string; readonly columns: readonly string[] }[] {
  const { table, metadata, content } = domain.raw;
  const outputs = outputsOf(domain).map((output) => (
    { table: output.name, columns: "keyNames" in output ? output.keyNames : [] }
  ));
  return [{ table, columns: [metadata, content] }, ...outputs, ...viewsOf(domain)];
}

/** Of windows whose rows are parts: the views that merge those of all partitions, which readers and rules look at. */
function viewsOf(domain: Domain) {
  return outputsOf(domain).filter(({ kind, name }) => kind === "windows" && name.endsWith("_PARTS")).map(({ name }) => (
    { table: name.slice(0, -"_PARTS".length), columns: ["IS_FINAL", "VERSION"] }
  ));
}

interface DryRun {
  readonly domain: Domain;
  readonly config: Config;
  readonly warehouse: Warehouse;
  readonly records: readonly NewRecord[];
}

/** Works the records off, and looks at what came of them. */
async function dryRun(context: Context, { domain, config, warehouse, records }: DryRun): Promise<readonly Seen[]> {
  const { parts, host: { clock, signal } } = context;
  await using log = await parts.openLog(config, clock);
  await provideTopics(log, [domain], config);
  await log.produce(domain.topic, records);
  const runner = parts.createRunner({
    ...{ domain, log, warehouse, clock, observers: [], untilEnd: true },
    config: { ...config, maxRestarts: 0 },
  });
  const check = `the pipeline takes ${countOf(records.length, "record")}`;
  try {
    await runner.run(signal);
  } catch (error) {
    if (!(error instanceof FreshetError)) throw error;
    return [{
      check,
      result: "not ok",
      detail: error.message,
      advice: "a column or its type is not what the pipeline gives",
    }];
  }
  const dead = await deadLetters(warehouse);
  const taken: Seen = dead === ""
    ? { check, result: "ok", detail: "" }
    : { check, result: "not ok", detail: dead, advice: "these would be dead letters" };
  const rules = { ...generalRules(domain), ...ownRules(domain, config.domains) };
  return [taken, ...await keep(warehouse, rules, ADVICE)];
}

/** A line for each reason, with the first detail. */
async function deadLetters(warehouse: Warehouse): Promise<string> {
  const sql =
    `SELECT STAGE, REASON, COUNT(*) AS N, MIN(DETAIL) AS DETAIL FROM DEAD_LETTERS GROUP BY STAGE, REASON ORDER BY N DESC`;
  const { rows } = await warehouse.query(sql);
  return rows.map(([stage, reason, count, detail]) =>
    `${countOf(Number(count), "record")}: ${stage} ${reason}, ${detail}`
  ).join("\n");
}

async function tablesOf(warehouse: Warehouse, domain: Domain, rows: number): Promise<readonly MadeTable[]> {
  const made: MadeTable[] = [];
  for (const { name: table } of outputsOf(domain)) {
    if (made.some((each) => each.table === table)) continue;
    const counted = await warehouse.query(`SELECT COUNT(*) FROM ${table}`);
    const first = await warehouse.query(`SELECT * FROM ${table} LIMIT ${rows}`);
    made.push({
      table,
      rows: Number(counted.rows[0]![0]),
      columns: first.columns.map(({ name }) => name),
      first: first.rows,
    });
  }
  return made;
}

interface Linted {
  readonly domain: string;
  readonly findings: readonly Finding[];
  readonly made: readonly MadeTable[];
}

function tell({ host: { stdout } }: Context, { domain, findings, made }: Linted, { json }: LintFlags): void {
  if (json) stdout.write(jsonText({ domain, findings, tables: made.map(asJson) }));
  else {
    for (const { table, rows, columns, first } of made) {
      stdout.write(`${table}: ${countOf(rows, "row")}\n`);
      if (first.length > 0) stdout.write(`${textTable(columns, first, { width: widthOf(stdout) })}\n`);
    }
    stdout.write(report(findings));
  }
  const bad = findings.filter(({ result }) => result === "not ok").length;
  if (bad > 0) throw new LintError(`${bad} of ${countOf(findings.length, "check")} found something that is not right`);
}

const asJson = ({ table, rows, columns, first }: MadeTable) => ({
  table,
  rows,
  first: first.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null]))),
});
