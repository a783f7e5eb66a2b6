// What the engine is given to run a domain with.

import type { Clock } from "../clock.ts";
import type { Domain, TimeSettings } from "../domains/domain.ts";
import type { Log } from "../log/log.ts";
import type { AlertOptions } from "./alert_events.ts";

export type { AlertOptions };
import type { Copies } from "./dead_letter_topic.ts";
import type { StandstillPatience } from "./standstill.ts";
import type { Upsert, Warehouse } from "../warehouse/warehouse.ts";

/** Where the engine's messages go. */
export interface Logger {
  debug(message: string, properties?: Record<string, unknown>): void;
  info(message: string, properties?: Record<string, unknown>): void;
  warn(message: string, properties?: Record<string, unknown>): void;
  error(message: string, properties?: Record<string, unknown>): void;
}

/** What a committed checkpoint has written. */
export interface CheckpointSummary {
  readonly topic: string;
  readonly records: number;
  readonly accepted: number;
  /** Of those, how many of each kind of event, where the domain tells kinds apart. */
  readonly kinds: ReadonlyMap<string, number>;
  readonly deadLetters: readonly { readonly stage: string; readonly reason: string }[];
  readonly late: readonly { readonly operator: string; readonly count: number }[];
  /** Records that were read straight from their bytes, by the schema, which takes less than reading them as any JSON. */
  readonly readBySchema: number;
  /** Offsets that were skipped because they could not be read. */
  readonly skippedOffsets: number;
  /** Rows of raw and derived tables, and of state. */
  readonly rows: number;
  /** The rows of keyed tables that it has made or changed, by table. */
  readonly upserts: readonly Upsert[];
  /** Alerts that it has raised or cleared, and that somebody is to be told of. */
  readonly alertEvents: number;
  /** Of the records' values. */
  readonly bytes: number;
  /** How old accepted events were when they were committed, milliseconds of event time, and how many of about that age. */
  readonly ages: readonly { readonly ageMs: number; readonly records: number }[];
  /** From the first statement to the answer of the commit, milliseconds. */
  readonly durationMs: number;
  /** From the decision to commit, with the wait for the commit before, milliseconds. */
  readonly processingMs: number;
}

/** Is told what happens, of what it has a method for: metrics, progress lines, caches. Must not throw. */
export interface Observer {
  /** One is committed. */
  checkpoint?(domain: string, summary: CheckpointSummary): void;
  restart?(domain: string, error: unknown): void;
  /** The dead letter topic has only a part of some dead letters, or nothing. */
  deadLetterCopies?(domain: string, copies: Copies): void;
}

/** What the keyed state of one domain may take of memory. */
export interface StateMemorySettings {
  /** About how many bytes its keys may take. */
  readonly bytes: number;
  /** A folder for the file that the others are in. */
  readonly folder: string;
  /** Whether the next start takes up what is there. */
  readonly isKept?: boolean;
}

/** Where event time was when records were worked off before; where there is nothing in it, nothing closes. Epoch milliseconds. */
export interface TimeBefore {
  readonly watermarks: ReadonlyMap<number, number>;
  /** How far ends of inputs had closed the windows of operators. */
  readonly closed: readonly { readonly operator: string; readonly partition: number; readonly upTo: number }[];
}

export interface RunnerOptions {
  readonly domain: Domain;
  readonly log: Log;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer?: Observer;
  /** Consumer group; the domain's own when left out. */
  readonly group?: string;
  /** What the name of the dead letter topic has behind the domain's topic; ".dlq" when left out. */
  readonly deadLetterSuffix?: string;
  /** What time it is for events, epoch milliseconds: another than the wall clock's where they are simulated. */
  readonly eventNow?: () => number;
  /** Overrides of the domain's time settings. */
  readonly time?: Partial<TimeSettings>;
  /** A checkpoint is due when it has this many records, or when its first is this old; whichever comes first. */
  readonly checkpointRows: number;
  readonly checkpointMs: number;
  /** What is due by age is due at the next multiple of `checkpointMs` on the wall clock: at once with that of other domains. */
  readonly checkpointOnTicks?: boolean;
  /** While a backlog waits in the log a checkpoint takes up to this many records; less than `checkpointRows` has no effect. */
  readonly checkpointBacklogRows?: number;
  /**
   * Stop when all that was in the topic at the start has been committed. That is the end of time for it, and closes
   * everything; or, for records that were worked off before, event time goes on to where it was then.
   */
  readonly untilEnd?: boolean | TimeBefore;
  /** What becomes of a partition with a stretch that cannot be read: it stops there (so when left out), or goes on behind it. */
  readonly onDamage?: "stop" | "skip";
  /** How much memory the state of its keys has, and where what is beyond that goes. All of it stays in memory when left out. */
  readonly stateMemory?: StateMemorySettings;
  /** Restarts in a row without a checkpoint in between before the run gives up; a log that is away is waited for. */
  readonly maxRestarts: number;
  /** Who is told of alerts; nobody when left out. */
  readonly alerts?: AlertOptions;
  /** Whether the tables are of this process alone: what the group gives to others is in none of them, which is warned of. */
  readonly expectsAllPartitions?: boolean;
  /** When a domain that does not get on is said to stand still. */
  readonly patience?: Partial<StandstillPatience>;
}
