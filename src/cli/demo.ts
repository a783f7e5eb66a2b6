// The demonstration that lives now: the time up to the present of all domains as fast as the log takes it, then on in real time.
// Knows simulators and a log, nothing of who reads.
import { setImmediate } from "node:timers/promises";
import type { Simulator } from "../../simulators/mod.ts";
import type { Feed } from "../app.ts";
import type { Clock } from "../clock.ts";
import type { Domain } from "../domains/domain.ts";
import type { Log, NewRecord } from "../log/log.ts";
import { loggerFor } from "../logging.ts";
import { totalLine } from "./progress.ts";
import { intervalOf, type Plan, simulate } from "./simulation.ts";
import { demoStart } from "./simulation_start.ts";

/** How far, in event time, a domain may get ahead of the one that is furthest behind: all pages fill alike. */
const AHEAD_MS = 30 * 60_000;

/** A domain that is simulated. */
export interface Simulated {
  readonly domain: Domain;
  readonly simulator: Simulator;
}

export interface DemoOptions {
  readonly simulated: readonly Simulated[];
  readonly seed: number;
  /** The domains' settings by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
}

/** How much of the time up to the present has been made. */
export interface Made {
  readonly records: number;
  /** From 0 to 1. */
  readonly share: number;
}

/** A simulated domain with what it takes to reach the present. Times are epoch milliseconds. */
interface Part extends Simulated {
  readonly start: number;
  /** Records that there will be, about. */
  readonly expected: number;
  /** Where the log has got to. */
  reached: number;
}

/** One feed for all domains. */
export class Demo implements Feed {
  #parts: readonly Part[] = [];
  #present = 0;
  #records = 0;
  #moved = Promise.withResolvers<void>();

  constructor(private readonly options: DemoOptions) {}

  get made(): Made {
    const [done, all] = this.#parts.reduce(([done, all], { start, expected, reached }) => {
      const share = (Math.min(reached, this.#present) - start) / Math.max(1, this.#present - start);
      return [done + expected * share, all + expected];
    }, [0, 0]);
    const share = this.#parts.length === 0 ? 0 : all === 0 ? 1 : Math.min(1, done / all);
    return { records: this.#records, share };
  }

  async prepare(log: Log, signal: AbortSignal): Promise<void> {
    const { simulated, clock, settings } = this.options;
    this.#present = clock.now();
    this.#parts = await Promise.all(simulated.map(async ({ domain, simulator }) => {
      const start = await demoStart(log, domain.topic, { now: this.#present, days: simulator.demoDays });
      const expected = (this.#present - start) * simulator.sources / demoIntervalOf(simulator, settings);
      return { domain, simulator, start, expected, reached: start };
    }));
    const begin = clock.monotonic();
    await Promise.all(this.#parts.map((part) => this.#reachPresent(part, log, signal)));
    loggerFor("simulator").info("Made the time up to now, which is being loaded: {made}", {
      made: totalLine(this.#records, clock.monotonic() - begin),
    });
  }

  async run(log: Log, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#parts.map((part) => this.#goOn(part, log, signal)));
  }

  async #reachPresent(part: Part, log: Log, signal: AbortSignal): Promise<void> {
    const { domain: { topic }, start } = part;
    const send = async (records: readonly NewRecord[]) => {
      while (records[0]!.timestamp! > this.#last() + AHEAD_MS) await this.#moved.promise;
      await log.produce(topic, records);
      // An embedded log may be done at once: whoever asks over HTTP has a turn, too.
      await setImmediate();
    };
    try {
      await this.#simulate(part, {
        ...{ plan: { start, until: this.#present }, signal, send },
        onSent: (records, last) => {
          this.#records += records;
          this.#reach(part, last);
        },
      });
    } finally {
      this.#reach(part, Infinity);
    }
  }

  /** In real time, and oftener where a simulator has something to look at. */
  async #goOn(part: Part, log: Log, signal: AbortSignal): Promise<void> {
    const { simulator, domain: { topic } } = part;
    const { liveIntervalMs: intervalMs = demoIntervalOf(simulator, this.options.settings) } = simulator;
    await this.#simulate(part, {
      plan: { start: this.#present, ...(isAsDeclared(simulator, this.options.settings) ? { intervalMs } : {}) },
      signal,
      send: (records) => log.produce(topic, records),
    });
  }

  async #simulate(
    { simulator }: Part,
    { plan, signal, send, onSent }: {
      readonly plan: Pick<Plan, "start"> & Partial<Plan>;
      readonly signal: AbortSignal;
      readonly send: (records: readonly NewRecord[]) => Promise<unknown>;
      /** With how many records, and the event time of the last. */
      readonly onSent?: (records: number, last: number) => void;
    },
  ): Promise<void> {
    const { seed, settings, clock } = this.options;
    const intervalMs = demoIntervalOf(simulator, settings);
    let before = 0;
    await simulate({
      ...{ simulator, settings, send, clock, signal },
      plan: { seed, intervalMs, bad: 0, natural: true, speed: Infinity, ...plan },
      onSent(sent, { timestamp }) {
        onSent?.(sent - before, timestamp);
        before = sent;
      },
    });
  }

  /** Where the domain is that is furthest behind. */
  #last(): number {
    return Math.min(...this.#parts.map(({ reached }) => reached));
  }

  #reach(part: Part, time: number): void {
    part.reached = time;
    const { resolve } = this.#moved;
    this.#moved = Promise.withResolvers();
    resolve();
  }
}

/** Whether no setting says how often the simulator's things report. */
function isAsDeclared(simulator: Simulator, settings: Readonly<Record<string, unknown>>): boolean {
  return intervalOf(simulator, settings) === simulator.intervalMs;
}

/** Milliseconds of event time between two records of the same thing; a setting goes before what the demonstration would have. */
function demoIntervalOf(simulator: Simulator, settings: Readonly<Record<string, unknown>>): number {
  const { intervalMs, demoIntervalMs = intervalMs } = simulator;
  return isAsDeclared(simulator, settings) ? demoIntervalMs : intervalOf(simulator, settings);
}
