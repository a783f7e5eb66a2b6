// `dead-letters`: lists the records that could not be used, and sends them to their topic again.
import { QueryRefusedError } from "../errors.ts";
import { MAX_ROWS } from "../http/query_route.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { jsonText } from "./json.ts";
import { republish, whereOf } from "./republish.ts";
import { textTable, widthOf } from "./rows.ts";
import { openQueryTarget, type QueryTarget } from "./warehouse_access.ts";

interface DeadLetterFlags {
  readonly domain?: string;
  readonly stage?: string;
  readonly reason?: string;
  readonly limit?: number;
  readonly json?: boolean;
  readonly republish?: boolean;
  readonly yes?: boolean;
}

const STAGES = ["decode", "validate", "time", "operator", "write"];

/** Columns of the list for people. */
const SHOWN = ["SEEN_AT", "DOMAIN", "KAFKA_PARTITION", "KAFKA_OFFSET", "REASON", "DETAIL", "RECORD_VALUE"];
const LISTED = 20;
/** Of a text no more is read than a line of the list may show. */
const SHOWN_CHARACTERS = 1_000;

export const addDeadLetters: Verb = (program, context) => {
  program.command("dead-letters")
    .summary("records that could not be used; send them again")
    .description(
      "Lists the records of DEAD_LETTERS, newest first, and counts them by reason. With --republish the original bytes of " +
        "those chosen go to their topic again, with key and headers, as new records: after what was wrong is mended. Works while `run` is up, too.",
    )
    .option("--domain <name>", "only this domain's")
    .option("--stage <stage>", `only those that failed there: ${STAGES.join(", ")}`)
    .option("--reason <code>", "only those with this reason")
    .option(
      "--limit <n>",
      `at most so many (default ${LISTED} listed, ${MAX_ROWS} as JSON, where more is an error then; all sent)`,
      numberOption({ min: 1, max: MAX_ROWS, whole: true }),
    )
    .option("--json", "as one JSON array, an element a line, with all columns")
    .option("--republish", "send them to their topic again")
    .option("--yes", "without asking")
    .action((flags: DeadLetterFlags) => deadLetters(context, flags));
};

async function deadLetters(context: Context, flags: DeadLetterFlags): Promise<void> {
  const { stdout } = context.host;
  const conditions = conditionsOf(context, flags);
  const where = whereOf(conditions);
  await using target = await openQueryTarget(context);
  if (flags.republish) return await republish(context, flags, { target, conditions });
  const columns = flags.json
    ? ["*"]
    : SHOWN.map((name) => name.startsWith("RECORD_") ? `LEFT(${name}, ${SHOWN_CHARACTERS}) AS ${name}` : name);
  const order = "ORDER BY SEEN_AT DESC, TOPIC, KAFKA_PARTITION, KAFKA_OFFSET DESC";
  const maxRows = flags.limit ?? (flags.json ? MAX_ROWS : LISTED);
  const sql = `SELECT ${columns.join(", ")} FROM DEAD_LETTERS ${where} ${order}`;
  const { rows, truncated } = await ask(target, sql, { maxRows });
  const more = `There are more than ${maxRows} dead letters: choose by --domain, --stage or --reason` +
    (maxRows < MAX_ROWS ? ", or show more by --limit" : "");
  // A program must not take a part for the whole, unless it has asked for a part.
  if (truncated && flags.json && flags.limit === undefined) throw new QueryRefusedError(more);
  if (truncated) context.host.stderr.write(`${more}\n`);
  if (flags.json) return stdout.write(jsonText(rows));
  const reasons = await ask(
    target,
    `SELECT DOMAIN, STAGE, REASON, COUNT(*) AS RECORDS, MIN(SEEN_AT) AS FIRST_SEEN, MAX(SEEN_AT) AS LAST_SEEN
     FROM DEAD_LETTERS ${where} GROUP BY DOMAIN, STAGE, REASON ORDER BY RECORDS DESC, REASON`,
    { maxRows: 1_000 },
  );
  if (reasons.rows.length === 0) {
    stdout.write("There are no dead letters" + (where === "" ? "\n" : " like that\n"));
    return;
  }
  const table = (names: readonly string[], found: readonly Readonly<Record<string, unknown>>[], right: boolean[]) =>
    textTable(names, found.map((row) => names.map((name) => row[name] ?? null)), { right, width: widthOf(stdout) });
  stdout.write(table(SHOWN, rows, [false, false, true, true]));
  stdout.write("\n");
  const counted = ["DOMAIN", "STAGE", "REASON", "RECORDS", "FIRST_SEEN", "LAST_SEEN"];
  stdout.write(table(counted, reasons.rows, [false, false, false, true]));
}

/** What the letters must be; the values in it are words of a fixed form. */
function conditionsOf(context: Context, { domain, stage, reason }: DeadLetterFlags): readonly string[] {
  const parts: string[] = [];
  if (domain !== undefined) parts.push(`DOMAIN = '${context.domainNamed(domain).name}'`);
  if (stage !== undefined) {
    if (!STAGES.includes(stage)) throw new UsageError(`There is no stage "${stage}". Stages: ${STAGES.join(", ")}`);
    parts.push(`STAGE = '${stage}'`);
  }
  if (reason !== undefined) {
    if (!/^[a-z0-9_]+$/.test(reason)) throw new UsageError(`"${reason}" is not a reason: expected a_code_like_this`);
    parts.push(`REASON = '${reason}'`);
  }
  return parts;
}

async function ask(target: QueryTarget, sql: string, { maxRows }: { readonly maxRows: number }) {
  const { columns, rows, truncated } = await target.query(sql, { maxRows, timeoutMs: 60_000 });
  const named = rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
  return { rows: named, truncated };
}
