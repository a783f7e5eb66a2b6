// `dead-letters --republish`: sends those chosen to their topic again, some at a time, however many they are.
import { QueryRefusedError } from "../errors.ts";
import { CUT } from "../engine/dead_letter.ts";
import { type DeadLetterRow, originalRecord } from "../engine/republish.ts";
import type { Log } from "../log/log.ts";
import { confirmed } from "./confirm.ts";
import { type Context, UsageError } from "./context.ts";
import { jsonText } from "./json.ts";
import { countOf } from "./rows.ts";
import type { QueryTarget } from "./warehouse_access.ts";

export interface RepublishFlags {
  readonly limit?: number;
  readonly json?: boolean;
  readonly yes?: boolean;
}

const READ_AT_ONCE = 2_000;
const SENT_AT_ONCE = 500;
const MAX_PARTITIONS = 100_000;
/** Of those that are whole in the table. */
const IS_CUT = `COALESCE(ENCODING, '') LIKE '%${CUT}'`;
const TIMEOUT_MS = 60_000;

/** Dead letters of a partition that are to be sent: those that there are now, for what fails again comes behind them. */
interface Part {
  readonly topic: string;
  readonly partition: number;
  /** How many, of those at the lowest offsets. */
  readonly count: number;
  readonly lastOffset: number;
}

/** Sends those that the conditions choose, or as many of the first of them as the limit says. */
export async function republish(
  context: Context,
  flags: RepublishFlags,
  { target, conditions }: { readonly target: QueryTarget; readonly conditions: readonly string[] },
): Promise<void> {
  const { host, parts: opened } = context;
  const { parts, cut, left } = await chosen(target, conditions, flags.limit);
  if (cut > 0) {
    host.stderr.write(
      `Left out, as too long to be whole in DEAD_LETTERS: ${countOf(cut, "record")}. The dead letter topic has them\n`,
    );
  }
  const sent = [...Map.groupBy(parts, ({ topic }) => topic)]
    .map(([topic, all]) => ({ topic, records: all.reduce((sum, { count }) => sum + count, 0) }));
  const tell = (text: string, to: typeof sent) => host.stdout.write(flags.json ? jsonText(to) : `${text}\n`);
  if (sent.length === 0) return tell("There is nothing to send", []);
  const summary = sent.map(({ topic, records }) => `${countOf(records, "record")} to ${topic}`).join(", ");
  await using log = await opened.openLog(context.config(), host.clock);
  if (!flags.yes && !await confirmed(context, `Send ${summary} in ${log.description}?`)) {
    return tell("Nothing was sent", []);
  }
  await sendAll(context, parts, { log, target, conditions });
  tell(`Sent ${summary}. They stay in DEAD_LETTERS under their old offsets`, sent);
  if (left > 0) {
    host.stderr.write(
      `${countOf(left, "more record")} would be sent without --limit; with it the same ones are sent each time\n`,
    );
  }
}

/** What is to be sent of each partition, how many are not whole, and how many the limit leaves. */
async function chosen(target: QueryTarget, conditions: readonly string[], limit = Infinity) {
  const { rows, truncated } = await target.query(
    `SELECT TOPIC, KAFKA_PARTITION, MAX(KAFKA_OFFSET), COUNT(*), SUM(CASE WHEN ${IS_CUT} THEN 1 ELSE 0 END)
     FROM DEAD_LETTERS ${whereOf(conditions)} GROUP BY TOPIC, KAFKA_PARTITION ORDER BY TOPIC, KAFKA_PARTITION`,
    { maxRows: MAX_PARTITIONS, timeoutMs: TIMEOUT_MS },
  );
  if (truncated) throw new UsageError(`They are of more than ${MAX_PARTITIONS} partitions: choose by --domain`);
  const parts: Part[] = [];
  let [cut, left, room] = [0, 0, limit];
  for (const [topic, partition, lastOffset, all, ofThemCut] of rows) {
    const whole = Number(all) - Number(ofThemCut);
    const count = Math.min(whole, room);
    cut += Number(ofThemCut);
    left += whole - count;
    room -= count;
    if (count > 0) {
      parts.push({ topic: String(topic), partition: Number(partition), count, lastOffset: Number(lastOffset) });
    }
  }
  return { parts, cut, left };
}

interface Sending {
  readonly log: Log;
  readonly target: QueryTarget;
  readonly conditions: readonly string[];
}

async function sendAll({ host }: Context, parts: readonly Part[], sending: Sending): Promise<void> {
  let records = 0;
  try {
    for (const part of parts) {
      for await (const letters of lettersOf(part, sending)) {
        for (let i = 0; i < letters.length; i += SENT_AT_ONCE) {
          host.signal.throwIfAborted();
          const batch = letters.slice(i, i + SENT_AT_ONCE);
          await sending.log.produce(part.topic, batch.map(originalRecord), { asIs: true });
          records += batch.length;
        }
      }
    }
  } catch (error) {
    host.stderr.write(`Stopped after ${countOf(records, "record")} were sent: they are sent again the next time\n`);
    throw error;
  }
}

/** The letters of a part in the order of their offsets, some at a time: fewer where they are large. */
async function* lettersOf(part: Part, { target, conditions }: Sending): AsyncGenerator<readonly DeadLetterRow[], void> {
  const { topic, partition, lastOffset } = part;
  const own = [...conditions, `TOPIC = '${topic.replaceAll("'", "''")}'`, `KAFKA_PARTITION = ${partition}`];
  let [from, left, rows] = [-1, part.count, READ_AT_ONCE];
  while (left > 0) {
    const where = whereOf([...own, `NOT (${IS_CUT})`, `KAFKA_OFFSET > ${from}`, `KAFKA_OFFSET <= ${lastOffset}`]);
    const sql = `SELECT * FROM DEAD_LETTERS ${where} ORDER BY KAFKA_OFFSET, DOMAIN`;
    const found = await read(target, sql, rows).catch((error: unknown) => {
      if (error instanceof QueryRefusedError && rows > MIN_ROWS) return undefined;
      throw error;
    });
    if (found === undefined) {
      rows = Math.max(MIN_ROWS, Math.ceil(rows / 4));
      continue;
    }
    // Of the last offset there may be more: two domains may have read it.
    const last = Number(found.letters.at(-1)?.KAFKA_OFFSET);
    const whole = found.truncated ? found.letters.filter((row) => Number(row.KAFKA_OFFSET) < last) : found.letters;
    const letters = whole.slice(0, left);
    if (letters.length === 0) return;
    yield letters;
    left -= letters.length;
    from = Number(letters.at(-1)!.KAFKA_OFFSET);
  }
}

/** As few as there must be to know that all of one offset are there. */
const MIN_ROWS = 8;

async function read(target: QueryTarget, sql: string, maxRows: number) {
  const { columns, rows, truncated } = await target.query(sql, { maxRows, timeoutMs: TIMEOUT_MS });
  const letters = rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
  // The statement names the columns that a row has.
  return { letters: letters as unknown as readonly DeadLetterRow[], truncated };
}

export function whereOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
}
