// What a pipeline ends in: outputs with names, each an operator and how its results are told apart.
// Knows nothing of tables: who stores the results decides what their columns are.

import type { AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Operator } from "./batch.ts";
import type { ComparedWindow } from "./compared_windows.ts";
import type { LatestResult } from "./latest.ts";
import type { RunningResult } from "./running.ts";
import type { SessionChange } from "./session.ts";
import type { WindowResult } from "./window.ts";

/** A record of named values, to be stored as it is. */
export type Named = Readonly<Record<string, unknown>>;

/** What every output has: over events of `E` it answers with results of `R`. */
export interface NamedOutput<E, R> {
  /** Names the output, and its state if it has any. */
  readonly name: string;
  /** What answers events with results. */
  readonly operator: Operator<E, R>;
}

/** What every output by key has. */
export interface KeyedOutput<E, R> extends NamedOutput<E, R> {
  /** Names of the key's parts. */
  readonly keyNames: readonly string[];
}

/** Rows, each new. */
export interface AppendOutput<E> extends NamedOutput<E, Named> {
  /** Tells outputs apart. */
  readonly kind: "append";
}

/** The newest row of each key. */
export interface LatestOutput<E> extends KeyedOutput<E, LatestResult<Named>> {
  /** Tells outputs apart. */
  readonly kind: "latest";
  /** Names of a row's values by which, compared in this order, it is newer than another. Without them: event time, then offset. */
  readonly order?: readonly string[];
}

/** One row for each key, over all its elements so far. */
export interface RunningOutput<E, R = Named> extends KeyedOutput<E, RunningResult<R>> {
  /** Tells outputs apart. */
  readonly kind: "running";
}

/** How long windows are, for those who wait for them. */
export interface WindowLengths {
  /** How far apart windows end, milliseconds. */
  readonly everyMs: number;
  /** How long a window is at most, milliseconds. */
  readonly sizeMs: number;
}

/** One row for each key and window. */
export interface WindowOutput<E, R = Named> extends KeyedOutput<E, WindowResult<R>>, WindowLengths {
  /** Tells outputs apart. */
  readonly kind: "windows";
  /** Whether several windows of a key begin together: then rows are told apart by their ends alone. */
  readonly nested: boolean;
}

/** One row for each key and session. */
export interface SessionOutput<E, R = Named> extends KeyedOutput<E, SessionChange<R>> {
  /** Tells outputs apart. */
  readonly kind: "sessions";
  /** How long after its last element a session ends, milliseconds. */
  readonly gapMs: number;
}

/** One row for each time that a condition lasted: raised, updated, cleared. */
export interface EpisodeOutput<E> extends KeyedOutput<E, SessionChange<Named>> {
  /** Tells outputs apart. */
  readonly kind: "episodes";
  /** What the condition is called. */
  readonly type: string;
  /** The number that the peak is measured against, for people. */
  readonly threshold: number | null;
  /** How long after its last element an episode ends, milliseconds, where it is a session: what partitions have of it may be joined. */
  readonly gapMs?: number;
}

/** A named end of a pipeline over events of `E`. The kind says what its elements are and how they are to be stored. */
export type Output<E> =
  | AppendOutput<E>
  | LatestOutput<E>
  | RunningOutput<E>
  | WindowOutput<E>
  | SessionOutput<E>
  | EpisodeOutput<E>;

/** A keyed stream cut into windows. */
export interface WindowedStream<E, T> {
  /** Ends in one row for each key and window, holding the results of `spec`. */
  aggregate<S extends AccumulatorSpec<T>>(name: string, spec: S): WindowOutput<E, ResultsOf<S>>;
}

/** When a hopping window belongs to an episode. */
export interface WindowCondition<T, S extends AccumulatorSpec<T>> {
  /** What is kept of a window, and of the interval before it. */
  readonly contents: S;
  /** Length of the interval before a window that it is compared with, a multiple of the advance; milliseconds. */
  readonly trailingMs: number;
  /** Windows that end this far apart, or further, are in different episodes; more than the advance; milliseconds. */
  readonly gapMs: number;
  /** Whether a window belongs to an episode. Must not throw, nor may what an episode says of the windows. */
  readonly holds: (compared: ComparedWindow<ResultsOf<S>>) => boolean;
}

/** A keyed stream cut into hopping windows. */
export interface HoppingStream<E, T> extends WindowedStream<E, T> {
  /** The times during which a key's windows meet a condition, each compared with the interval before it. */
  holding<S extends AccumulatorSpec<T>>(
    condition: WindowCondition<T, S>,
  ): EpisodeStream<E, ComparedWindow<ResultsOf<S>>>;
}

/** What an episode says beside its times. */
export interface EpisodeOptions<T> {
  /** What the condition is called. */
  readonly type: string;
  /** The number whose greatest value is the episode's peak. */
  readonly value: (value: T) => number | null | undefined;
  /** The peak is the least value instead. */
  readonly least?: boolean;
  /** The number that it is measured against, for people. */
  readonly threshold?: number | null;
  /** More results. */
  readonly also?: AccumulatorSpec<T>;
}

/** A keyed stream cut into episodes. */
export interface EpisodeStream<E, T> {
  /** Ends in one row for each time that the condition lasted. */
  episodes(name: string, options: EpisodeOptions<T>): EpisodeOutput<E>;
}

/** A keyed stream cut into sessions; as episodes, the sessions of the condition that the elements meet. */
export interface SessionStream<E, T> extends EpisodeStream<E, T> {
  /** Ends in one row for each key and session, holding the results of `spec`. */
  aggregate<S extends AccumulatorSpec<T>>(name: string, spec: S): SessionOutput<E, ResultsOf<S>>;
}
