// `query`: one read-only statement against the configured warehouse.
import { Option } from "commander";
import { QueryRefusedError } from "../errors.ts";
import { MAX_ROWS as MAX_ROWS_OVER_HTTP } from "../http/query_route.ts";
import { type Context, numberOption, type Verb } from "./context.ts";
import { countOf, formatRows, type RowFormat, widthOf } from "./rows.ts";
import { openQueryTarget } from "./warehouse_access.ts";

interface QueryFlags {
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

export const addQuery: Verb = (program, context) => {
  program.command("query")
    .summary("ask the warehouse, also while a run is up")
    .description(
      "Runs one read-only statement against the warehouse and prints its rows. Works while `run` is up, too.",
    )
    .argument("<sql>")
    .addOption(new Option("--json", "one JSON array of rows").conflicts("csv"))
    .option("--csv", "comma-separated values (RFC 4180)")
    .addOption(new Option("--vertical", "a block of lines for each row").conflicts(["json", "csv"]))
    .option(
      "--limit <rows>",
      `print at most so many rows (default ${TABLE_ROWS} in a table, else ${DATA_ROWS}; more is an error then)`,
      numberOption({ min: 1, max: MAX_ROWS, whole: true }),
    )
    .option("--timeout <seconds>", "give up after so long", numberOption({ min: 0.001, max: 600 }), 60)
    .action((sql: string, flags: QueryFlags) => query(context, sql, flags));
};

async function query(context: Context, sql: string, flags: QueryFlags): Promise<void> {
  const { host } = context;
  const format: RowFormat = flags.json ? "json" : flags.csv ? "csv" : flags.vertical ? "vertical" : "table";
  const isForPeople = format === "table" || format === "vertical";
  const maxRows = flags.limit ?? (isForPeople ? TABLE_ROWS : DATA_ROWS);
  await using target = await openQueryTarget(context);
  const options = { maxRows, timeoutMs: Math.ceil(flags.timeout * 1000), signal: host.signal };
  const result = await target.query(sql, options);
  for (const text of formatRows(result, format, widthOf(host.stdout))) host.stdout.write(text);
  if (isForPeople && host.stdout.isTerminal) host.stdout.write(`\n${countOf(result.rows.length, "row")}\n`);
  if (!result.truncated) return;
  const more = `There are more than ${maxRows} rows: --limit shows more`;
  // A program that reads JSON or CSV must not take a part for the whole, unless it has asked for a part.
  if (!isForPeople && flags.limit === undefined) throw new QueryRefusedError(more);
  host.stderr.write(`${more}\n`);
}
