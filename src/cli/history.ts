// Histories: long stretches of simulated event time that go into a topic once, however often sending them is broken off. What the
// topic ends with says where to go on: a simulator makes the same records again, from wherever it starts.
import { type SimulatedRecord, spoil } from "../../simulators/mod.ts";
import type { LogRecord } from "../log/log.ts";
import { partitionOfKey } from "../log/murmur2.ts";
import { UsageError } from "./context.ts";
import { peek } from "./peek.ts";
import type { Simulation } from "./simulation.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The records of a history that the topic does not have yet. */
export interface Remaining {
  /** Event time of the last record that the topic has, epoch milliseconds; `null` when it has none. */
  readonly after: number | null;
  readonly records: Iterable<SimulatedRecord>;
}

/**
 * Finds out where a history goes on.
 * Throws `UsageError` when the topic has other records: they would be newer than the history, and make it late.
 */
export async function remainingHistory(
  simulation: Simulation,
  { log, name: topic }: NonNullable<Simulation["topic"]>,
): Promise<Remaining> {
  const group = `freshet-simulator-${simulation.clock.now()}`;
  const last = await peek(log, topic, { which: "last", group });
  const there = last.filter((record) => record !== undefined);
  const [info] = await log.topics([topic]);
  if (there.length === 0 && info?.partitions.some(({ high }) => high > 0)) {
    throw new UsageError(
      `The records of "${topic}" are gone from the log, so nobody knows how far its history went: use an empty topic`,
    );
  }
  if (there.length === 0) return { after: null, records: planned(simulation, simulation.plan.start) };
  // What a partition without records lacks may begin where the topic does.
  const begin = there.length === last.length
    ? there
    : (await peek(log, topic, { which: "first", group })).filter((record) => record !== undefined);
  const from = Math.min(...begin.map((record) => eventTimeOf(record, simulation)));
  const after = Math.max(...there.map((record) => eventTimeOf(record, simulation)));
  if (Number.isNaN(from + after)) throw otherRecords(topic);
  const ends = () => new Ends(last, (record) => eventTimeOf(record, simulation), simulation.plan.bad > 0);
  const known = ends();
  for (const record of planned(simulation, from)) {
    if (known.pass(record) === "other") throw otherRecords(topic);
    if (known.allPassed) break;
  }
  return { after, records: beyond(planned(simulation, from), ends()) };
}

function* beyond(records: Iterable<SimulatedRecord>, ends: Ends): Generator<SimulatedRecord, void, undefined> {
  for (const record of records) if (ends.pass(record) === "new") yield record;
}

/**
 * Whether records get their event time for a timestamp. Kafka deletes by timestamp: of a year of history most would be gone
 * before it was read.
 */
export function isDated({ plan, topic }: Pick<Simulation, "plan" | "topic">): boolean {
  return !plan.history || topic?.log.kind !== "kafka";
}

/** Epoch milliseconds; `NaN` when the record does not say. */
function eventTimeOf({ timestamp, value }: LogRecord, simulation: Simulation): number {
  if (isDated(simulation)) return timestamp;
  try {
    const event = JSON.parse(decoder.decode(value!)) as Readonly<Record<string, unknown>>;
    return Date.parse(String(event[simulation.simulator.fields.timestamp]));
  } catch {
    return NaN;
  }
}

/** The plan's records from `start` on. */
export function planned({ simulator, plan, settings, clock }: Simulation, start: number): Iterable<SimulatedRecord> {
  const { seed, intervalMs, bad, natural } = plan;
  const good = simulator.generate({ seed, start, intervalMs, settings, natural });
  return spoil(good, { seed, ratio: bad, fields: simulator.fields, now: () => clock.now() });
}

function otherRecords(topic: string): UsageError {
  return new UsageError(
    `Topic "${topic}" has records that are not of this history, or not of one with this --per-day and --seed. A history goes ` +
      "into an empty topic, or goes on where it was broken off: after newer records all of it would be late",
  );
}

/** The last records of the partitions, and which of them a generator has passed. */
class Ends {
  readonly #waiting: Map<number, LogRecord>;
  readonly #partitions: number;

  /** Of records that may be spoilt only key and time are compared. */
  constructor(
    last: readonly (LogRecord | undefined)[],
    private readonly timeOf: (record: LogRecord) => number,
    private readonly spoilt: boolean,
  ) {
    this.#partitions = last.length;
    this.#waiting = new Map(last.flatMap((record, partition) => record ? [[partition, record] as const] : []));
  }

  get allPassed(): boolean {
    return this.#waiting.size === 0;
  }

  /** Says whether the topic has the record, does not have it yet, or has another in its place. */
  pass(record: SimulatedRecord): "old" | "new" | "other" {
    if (this.#waiting.size === 0) return "new";
    const partition = partitionOfKey(encoder.encode(record.key), this.#partitions);
    const end = this.#waiting.get(partition);
    if (!end) return "new";
    if (record.timestamp > this.timeOf(end)) return "other";
    if (this.#same(record, end)) this.#waiting.delete(partition);
    return "old";
  }

  #same({ key, timestamp, value }: SimulatedRecord, end: LogRecord): boolean {
    if (timestamp !== this.timeOf(end) || end.key === null || decoder.decode(end.key) !== key) return false;
    return this.spoilt || (end.value !== null && decoder.decode(end.value) === value);
  }
}
