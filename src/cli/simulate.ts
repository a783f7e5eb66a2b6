// `simulate`: a domain's producer alone.
import type { Simulator } from "../../simulators/mod.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Log, NewRecord } from "../log/log.ts";
import { type DomainInfo, provideTopics } from "../parts.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { HttpPoster, totalsLine } from "./http_poster.ts";
import { startProgress, totalLine } from "./progress.ts";
import { DEMO_SPEED, demoStart, intervalOf, type Plan, simulate, simulatorOf } from "./simulation.ts";

/** Options as given. */
export interface SimulateFlags {
  readonly rate?: number;
  readonly count?: number;
  readonly seed: number;
  readonly bad: number;
  readonly days?: number;
  readonly speed?: number;
  /** Post the records there instead. */
  readonly http?: URL;
  /** With `http`: how many are posted at once. */
  readonly connections?: number;
}

const DAY_MS = 86_400_000;

export const addSimulate: Verb = (program, context) => {
  program.command("simulate")
    .summary("send simulated records")
    .description(
      "Sends simulated records of a domain to the configured log. With nothing else said it takes up where the topic ends\n" +
        "(or begins yesterday morning), hurries through to the present and goes on in real time until it is stopped.\n" +
        "No record is ever dated in the future. With --http it is a client of a running Freshet: records are posted, again\n" +
        "later where the server asks for it (429, 503), and what became of them is counted.",
    )
    .argument("<domain>")
    .option(
      "--count <n>",
      "stop after so many records, the last dated about now",
      numberOption({ min: 1, whole: true }),
    )
    .option("--days <n>", "history: the last so many days up to now, then stop", numberOption({ min: 0.0001 }))
    .option("--rate <n>", "records a second; without --days they are dated now", numberOption({ min: 0.001 }))
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
    .action((domain: string, flags: SimulateFlags) => run(context, domain, flags));
};

async function run(context: Context, name: string, flags: SimulateFlags): Promise<void> {
  const { host } = context;
  const config = context.config();
  const domain = context.domainNamed(name);
  const simulator = simulatorOf(domain.name);
  const to = { host, parts: context.parts, config };
  await using target = flags.http ? postingTo(to, domain, flags) : await producingTo(to, domain);
  const intervalMs = intervalOf(simulator, config.domains);
  const basis = { simulator: { ...simulator, intervalMs }, log: target.log, domain, clock: host.clock };
  const plan = await makePlan(flags, basis);
  const begin = host.clock.now();
  const whole = plan.count ?? (plan.until === undefined ? undefined : plan.until - plan.start);
  let records: number;
  {
    using progress = startProgress(host, whole);
    records = await simulate({
      simulator,
      plan,
      settings: config.domains,
      send: (records) => target.send(records),
      clock: host.clock,
      signal: host.signal,
      onSent: (sent, eventTime) => progress.update(plan.count === undefined ? eventTime - plan.start : sent, sent),
    });
  }
  host.stdout.write(`Sent to ${target.name}: ${totalLine(records, host.clock.now() - begin)}\n${target.summary()}`);
}

/** Where simulated records go. */
interface Target extends AsyncDisposable {
  readonly name: string;
  /** The log, where it is open. */
  readonly log?: Log;
  send(records: readonly NewRecord[]): Promise<unknown>;
  /** More lines for people, when all is sent. */
  summary(): string;
}

async function producingTo({ host, parts, config }: TargetContext, domain: DomainInfo): Promise<Target> {
  const log = await parts.openLog(config, host.clock);
  await provideTopics(log, [domain], config);
  return {
    name: domain.topic,
    log,
    send: (records) => log.produce(domain.topic, records),
    summary: () => "",
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

function postingTo(
  { host, config }: TargetContext,
  domain: DomainInfo,
  { http, connections = 8 }: SimulateFlags,
): Target {
  if (!domain.ingest && http!.pathname === "/") {
    throw new UsageError(`The domain "${domain.name}" takes nothing over HTTP: give the whole address with its path`);
  }
  const url = http!.pathname === "/" ? new URL(domain.ingest!.path, http) : http!;
  const { clock, signal } = host;
  const poster = new HttpPoster({ url, token: config.apiToken, connections, clock, signal });
  return {
    name: url.href,
    send: (records) => poster.post(records),
    summary: () => `${totalsLine(poster.totals)}\n`,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

interface TargetContext extends Pick<Context, "host" | "parts"> {
  readonly config: Config;
}

function addressOption(text: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw new UsageError(`"${text}" is not an address such as http://localhost:8000`);
}

interface PlanBasis {
  readonly simulator: Pick<Simulator, "sources" | "intervalMs">;
  /** Where the topic's end is looked up; absent when the records go elsewhere. */
  readonly log?: Log;
  readonly domain: DomainInfo;
  readonly clock: Clock;
}

/**
 * What the options mean. Rate, speed and interval are tied: `rate = sources · speed / interval`.
 * Throws `UsageError` for options that say it twice.
 */
export async function makePlan(flags: SimulateFlags, basis: PlanBasis): Promise<Plan> {
  const { rate, count, seed, bad, days, speed } = flags;
  const { sources, intervalMs } = basis.simulator;
  const demoStartOf = () => {
    if (basis.log) return demoStart(basis.log, basis.domain.topic, basis.clock);
    throw new UsageError("--speed with --http needs --days: nobody says how far back to begin");
  };
  const now = basis.clock.now();
  const common = { seed, bad, count, intervalMs };
  if (days !== undefined) {
    if (rate !== undefined && speed !== undefined) {
      throw new UsageError("--rate and --speed say the same with --days: give one of them");
    }
    const paced = rate === undefined ? speed ?? Infinity : rate * intervalMs / (sources * 1000);
    return { ...common, start: now - days * DAY_MS, until: now, speed: paced };
  }
  if (rate !== undefined) {
    const factor = speed ?? 1;
    const start = factor === 1 ? now : await demoStartOf();
    return { ...common, start, speed: factor, intervalMs: sources * 1000 * factor / rate };
  }
  // Over HTTP there is no topic to look into: as many as there would be, dated now.
  if (!basis.log && count === undefined && speed === undefined) return { ...common, start: now, speed: 1 };
  if (count !== undefined) {
    const span = count * intervalMs / sources;
    return { ...common, start: now - span, speed: speed ?? Infinity };
  }
  return {
    ...common,
    start: await demoStartOf(),
    speed: speed ?? DEMO_SPEED,
  };
}
