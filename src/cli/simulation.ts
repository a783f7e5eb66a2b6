// Runs simulators for `run` and `simulate`: sends what is due, as a plan says.
// Knows what a simulator is, and none by name.
import { ConstantBackoff, handleWhen, retry } from "cockatiel";
import { paced, type SimulatedRecord, type Simulator } from "../../simulators/mod.ts";
import type { Clock } from "../clock.ts";
import { isRetriable } from "../errors.ts";
import type { Log, NewRecord } from "../log/log.ts";
import { UsageError } from "./context.ts";
import { isDated, planned, remainingHistory } from "./history.ts";

const SEND_ATTEMPTS = 10;
const SEND_PAUSE_MS = 1_000;

/** What a simulation is to do. */
export interface Plan {
  readonly seed: number;
  /** Event time of the beginning, epoch milliseconds. */
  readonly start: number;
  /** Seconds of event time in a second; `Infinity` for as fast as the log takes it. Never ahead of the clock. */
  readonly speed: number;
  /** Milliseconds of event time between two records of the same thing. */
  readonly intervalMs: number;
  readonly count?: number;
  /** Stop at this event time, epoch milliseconds. */
  readonly until?: number;
  /** Share of spoiled records. */
  readonly bad: number;
  /** Sent once: see history.ts. */
  readonly history?: boolean;
  /** See `GenerateOptions`. */
  readonly natural?: boolean;
}

export interface Simulation {
  readonly simulator: Simulator;
  readonly plan: Plan;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Resolves when the records have arrived. */
  readonly send: (records: readonly NewRecord[]) => Promise<unknown>;
  /** Where they arrive, for a history to go on where it was broken off; without it a history is sent from its beginning. */
  readonly topic?: { readonly log: Log; readonly name: string };
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each batch with the number of records so far and the last of them. */
  readonly onSent?: (records: number, last: SimulatedRecord) => void;
  /** Called when a history goes on where one was broken off, with the event time of its last record, epoch milliseconds. */
  readonly onResume?: (after: number) => void;
  /** Milliseconds before sending is tried again, a second unless told. */
  readonly pauseMs?: number;
}

/**
 * A function that makes one of the simulator's events each time, as of the clock's now; another process makes others. Throws `UsageError`
 * when the simulator makes no single events.
 */
export function eventMaker({ domain, eventAt }: Simulator, clock: Pick<Clock, "now">): () => unknown {
  if (!eventAt) throw new UsageError(`The simulator of "${domain}" makes no single events: add "eventAt" to it`);
  let seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  return () => eventAt(seed++, clock.now());
}

/** Milliseconds of event time between two records of the same thing, as the settings have it. */
export function intervalOf(simulator: Simulator, settings: Readonly<Record<string, unknown>>): number {
  return simulator.intervalFrom?.(settings) ?? simulator.intervalMs;
}

/** Sends records as planned. Resolves with their number when the plan ends or the signal is aborted. */
export async function simulate(simulation: Simulation): Promise<number> {
  const { plan, topic, signal, pauseMs = SEND_PAUSE_MS } = simulation;
  const again = retry(handleWhen(isRetriable), {
    maxAttempts: SEND_ATTEMPTS,
    backoff: new ConstantBackoff(pauseMs),
  });
  const sender = new Sender(simulation);
  if (plan.history && topic) await again.execute(() => sender.sendRest(topic), signal);
  else await sender.sendAll((send) => again.execute(send, signal));
  return sender.sent;
}

class Sender {
  /** Records sent so far. */
  sent = 0;

  constructor(private readonly simulation: Simulation) {}

  /** Of a history each record counts: also after a lost answer only what the topic does not have is sent. */
  async sendRest(topic: NonNullable<Simulation["topic"]>): Promise<void> {
    const { after, records } = await remainingHistory(this.simulation, topic);
    if (after !== null) this.simulation.onResume?.(after);
    await this.#send(records, after ?? this.simulation.plan.start, (send) => send());
  }

  /** A record that is sent twice after a lost answer is one more record of a simulation: no harm. */
  async sendAll(attempt: (send: () => Promise<unknown>) => Promise<unknown>): Promise<void> {
    const { start } = this.simulation.plan;
    await this.#send(planned(this.simulation, start), start, attempt);
  }

  async #send(
    records: Iterable<SimulatedRecord>,
    start: number,
    attempt: (send: () => Promise<unknown>) => Promise<unknown>,
  ): Promise<void> {
    const { plan, clock, signal, send, onSent } = this.simulation;
    const { speed, until } = plan;
    const count = (plan.count ?? Infinity) - this.sent;
    const dated = isDated(this.simulation);
    for await (const batch of paced(records[Symbol.iterator](), { start, speed, count, until, clock, signal })) {
      const last = batch.at(-1)!;
      await attempt(() => send(batch.map((record) => toNewRecord(record, dated))));
      this.sent += batch.length;
      onSent?.(this.sent, last);
    }
  }
}

function toNewRecord({ key, value, timestamp }: SimulatedRecord, dated: boolean): NewRecord {
  return dated ? { key, value, timestamp } : { key, value };
}
