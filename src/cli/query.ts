// `query`: read-only statements against the configured warehouse: one that is given, those of a file or of standard input, or one
// after the other in a small shell.
import { Option } from "commander";
import { QueryRefusedError } from "../errors.ts";
import { MAX_ROWS as MAX_ROWS_OVER_HTTP } from "../http/query_route.ts";
import { type Context, numberOption, textOfFile, UsageError, type Verb } from "./context.ts";
import { runShell } from "./query_shell.ts";
import { countOf, formatRows, isCut, type RowFormat, widthOf } from "./rows.ts";
import { openQueryTarget, type QueryTarget } from "./warehouse_access.ts";

export interface QueryFlags {
  readonly file?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly vertical?: boolean;
  readonly limit?: number;
  readonly timeout: number;
}

const TABLE_ROWS = 1_000;
/** Rows are held in memory: whoever wants more says so. */
const DATA_ROWS = MAX_ROWS_OVER_HTTP;
const MAX_ROWS = 10_000_000;
/** What to do about cells that are cut. */
const WHOLE = "--vertical shows all (in the shell: vertical)";

export const addQuery: Verb = (program, context) => {
  program.command("query")
    .summary("ask the warehouse, also while a run is up")
    .description(
      "Runs read-only statements against the warehouse and prints their rows: the one that is given, those of a file, or those that " +
        "come on standard input. At a terminal, without any of it, a small shell. Works while `run` is up, too.",
    )
    .argument("[sql]")
    .option("-f, --file <path>", 'the statements of this file; standard input for "-"')
    .addOption(new Option("--json", "as one JSON array, an element a line").conflicts("csv"))
    .option("--csv", "comma-separated values (RFC 4180)")
    .addOption(new Option("--vertical", "a block of lines for each row").conflicts(["json", "csv"]))
    .option(
      "--limit <rows>",
      `print at most so many rows (default ${TABLE_ROWS} in a table, else ${DATA_ROWS}; more is an error then)`,
      numberOption({ min: 1, max: MAX_ROWS, whole: true }),
    )
    .option("--timeout <seconds>", "give up after so long", numberOption({ min: 0.001, max: 600 }), 60)
    .action((sql: string | undefined, flags: QueryFlags) => query(context, sql, flags));
};

async function query(context: Context, sql: string | undefined, flags: QueryFlags): Promise<void> {
  const { host } = context;
  if (sql !== undefined && flags.file !== undefined) throw new UsageError("Give a statement or a file, not both");
  // Where a secret can be asked for, somebody sits at a terminal.
  const isShell = sql === undefined && flags.file === undefined && host.askSecret !== undefined;
  const statements = isShell ? [] : sql === undefined ? await statementsOf(context, flags.file) : [sql];
  if ((flags.json || flags.csv) && (isShell || statements.length > 1)) {
    throw new UsageError(
      `--json and --csv are for one statement: ${isShell ? "give it" : `there are ${statements.length}`}`,
    );
  }
  await using target = await openQueryTarget(context);
  if (isShell) return await runShell(context, (text, how) => answer(context, target, text, { ...flags, ...how }));
  for (const [n, statement] of statements.entries()) {
    if (n > 0) host.stdout.write("\n");
    await answer(context, target, statement, flags);
  }
}

async function statementsOf(context: Context, path: string | undefined): Promise<readonly string[]> {
  const text = path === undefined || path === "-"
    ? await new Response(context.host.stdin).text()
    : await textOfFile(path);
  const statements = context.parts.warehouseTraits(context.config()).statementsIn(text);
  if (statements.length > 0) return statements;
  throw new UsageError(
    path === undefined
      ? "There is no statement: give one, or a file, or one on standard input"
      : "There is no statement in it",
  );
}

async function answer(context: Context, target: QueryTarget, sql: string, flags: QueryFlags): Promise<void> {
  const { host } = context;
  const format: RowFormat = flags.json ? "json" : flags.csv ? "csv" : flags.vertical ? "vertical" : "table";
  const isForPeople = format === "table" || format === "vertical";
  const maxRows = flags.limit ?? (isForPeople ? TABLE_ROWS : DATA_ROWS);
  const options = { maxRows, timeoutMs: Math.ceil(flags.timeout * 1000), signal: host.signal };
  const result = await target.query(sql, options);
  for (const text of formatRows(result, format, widthOf(host.stdout))) host.stdout.write(text);
  if (isForPeople && host.stdout.isTerminal) {
    const isNarrow = format === "table" && isCut(result, host.stdout.columns);
    host.stdout.write(`\n${countOf(result.rows.length, "row")}${isNarrow ? `, cut to fit: ${WHOLE}` : ""}\n`);
  }
  if (!result.truncated) return;
  const more = `There are more than ${maxRows} rows: --limit shows more`;
  // A program that reads JSON or CSV must not take a part for the whole, unless it has asked for a part.
  if (!isForPeople && flags.limit === undefined) throw new QueryRefusedError(more);
  host.stderr.write(`${more}\n`);
}
