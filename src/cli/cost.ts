// `cost`: what Snowflake would take for the configured settings, and for other times between checkpoints, at the rate at which
// records come now or at a given one. Reaches no warehouse. The reckoning itself is in warehouse/snowflake/cost.ts.
import { Option } from "commander";
import type { Config } from "../config/mod.ts";
import type { Domain } from "../domains/domain.ts";
import { LIMITS } from "../warehouse/snowflake/account.ts";
import { type Cost, costOf } from "../warehouse/snowflake/cost.ts";
import { SNOWFLAKE } from "../warehouse/snowflake/traits.ts";
import { type Context, numberOption, type Verb } from "./context.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { countOf, textTable, widthOf } from "./rows.ts";
import { CREDITS_AN_HOUR, type Generation, GENERATIONS } from "./setup_sql.ts";

interface CostFlags {
  readonly rate?: number;
  readonly seconds: number;
  readonly recordBytes: number;
  readonly generation: Generation;
  readonly json?: boolean;
}

/** Records a second. */
interface Rate {
  readonly domain: string;
  readonly rate: number;
}

/** Seconds between checkpoints, to choose from. */
const CHOICES = [60, 120, 300, 900, 3600];
const DAYS_OF_MONTH = 30;

export const addCost: Verb = (program, context) => {
  program.command("cost")
    .summary("what a load costs in Snowflake")
    .description(
      "Reckons the Snowflake credits of a day and a month: for the settings, and for other times between checkpoints. How many " +
        "records come is looked up in the log, twice some seconds apart, or given. docs/snowflake.md says what it assumes.",
    )
    .argument("[domain...]", "only these")
    .option("--rate <records>", "records a second of each domain, instead of looking", numberOption({ min: 0 }))
    .option("--seconds <n>", "how long to look", numberOption({ min: 1, max: 3600 }), 10)
    .option("--record-bytes <n>", "bytes of a record", numberOption({ min: 1, max: 8_000_000 }), 300)
    .addOption(new Option("--generation <n>", "of the warehouse").choices(GENERATIONS).default("1"))
    .option(...JSON_OBJECT)
    .action((names: readonly string[], flags: CostFlags) => cost(context, names, flags));
};

async function cost(context: Context, names: readonly string[], flags: CostFlags): Promise<void> {
  const { stdout } = context.host;
  const domains = context.domainsNamed(names);
  const { rate } = flags;
  const rates = rate === undefined
    ? await measured(context, domains, flags.seconds)
    : domains.map(({ name }) => ({ domain: name, rate }));
  const { everySeconds, rows, ...sizes } = settingsOf(context.config());
  const creditsAnHour = CREDITS_AN_HOUR[flags.generation];
  // Who takes more time between checkpoints raises their rows with it, as docs/snowflake.md says.
  const of = (seconds: number) => {
    const due = { everySeconds: seconds, rows: seconds > everySeconds ? Infinity : rows };
    return costOf({
      rates: rates.map(({ rate }) => rate),
      ...due,
      ...sizes,
      recordBytes: flags.recordBytes,
      creditsAnHour,
    });
  };
  const configured = of(everySeconds);
  const others = CHOICES.filter((seconds) => seconds !== everySeconds).map((seconds) =>
    [seconds, of(seconds)] as const
  );
  if (flags.json) {
    const told = (seconds: number, cost: Cost) => ({ checkpoint_seconds: seconds, ...inDay(cost) });
    return stdout.write(jsonText({
      rates: Object.fromEntries(rates.map(({ domain, rate }) => [domain, rate])),
      credits_an_hour: creditsAnHour,
      configured: told(everySeconds, configured),
      others: others.map(([seconds, cost]) => told(seconds, cost)),
    }));
  }
  stdout.write(`${rates.map(({ domain, rate }) => `${domain} ${round(rate)}/s`).join(", ")}\n`);
  const price = countOf(creditsAnHour, "credit");
  stdout.write(`X-Small warehouse of generation ${flags.generation}, ${price} an hour\n\n`);
  stdout.write(textTable(HEAD, [
    line(`${spanText(everySeconds)} (as set)`, configured),
    ...others.map(([seconds, cost]) => line(spanText(seconds), cost)),
  ], { right: HEAD.map((_, i) => i > 0), width: widthOf(stdout) }));
}

/** Snowflake's defaults where nothing is set. */
function settingsOf({ checkpointMs, checkpointRows, checkpointBacklogRows, snowflake }: Config) {
  const { ms, rows, backlogRows } = SNOWFLAKE.checkpoints;
  return {
    everySeconds: (checkpointMs ?? ms) / 1000,
    rows: checkpointRows ?? rows,
    backlogRows: checkpointBacklogRows ?? backlogRows,
    requestBytes: snowflake?.requestBytes ?? LIMITS.requestBytes,
    streamsRaw: snowflake?.rawIngest === "streaming",
  };
}

/** How far the ends of the topics move in so many seconds. */
async function measured(context: Context, domains: readonly Domain[], seconds: number): Promise<readonly Rate[]> {
  const { host: { clock, signal, stderr }, parts } = context;
  await using log = await parts.openLog(context.config(), clock);
  const ends = async () => {
    const topics = await log.topics(domains.map(({ topic }) => topic));
    return new Map(topics.map(({ topic, partitions }) => [topic, partitions.reduce((sum, { high }) => sum + high, 0)]));
  };
  if (stderr.isTerminal) stderr.write(`Looking for ${seconds} s how many records come…\n`);
  const [from, before] = [clock.monotonic(), await ends()];
  await clock.sleep(seconds * 1000, signal);
  const [after, tookMs] = [await ends(), clock.monotonic() - from];
  return domains.map(({ name, topic }) => (
    { domain: name, rate: ((after.get(topic) ?? 0) - (before.get(topic) ?? 0)) / (tookMs / 1000) }
  ));
}

/** Behind the credits all of a day. */
const HEAD = ["CHECKPOINT", "CREDITS/DAY", "MONTH", "WAKINGS", "STATEMENTS", "PARTITIONS"];

function line(every: string, { credits, wakings, statements, microPartitions }: Cost): readonly string[] {
  const month = Math.round(credits * DAYS_OF_MONTH);
  return [every, credits.toFixed(1), String(month), ...[wakings, statements, microPartitions].map((n) => n.toFixed(0))];
}

function inDay({ credits, wakings, awakeSeconds, checkpoints, statements, microPartitions }: Cost) {
  return {
    credits_a_day: round(credits),
    credits_a_month: round(credits * DAYS_OF_MONTH),
    wakings_a_day: Math.round(wakings),
    awake_seconds_a_day: Math.round(awakeSeconds),
    checkpoints_a_day: Math.round(checkpoints),
    statements_a_day: Math.round(statements),
    micro_partitions_a_day: Math.round(microPartitions),
  };
}

const round = (number: number) => Math.round(number * 100) / 100;

const spanText = (seconds: number) => seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
