// Starts simulators for `run` and `simulate`: where event time begins, how fast it goes, and sending what is due.
// The only place under src/ that knows the simulators.
import { ConstantBackoff, handleWhen, retry } from "cockatiel";
import { paced, type SimulatedRecord, type Simulator, simulators, spoil } from "../../simulators/mod.ts";
import type { Clock } from "../clock.ts";
import { FreshetError } from "../errors.ts";
import type { Log, NewRecord } from "../log/log.ts";
import { UsageError } from "./context.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A day of event time in six minutes. */
export const DEMO_SPEED = 240;
const DEMO_HOUR = 6;
const DEMO_AGE_MS = 18 * HOUR_MS;
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
}

export interface Simulation {
  readonly simulator: Simulator;
  readonly plan: Plan;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Resolves when the records have arrived. */
  readonly send: (records: readonly NewRecord[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each batch with the number of records so far and the event time reached. */
  readonly onSent?: (records: number, eventTime: number) => void;
}

/** The simulator of a domain. Throws `UsageError` when it has none. */
export function simulatorOf(domain: string): Simulator {
  const found = simulators.find((simulator) => simulator.domain === domain);
  if (!found) throw new UsageError(`There is no simulator for the domain "${domain}"`);
  return found;
}

/**
 * A function that makes one of the simulator's events each time, as of now; another process makes others. Throws `UsageError`
 * when the simulator makes no single events.
 */
export function eventMaker({ domain, eventAt }: Simulator, clock: Clock): () => unknown {
  if (!eventAt) throw new UsageError(`The simulator of "${domain}" makes no single events: add "eventAt" to it`);
  let seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  return () => eventAt(seed++, clock.now());
}

/** Milliseconds of event time between two records of the same thing, as the settings have it. */
export function intervalOf(simulator: Simulator, settings: Readonly<Record<string, unknown>>): number {
  return simulator.intervalFrom?.(settings) ?? simulator.intervalMs;
}

/** Sends records as planned. Resolves with their number when the plan ends or the signal is aborted. */
export async function simulate({ simulator, plan, settings, send, clock, signal, onSent }: Simulation) {
  const { seed, start, intervalMs, bad, speed, count, until } = plan;
  const good = simulator.generate({ seed, start, intervalMs, settings });
  const records = spoil(good, { seed, ratio: bad, fields: simulator.fields, now: () => clock.now() });
  // A record that is sent twice after a lost answer is one more record of a simulation: no harm.
  const again = retry(handleWhen((error) => error instanceof FreshetError && error.retriable), {
    maxAttempts: SEND_ATTEMPTS,
    backoff: new ConstantBackoff(SEND_PAUSE_MS),
  });
  let sent = 0;
  for await (const batch of paced(records, { start, speed, count, until, clock, signal })) {
    await again.execute(() => send(batch.map(toNewRecord)), signal);
    sent += batch.length;
    onSent?.(sent, batch.at(-1)!.timestamp);
  }
  return sent;
}

function toNewRecord({ key, value, timestamp }: SimulatedRecord): NewRecord {
  return { key, value, timestamp };
}

/**
 * Where event time of a demonstration starts: after the topic's last record, but no earlier than the latest 06:00 UTC of a
 * weekday that is 18 hours ago, so that a rush hour is in the first minute.
 */
export async function demoStart(log: Log, topic: string, clock: Clock): Promise<number> {
  const now = clock.now();
  const last = await lastTimestamp(log, topic, now);
  return Math.max(demoMorning(now), Math.min(last + 1, now));
}

/** The latest 06:00 UTC of a weekday that is at least 18 hours ago. */
export function demoMorning(now: number): number {
  const latest = now - DEMO_AGE_MS - DEMO_HOUR * HOUR_MS;
  let day = Math.floor(latest / DAY_MS) * DAY_MS;
  while (new Date(day).getUTCDay() % 6 === 0) day -= DAY_MS;
  return day + DEMO_HOUR * HOUR_MS;
}

const PEEK_MS = 5_000;

/** The greatest timestamp among the last records of the topic's partitions; `-Infinity` when it is empty. */
async function lastTimestamp(log: Log, topic: string, now: number): Promise<number> {
  const [info] = await log.topics([topic]);
  if (!info || info.partitions.every(({ low, high }) => low === high)) return -Infinity;
  const done = new AbortController();
  await using members = await log.subscribe({ topic, group: `freshet-simulator-${now}`, signal: done.signal });
  const generation = await members.nextGeneration();
  const positions = info.partitions.map(({ low, high }, partition) => [partition, Math.max(low, high - 1)] as const);
  await generation.start(new Map(positions));
  const waiting = new Set(positions.filter(([partition, at]) => at < info.partitions[partition]!.high).map(([p]) => p));
  let last = -Infinity;
  while (waiting.size > 0) {
    const batch = await generation.next(PEEK_MS);
    if (!batch) break;
    for (const record of batch.records) last = Math.max(last, record.timestamp);
    waiting.delete(batch.partition);
  }
  done.abort();
  return last;
}
