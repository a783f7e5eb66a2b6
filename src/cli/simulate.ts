// `simulate`: a domain's producer alone.
import type { Simulator } from "../../simulators/mod.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import { type DomainInfo, provideTopics } from "../parts.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
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
}

const DAY_MS = 86_400_000;

export const addSimulate: Verb = (program, context) => {
  program.command("simulate")
    .summary("send simulated records")
    .description(
      "Sends simulated records of a domain to the configured log. With nothing else said it takes up where the topic ends\n" +
        "(or begins yesterday morning), hurries through to the present and goes on in real time until it is stopped.\n" +
        "No record is ever dated in the future.",
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
    .option("--seed <n>", "another seed, another world", numberOption({ min: 0, max: 2 ** 31, whole: true }), 1)
    .option("--bad <ratio>", "share of malformed records of every kind, 0 to 1", numberOption({ min: 0, max: 1 }), 0)
    .action((domain: string, flags: SimulateFlags) => run(context, domain, flags));
};

async function run(context: Context, name: string, flags: SimulateFlags): Promise<void> {
  const { host, parts } = context;
  const config = context.config();
  const domain = context.domainNamed(name);
  const simulator = simulatorOf(domain.name);
  await using log = await parts.openLog(config, host.clock);
  await provideTopics(log, [domain], config);
  const intervalMs = intervalOf(simulator, config.domains);
  const plan = await makePlan(flags, { simulator: { ...simulator, intervalMs }, log, domain, clock: host.clock });
  const begin = host.clock.now();
  const whole = plan.count ?? (plan.until === undefined ? undefined : plan.until - plan.start);
  let records: number;
  {
    using progress = startProgress(host, whole);
    records = await simulate({
      domain,
      simulator,
      plan,
      settings: config.domains,
      log,
      clock: host.clock,
      signal: host.signal,
      onSent: (sent, eventTime) => progress.update(plan.count === undefined ? eventTime - plan.start : sent, sent),
    });
  }
  host.stdout.write(`Sent to ${domain.topic}: ${totalLine(records, host.clock.now() - begin)}\n`);
}

interface PlanBasis {
  readonly simulator: Pick<Simulator, "sources" | "intervalMs">;
  readonly log: Log;
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
    const start = factor === 1 ? now : await demoStart(basis.log, basis.domain.topic, basis.clock);
    return { ...common, start, speed: factor, intervalMs: sources * 1000 * factor / rate };
  }
  if (count !== undefined) {
    const span = count * intervalMs / sources;
    return { ...common, start: now - span, speed: speed ?? Infinity };
  }
  return {
    ...common,
    start: await demoStart(basis.log, basis.domain.topic, basis.clock),
    speed: speed ?? DEMO_SPEED,
  };
}
