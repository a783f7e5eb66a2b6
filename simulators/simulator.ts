// What a simulator is: a pure function from seed and start to an endless sequence of records in event-time order.
// Knows nothing of logs, pacing or the command line.

/** A record to be sent. */
export interface SimulatedRecord {
  /** Event time, epoch milliseconds. */
  readonly timestamp: number;
  readonly key: string;
  /** JSON text; bytes where it is spoilt on purpose; `null` for a tombstone. */
  readonly value: string | Uint8Array | null;
}

/** The most records a second: their numbers since 1970 must be exact, and no machine sends more. */
export const MAX_RATE = 100_000;

export interface GenerateOptions {
  readonly seed: number;
  /** Event time of the first record is this or later, epoch milliseconds. Another start shows another part of the same world. */
  readonly start: number;
  /** Milliseconds of event time between two records of the same thing. */
  readonly intervalMs: number;
  /** The domain's settings by name, for thresholds. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** As people live: by the hours of day and night, by weekdays and seasons, `intervalMs` in the mean. Evenly without it. */
  readonly natural?: boolean;
}

/** Fields of a domain's record in which mistakes can be made. */
export interface SpoilableFields {
  readonly timestamp: string;
  readonly required: string;
  /** A number that must not be negative. */
  readonly amount: string;
}

/** A domain's simulator. */
export interface Simulator {
  readonly domain: string;
  /** How many things report, each once an interval. */
  readonly sources: number;
  /** Default of `GenerateOptions.intervalMs`. */
  readonly intervalMs: number;
  /** The same in a history, where that is another. */
  readonly historyIntervalMs?: number;
  /** The same in a demonstration, where that is another: a day of it is to be loaded in seconds. */
  readonly demoIntervalMs?: number;
  /** The same when a demonstration has reached the present, where oftener is nicer to look at. */
  readonly liveIntervalMs?: number;
  /** Days before the present that a demonstration begins with, where one is too few to show anything. */
  readonly demoDays?: number;
  /** `intervalMs` as the domain's settings have it, for simulators with a setting for it. */
  readonly intervalFrom?: (settings: Readonly<Record<string, unknown>>) => number | undefined;
  readonly fields: SpoilableFields;
  /** A record as a line for people who watch, for simulators slow enough to be watched. */
  readonly describe?: (record: SimulatedRecord) => string;
  /** Endless. */
  generate(options: GenerateOptions): Generator<SimulatedRecord, never, undefined>;
  /** One event at that time, epoch milliseconds; another seed, another event. For domains whose HTTP route makes events. */
  eventAt?(seed: number, timestamp: number): object;
}
