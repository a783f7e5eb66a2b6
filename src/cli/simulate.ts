// `simulate`: a domain's producer alone; of a history also its loading.
import { MAX_RATE, type SimulatedRecord, type Simulator } from "../../simulators/mod.ts";
import type { Clock } from "../clock.ts";
import { asProduced } from "../keyed_copy.ts";
import { loggerFor } from "../logging.ts";
import type { Domain } from "../domains/domain.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import type { PostTotals } from "./http_poster.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { load } from "./load.ts";
import { startProgress, totalLine } from "./progress.ts";
import { makePlan, type SimulateFlags } from "./simulate_plan.ts";
import { addressOption, postingTo, producingTo, type Target } from "./simulate_target.ts";
import { intervalOf, type Plan, simulate } from "./simulation.ts";

const TELL_EVERY_MS = 900;

export const addSimulate: Verb = (program, context) => {
  program.command("simulate")
    .summary("send simulated records")
    .description(
      "Sends simulated records of a domain to the configured log. With nothing else said it makes the last 24 hours (circadian: a " +
        "week), or what the topic lacks of them, and goes on in real time until it is stopped; with --speed it begins on a past morning. " +
        "With --days it makes a history and loads it into the tables; broken off, the same command goes on where it was. " +
        "No record is ever dated in the future. With --http it is a client of a running Freshet: records are posted, again " +
        "later where the server asks for it (429, 503), and what became of them is counted.",
    )
    .argument("<domain>")
    .option(
      "--count <n>",
      "stop after so many records, the last dated about now",
      numberOption({ min: 1, whole: true }),
    )
    .option("--days <n>", "history: the last so many days up to now, then stop", numberOption({ min: 0.0001 }))
    .option("--per-day <n>", "records of a mean day of history", numberOption({ min: 1, max: MAX_RATE * 86_400 }))
    .option("--load", "load what was sent into the tables (a history is, unless the log is Kafka)")
    .option("--no-load", "leave a history in the topic")
    .option(
      "--rate <n>",
      "records a second; without --days they are dated now",
      numberOption({ min: 0.001, max: MAX_RATE }),
    )
    .option("--speed <factor>", "seconds of event time in a second", numberOption({ min: 0.001 }))
    .option(
      "--http <url>",
      "post the records to a running Freshet instead: its address, or that of the very route",
      addressOption,
    )
    .option(
      "--connections <n>",
      "with --http: how many post at once",
      numberOption({ min: 1, max: 500, whole: true }),
      8,
    )
    .option("--seed <n>", "another seed, another world", numberOption({ min: 0, max: 2 ** 31, whole: true }), 1)
    .option("--bad <ratio>", "share of malformed records of every kind, 0 to 1", numberOption({ min: 0, max: 1 }), 0)
    .option(...JSON_OBJECT)
    .action((domain: string, flags: SimulateFlags & JsonFlag) => run(context, domain, flags));
};

interface JsonFlag {
  readonly json?: boolean;
}

/** What became of it, as JSON has it. */
interface Sent {
  readonly target: string;
  readonly records: number;
  readonly elapsedMs: number;
  /** What became of records that were posted. */
  readonly totals?: object;
}

function postedJson(totals: PostTotals | undefined): object | undefined {
  return totals && { ...totals, refused: Object.fromEntries(totals.refused) };
}

async function run(context: Context, name: string, flags: SimulateFlags & JsonFlag): Promise<void> {
  const domain = context.domainNamed(name);
  const { host: { signal, stderr } } = context;
  if (flags.load && (flags.http || (flags.days === undefined && flags.count === undefined))) {
    throw new UsageError("--load needs an end and a topic: give --days or --count, and no --http");
  }
  const sent = await send(context, asProduced(domain), flags);
  const loads = flags.load ?? (flags.days !== undefined && !flags.http && context.config().kafka === undefined);
  const loaded = loads && !signal.aborted ? await load(context, domain) : undefined;
  if (flags.json) context.host.stdout.write(jsonText({ ...sent, ...(loaded && { loaded: loaded.json }) }));
  else if (loaded) context.host.stdout.write(loaded.text);
  if (flags.days === undefined || flags.http || !signal.aborted) return;
  stderr.write("Broken off: the same command goes on from here\n");
  throw signal.reason;
}

async function send(context: Context, domain: Domain, flags: SimulateFlags & JsonFlag): Promise<Sent> {
  const { host } = context;
  const config = context.config();
  const simulator = await context.simulatorOf(domain);
  const to = { host, parts: context.parts, config };
  await using target = flags.http ? postingTo(to, domain, flags) : await producingTo(to, domain);
  const intervalMs = intervalOf(simulator, config.domains);
  const basis = { simulator: { ...simulator, intervalMs }, log: target.log, domain, clock: host.clock };
  const plan = await makePlan(flags, basis);
  const begin = host.clock.monotonic();
  const records = await sendWithProgress(context, { domain, simulator, plan, target });
  const elapsedMs = host.clock.monotonic() - begin;
  if (!flags.json) host.stdout.write(`Sent to ${target.name}: ${totalLine(records, elapsedMs)}\n${target.summary()}`);
  return { target: target.name, records, elapsedMs, totals: postedJson(target.totals?.()) };
}

interface Sending {
  readonly domain: Domain;
  readonly simulator: Simulator;
  readonly plan: Plan;
  readonly target: Target;
}

async function sendWithProgress(context: Context, { domain, simulator, plan, target }: Sending): Promise<number> {
  const { host } = context;
  const whole = plan.count ?? (plan.until === undefined ? undefined : plan.until - plan.start);
  // What never ends is told record by record, where there are words for them.
  const { describe } = simulator;
  const tell = whole === undefined && describe ? describer(domain.name, describe, host.clock) : undefined;
  using progress = tell ? undefined : startProgress(host, whole, plan.history ? "Sending" : "");
  return await simulate({
    simulator,
    plan,
    settings: context.config().domains,
    send: (records) => target.send(records),
    topic: target.log && { log: target.log, name: domain.topic },
    clock: host.clock,
    signal: host.signal,
    onSent(sent, last) {
      tell?.(last);
      progress?.update(plan.count === undefined ? last.timestamp - plan.start : sent, sent);
    },
    onResume(after) {
      const from = new Date(after).toISOString();
      loggerFor(domain.name).info("Going on where the history in the topic ends, at {from}", { from });
    },
  });
}

/** Logs a record as a line, one a second at most. */
function describer(domain: string, describe: (record: SimulatedRecord) => string, clock: Clock) {
  const logger = loggerFor(domain);
  let toldAt = -Infinity;
  return (record: SimulatedRecord) => {
    if (clock.monotonic() - toldAt < TELL_EVERY_MS) return;
    toldAt = clock.monotonic();
    logger.info("{record}", { record: describe(record) });
  };
}
