// `dead-letters`: lists the records that could not be used, and sends them to their topic again.
import { type DeadLetterRow, isWhole, originalRecord } from "../engine/republish.ts";
import { MAX_ROWS } from "../http/query_route.ts";
import { confirmed } from "./confirm.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { jsonText } from "./json.ts";
import { countOf, textTable, widthOf } from "./rows.ts";
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
const SENT_AT_ONCE = 500;

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
      `at most so many (default ${LISTED} listed, all sent)`,
      numberOption({ min: 1, max: MAX_ROWS, whole: true }),
    )
    .option("--json", "as one JSON array, an element a line, with all columns")
    .option("--republish", "send them to their topic again")
    .option("--yes", "without asking")
    .action((flags: DeadLetterFlags) => deadLetters(context, flags));
};

async function deadLetters(context: Context, flags: DeadLetterFlags): Promise<void> {
  const { stdout } = context.host;
  const where = condition(context, flags);
  await using target = await openQueryTarget(context);
  if (flags.republish) return await republish(context, flags, await chosen(target, where, flags));
  const columns = flags.json
    ? ["*"]
    : SHOWN.map((name) => name.startsWith("RECORD_") ? `LEFT(${name}, ${SHOWN_CHARACTERS}) AS ${name}` : name);
  const order = "ORDER BY SEEN_AT DESC, TOPIC, KAFKA_PARTITION, KAFKA_OFFSET DESC";
  const { rows } = await ask(target, `SELECT ${columns.join(", ")} FROM DEAD_LETTERS ${where} ${order}`, {
    maxRows: flags.limit ?? LISTED,
  });
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

/** The WHERE clause; its values are words of a fixed form. */
function condition(context: Context, { domain, stage, reason }: DeadLetterFlags): string {
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
  return parts.length === 0 ? "" : `WHERE ${parts.join(" AND ")}`;
}

async function ask(target: QueryTarget, sql: string, { maxRows }: { readonly maxRows: number }) {
  const { columns, rows, truncated } = await target.query(sql, { maxRows, timeoutMs: 60_000 });
  const named = rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
  // The statements here name the columns that a row has.
  return { rows: named as unknown as readonly DeadLetterRow[], truncated };
}

/** All that are to be sent, in the order in which they once came. */
async function chosen(
  target: QueryTarget,
  where: string,
  { limit }: DeadLetterFlags,
): Promise<readonly DeadLetterRow[]> {
  const sql = `SELECT * FROM DEAD_LETTERS ${where} ORDER BY TOPIC, KAFKA_PARTITION, KAFKA_OFFSET`;
  const { rows, truncated } = await ask(target, sql, { maxRows: limit ?? MAX_ROWS });
  if (!truncated || limit !== undefined) return rows;
  throw new UsageError(`There are more than ${MAX_ROWS}: choose by --domain, --stage or --reason`);
}

async function republish(context: Context, flags: DeadLetterFlags, all: readonly DeadLetterRow[]): Promise<void> {
  const { host, parts } = context;
  const rows = all.filter(isWhole);
  if (rows.length < all.length) {
    const cut = countOf(all.length - rows.length, "record");
    host.stderr.write(`Left out, as too long to be whole in DEAD_LETTERS: ${cut}. The dead letter topic has them\n`);
  }
  const byTopic = Map.groupBy(rows, ({ TOPIC }) => String(TOPIC));
  const sent = [...byTopic].map(([topic, letters]) => ({ topic, records: letters.length }));
  const tell = (text: string, to: typeof sent) => host.stdout.write(flags.json ? jsonText(to) : `${text}\n`);
  if (byTopic.size === 0) return tell("There is nothing to send", []);
  const summary = sent.map(({ topic, records }) => `${countOf(records, "record")} to ${topic}`).join(", ");
  await using log = await parts.openLog(context.config(), host.clock);
  if (!flags.yes && !await confirmed(context, `Send ${summary} in ${log.description}?`)) {
    return tell("Nothing was sent", []);
  }
  for (const [topic, letters] of byTopic) {
    for (let i = 0; i < letters.length; i += SENT_AT_ONCE) {
      host.signal.throwIfAborted();
      await log.produce(topic, letters.slice(i, i + SENT_AT_ONCE).map(originalRecord), { asIs: true });
    }
  }
  tell(`Sent ${summary}. They stay in DEAD_LETTERS under their old offsets`, sent);
}
