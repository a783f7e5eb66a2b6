// `run`: the pipelines with all that belongs to them.
import { type Feed, runApp, type Up } from "../app.ts";
import type { SimulatedRecord, Simulator } from "../../simulators/mod.ts";
import type { NewRecord } from "../log/log.ts";
import { loggerFor } from "../logging.ts";
import type { Domain } from "../domains/domain.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { SimulatedTime } from "./simulated_time.ts";
import { DEMO_SPEED, demoMorning, demoStart, eventMaker, intervalOf, simulate } from "./simulation.ts";
import { VERSION } from "./version.ts";

interface RunFlags {
  /** Left open: simulate when there is no Kafka. */
  readonly simulate?: boolean;
  readonly untilEnd?: boolean;
  readonly speed?: number;
  readonly seed: number;
}

export const addRun: Verb = (program, context) => {
  program.command("run")
    .summary("run the pipelines")
    .description(
      "Runs the pipelines of the domains named (all by default): reads their topics, writes their tables, serves HTTP.\n" +
        "Without Kafka configured it also simulates. Ctrl-C drains and writes a last checkpoint; a second one leaves at once.",
    )
    .argument("[domain...]")
    .option("--simulate", "simulate, also into Kafka")
    .option("--no-simulate", "do not simulate")
    .option(
      "--until-end",
      "work off what is in the topics now, close all windows, write a checkpoint and end; does not simulate",
    )
    .option(
      "--speed <factor>",
      `seconds of simulated event time in a second (default ${DEMO_SPEED})`,
      numberOption({ min: 0.001 }),
    )
    .option("--seed <n>", "seed of the simulation", numberOption({ min: 0, max: 2 ** 31, whole: true }), 1)
    .action((names: readonly string[], flags: RunFlags) => run(context, names, flags));
};

async function run(context: Context, names: readonly string[], flags: RunFlags): Promise<void> {
  const { host, parts } = context;
  const config = context.config();
  const domains = context.domainsNamed(names);
  const untilEnd = flags.untilEnd ?? false;
  if (untilEnd && flags.simulate) {
    throw new UsageError("--until-end does not go with --simulate: a simulation has no end");
  }
  const simulating = flags.simulate ?? (config.kafka === undefined && !untilEnd);
  const times = new Map(
    simulating ? domains.map(({ name }) => [name, new SimulatedTime(host.clock, demoMorning)] as const) : [],
  );
  const simulators = await simulatorsOf(context, domains);
  await runApp({
    config,
    parts,
    domains,
    clock: host.clock,
    pid: host.pid,
    version: VERSION,
    untilEnd,
    feeds: domains.flatMap((domain) => {
      const time = times.get(domain.name);
      return time ? [simulatorFeed(context, { domain, simulator: simulators.get(domain.name)!, time, flags })] : [];
    }),
    makeEvents: ({ name }) => eventMaker(simulators.get(name)!, times.get(name) ?? host.clock),
    signal: host.signal,
    giveUp: (message) => context.giveUp(message),
    onUp: (up) => reportUp(context, { up, domains, simulating, untilEnd, flags }),
  });
}

/** Simulators by their domain. */
async function simulatorsOf(context: Context, domains: readonly Domain[]): Promise<ReadonlyMap<string, Simulator>> {
  return new Map(
    await Promise.all(domains.map(async (domain) => [domain.name, await context.simulatorOf(domain)] as const)),
  );
}

interface Simulating {
  readonly domain: Domain;
  readonly simulator: Simulator;
  /** Told when the simulation begins. */
  readonly time: SimulatedTime;
  readonly flags: RunFlags;
}

function simulatorFeed(context: Context, { domain, simulator, time, flags }: Simulating): Feed {
  const { speed = DEMO_SPEED, seed } = flags;
  const { clock } = context.host;
  return {
    name: `simulator of ${domain.name}`,
    async run(log, signal) {
      const start = await demoStart(log, domain.topic, clock);
      const { domains: settings } = context.config();
      const plan = { seed, start, speed, intervalMs: intervalOf(simulator, settings), bad: 0 };
      time.begin(plan);
      const send = (records: readonly NewRecord[]) => log.produce(domain.topic, records);
      const onSent = (_: number, last: SimulatedRecord) => time.reach(last.timestamp);
      await simulate({ simulator, plan, settings, send, clock, signal, onSent });
    },
  };
}

interface Announcement {
  readonly up: Up;
  readonly domains: readonly Domain[];
  readonly simulating: boolean;
  readonly untilEnd: boolean;
  readonly flags: RunFlags;
}

/** What a person reads first, or one log line for programs. */
function reportUp(context: Context, { up, domains, simulating, untilEnd, flags }: Announcement): void {
  const speed = flags.speed ?? DEMO_SPEED;
  const doing = untilEnd ? "working off what is there" : simulating ? `simulating at ${speed}× speed` : "reading";
  if (!context.forPeople) {
    const names = domains.map(({ name }) => name);
    return loggerFor("run").info("Up: {doing}", { doing, domains: names, ...up });
  }
  const lines = [
    ["Freshet", `${domains.map(({ name, topic }) => `${name} (topic ${topic})`).join(", ")}, ${doing}`],
    ["log", up.log],
    ["warehouse", up.warehouse],
    ["dashboard", up.dashboard],
    ["http", ["/docs", "/health", "/metrics", "/api/status"].map((path) => up.url + path).join("  ")],
    ["ask", 'deno task freshet query "SELECT * FROM ATS_HOURLY_STATS LIMIT 5"'],
    ["stop", "Ctrl-C drains and writes a last checkpoint"],
  ] as const;
  const label = (text: string) => context.colors ? `\x1b[1m${text.padEnd(10)}\x1b[22m` : text.padEnd(10);
  context.host.stderr.write(lines.map(([name, text]) => `${label(name)} ${text}\n`).join(""));
}
