// `run`: the pipelines with all that belongs to them.
import { runApp, type Up } from "../app.ts";
import type { Simulator } from "../../simulators/mod.ts";
import { asProduced } from "../keyed_copy.ts";
import { loggerFor } from "../logging.ts";
import { type Domain, outputsOf } from "../domains/domain.ts";
import { commandName } from "./command_name.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import type { DomainStatus } from "../engine/status.ts";
import { Demo, type Simulated } from "./demo.ts";
import { HurriedSimulation } from "./hurried_simulation.ts";
import type { LiveBlock } from "./live_block.ts";
import { RunScreen } from "./run_screen.ts";
import { eventMaker } from "./simulation.ts";
import { unneededPermissions } from "./unneeded_permissions.ts";
import { VERSION } from "./version.ts";

interface RunFlags {
  /** Left open: simulate when there is no Kafka. */
  readonly simulate?: boolean;
  readonly untilEnd?: boolean;
  readonly speed?: number;
  readonly seed: number;
  readonly json?: boolean;
}

export const addRun: Verb = (program, context) => {
  program.command("run")
    .summary("run the pipelines")
    .description(
      "Runs the pipelines of the domains named (all by default): reads their topics, writes their tables, serves HTTP. " +
        "Without Kafka configured it also simulates: it makes the last 24 hours (circadian: a week), or what is missing of them, " +
        "loads them, and goes on in real time. Ctrl-C drains and writes a last checkpoint; a second one leaves at once.",
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
      "let simulated time fly: so many seconds of it in one, from a past morning on; events are judged by its clock",
      numberOption({ min: 0.001 }),
    )
    .option("--seed <n>", "seed of the simulation", numberOption({ min: 0, max: 2 ** 31, whole: true }), 1)
    .option("--json", "log lines as one JSON object each, also on a terminal (as FRESHET_LOG_FORMAT=json)")
    .action((names: readonly string[], flags: RunFlags) => run(context, names, flags));
};

async function run(context: Context, names: readonly string[], flags: RunFlags): Promise<void> {
  const { host, parts } = context;
  if (flags.json) context.logAsJson();
  const config = context.config();
  const domains = context.domainsNamed(names);
  const untilEnd = flags.untilEnd ?? false;
  if (untilEnd && flags.simulate) {
    throw new UsageError("--until-end does not go with --simulate: a simulation has no end");
  }
  const simulating = flags.simulate ?? (config.kafka === undefined && !untilEnd);
  const simulators = await simulatorsOf(context, domains);
  const simulated = domains.map((domain) => ({ domain: asProduced(domain), simulator: simulators.get(domain.name)! }));
  const feeds = simulating ? feedsOf(context, simulated, flags) : { hurried: [] };
  const timeOf = ({ name }: Pick<Domain, "name">) => feeds.hurried.find(({ domain }) => domain === name)?.time;
  using screen = new Screen(context, feeds.demo);
  await runApp({
    config,
    parts,
    domains,
    clock: host.clock,
    pid: host.pid,
    version: VERSION,
    command: commandName(),
    untilEnd,
    feeds: feeds.demo ? [feeds.demo] : feeds.hurried,
    makeEvents: (domain) => eventMaker(simulators.get(domain.name)!, timeOf(domain) ?? host.clock),
    eventNow: (domain) => {
      const time = timeOf(domain);
      return time && (() => time.newest());
    },
    signal: host.signal,
    giveUp: (message) => context.giveUp(message),
    onUp(up) {
      host.dropPermissions?.(unneededPermissions(config));
      reportUp(context, { up, domains, simulating, untilEnd, flags });
      screen.up(up);
    },
    onProgress: screen.isLive ? (statuses) => screen.show(statuses) : undefined,
    onDone: (statuses) => screen.show(statuses),
  });
  screen[Symbol.dispose]();
  if (context.forPeople && !untilEnd) {
    context.tell("Stopped: the next run goes on from the last checkpoint\n");
  }
}

interface Feeds {
  readonly demo?: Demo;
  /** Where time flies, one for each domain. */
  readonly hurried: readonly HurriedSimulation[];
}

function feedsOf(context: Context, simulated: readonly Simulated[], { speed, seed }: RunFlags): Feeds {
  const { domains: settings } = context.config();
  const { clock } = context.host;
  if (speed === undefined) return { demo: new Demo({ simulated, seed, settings, clock }), hurried: [] };
  return { hurried: simulated.map((each) => new HurriedSimulation({ ...each, speed, seed, settings, clock })) };
}

/** Simulators by their domain. */
async function simulatorsOf(context: Context, domains: readonly Domain[]): Promise<ReadonlyMap<string, Simulator>> {
  return new Map(
    await Promise.all(domains.map(async (domain) => [domain.name, await context.simulatorOf(domain)] as const)),
  );
}

/** The table at the bottom of a terminal; nothing elsewhere, where there are log lines. */
class Screen implements Disposable {
  readonly #block: LiveBlock | undefined;
  #screen: RunScreen | undefined;

  constructor(private readonly context: Context, private readonly demo: Demo | undefined) {
    this.#block = context.openBelow();
  }

  get isLive(): boolean {
    return this.#block !== undefined;
  }

  up({ dashboard }: Up): void {
    const { colors, host: { clock } } = this.context;
    const { demo } = this;
    this.#screen = new RunScreen({ clock, dashboard, colors, made: demo && (() => demo.made) });
  }

  show(statuses: readonly DomainStatus[]): void {
    if (this.#screen) this.#block?.draw(this.#screen.lines(statuses, this.context.host.stderr.columns));
  }

  [Symbol.dispose](): void {
    this.#block?.[Symbol.dispose]();
  }
}

interface Announcement {
  readonly up: Up;
  readonly domains: readonly Domain[];
  readonly simulating: boolean;
  readonly untilEnd: boolean;
  readonly flags: RunFlags;
}

/** A table of windows, as readers see it, or the raw one. */
function tableToAsk(domain: Domain): string {
  const windows = outputsOf(domain).find(({ kind }) => kind === "windows");
  return windows ? windows.name.replace(/_PARTS$/, "") : domain.raw.table;
}

/** What a person reads first, or one log line for programs. */
function reportUp(context: Context, { up, domains, simulating, untilEnd, flags }: Announcement): void {
  const pace = flags.speed === undefined ? "simulating in real time" : `simulating at ${flags.speed}× speed`;
  const doing = untilEnd ? "working off what is there" : simulating ? pace : "reading";
  if (!context.forPeople) {
    const names = domains.map(({ name }) => name);
    return loggerFor("run").info("Up: {doing}", { doing, domains: names, ...up });
  }
  const lines = [
    ["Freshet", `${domains.map(({ name }) => name).join(", ")}: ${doing}`],
    ["log", up.log],
    ["warehouse", up.warehouse],
    ["dashboard", up.dashboard],
    ["http", `${up.url}/docs (and /health, /metrics, /api/status)`],
    [
      "ask",
      `${commandName()} query --vertical "SELECT * FROM ${tableToAsk(domains[0]!)} LIMIT 2"`,
    ],
    ["stop", "Ctrl-C drains and writes a last checkpoint"],
  ] as const;
  const label = (text: string) => context.colors ? `\x1b[1m${text.padEnd(10)}\x1b[22m` : text.padEnd(10);
  context.tell(lines.map(([name, text]) => `${label(name)} ${text}\n`).join(""));
}
