// Works off a topic into the tables, much as `run --until-end` does, with a bar: the second half of loading a history.
import { runApp } from "../app.ts";
import type { TimeBefore } from "../engine/options.ts";
import type { DomainStatus } from "../engine/status.ts";
import type { StatusAnswer } from "../http/status_route.ts";
import type { Domain } from "../domains/domain.ts";
import { askJson, findRunning } from "../run_file.ts";
import type { Context } from "./context.ts";
import { type Progress, startProgress, totalLine } from "./progress.ts";
import { VERSION } from "./version.ts";

/** How long a run that is busy may take to answer. */
const STATUS_MS = 30_000;
/** No window closes at the end of the input: no time is given up to which they should. */
const STAYS_OPEN: TimeBefore = { watermarks: new Map(), closed: [] };

/** What came of it, for people and for programs. */
export interface Loaded {
  readonly text: string;
  readonly json: object;
}

/** Loads what is in the domain's topic, unless a run is up that does; nothing when it was stopped. */
export async function load(context: Context, domain: Domain): Promise<Loaded | undefined> {
  const { host, parts } = context;
  const config = context.config();
  const running = await findRunning(config.dataDir);
  if (running) {
    const { domains } = await askJson<StatusAnswer>(running, "/api/status", STATUS_MS);
    const loads = domains.some((status) => status.domain === domain.name);
    const text = `A run is up (pid ${running.pid}): ` +
      (loads
        ? `it loads them. "freshet status" says how far it is\n`
        : `it leaves ${domain.name} out. Stop it and run "freshet run ${domain.name}", which loads them and goes on\n`);
    return { text, json: { byRun: loads ? running.pid : null } };
  }
  const begin = host.clock.monotonic();
  using bar = new LoadBar(context);
  await runApp({
    config,
    parts,
    domains: [domain],
    clock: host.clock,
    pid: host.pid,
    version: VERSION,
    // The present follows on a history: what is open at its end stays open.
    untilEnd: STAYS_OPEN,
    feeds: [],
    signal: host.signal,
    giveUp: (message) => context.giveUp(message),
    // Without a terminal there are log lines instead.
    onProgress: host.stderr.isTerminal ? (statuses) => bar.show(statuses) : undefined,
    onDone: (statuses) => bar.show(statuses),
  });
  bar[Symbol.dispose]();
  if (host.signal.aborted) return undefined;
  const [records, elapsedMs] = [bar.records, host.clock.monotonic() - begin];
  return {
    text: `Loaded into the tables of ${domain.name}: ${totalLine(records, elapsedMs)}\n`,
    json: { records, elapsedMs },
  };
}

/** Records loaded of those that were in the log at the start. */
class LoadBar implements Disposable {
  records = 0;
  #bar: Progress | undefined;
  #start = 0;

  constructor(private readonly context: Context) {}

  show(statuses: readonly DomainStatus[]): void {
    const partitions = statuses.flatMap((status) => status.partitions);
    this.records = statuses.reduce((sum, { totals }) => sum + totals.records, 0);
    if (partitions.length === 0 || partitions.some(({ highOffset }) => highOffset === null)) return;
    const done = partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
    if (!this.#bar) {
      this.#start = done;
      const high = partitions.reduce((sum, { highOffset }) => sum + highOffset!, 0);
      this.#bar = startProgress(this.context.host, Math.max(1, high - done), "Loading");
    }
    this.#bar.update(done - this.#start, this.records);
  }

  [Symbol.dispose](): void {
    this.#bar?.[Symbol.dispose]();
    this.#bar = undefined;
  }
}
