// One operator for every kind of windows: picks what keeps the kind's elements by its shape, and opens its state.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Operator } from "./batch.ts";
import type { Keys } from "./key.ts";
import { PaneAggregator, type PaneState } from "./pane_aggregator.ts";
import { byPartition } from "./partition_aggregator.ts";
import { SeparateAggregator, separateCodec } from "./separate_aggregator.ts";
import { type KeySessions, type SessionChange, sessionCodec } from "./session.ts";
import { duesOf, SessionAggregator } from "./session_aggregator.ts";
import { plainCodec } from "./state.ts";
import type { StateBackend } from "./state_backend.ts";
import type { LatenessSettings, WindowResult } from "./window.ts";
import type { MergingWindows, OverlappingWindows, SeparateWindows } from "./window_kind.ts";

/** What the operators of windows need. */
export interface WindowAggregation<T, S extends AccumulatorSpec<T>, W> extends LatenessSettings {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  readonly windows: W;
  readonly accumulators: AccumulatorRow<T, S>;
  readonly state: StateBackend;
}

/**
 * Aggregates by key and window.
 *
 * Answers a batch with the final rows of the windows that its watermark has closed and of closed windows that late elements
 * have corrected. A batch with `early` is also answered with the early rows of open windows that have changed; of windows
 * that overlap, with that of the one that closes next. An element is late for those of its windows that are past the allowed
 * lateness, or have been forgotten under another setting; it counts in the others.
 *
 * ```
 * time        0    5    10   15   20   |     (watermark = time)
 * in          a    b    c    d
 * tumbling    [--a+b----[--c+d----]          (size 10)
 * hopping     [--a+b----]                    (size 10, advance 5)
 *                  [--b+c----]
 *                       [--c+d----]
 * cumulative  [-a--]    [-c--]               (size 10, step 5)
 *             [--a+b----[--c+d----]
 * ```
 */
export function aggregateWindows<T, S extends AccumulatorSpec<T>>(
  options: WindowAggregation<T, S, SeparateWindows<T> | OverlappingWindows>,
): Operator<T, WindowResult<ResultsOf<S>>> {
  const { name, keys, windows, accumulators, allowedLatenessMs } = options;
  const config = configOf(options);
  if (windows.shape === "separate") {
    const state = options.state.open(name, config, separateCodec);
    const settings = { name, keys, windows, accumulators, allowedLatenessMs };
    return byPartition((partition) => new SeparateAggregator(settings, state, partition));
  }
  const state: PaneState = {
    panes: options.state.open(name, config, plainCodec<unknown[]>({ wholeKeys: true })),
    corrections: options.state.open(`${name}/corrections`, config, plainCodec<number>({ never: true })),
    closed: options.state.open(`${name}/closed`, config, plainCodec<number>({ never: true })),
  };
  const settings = { name, keys, windows, accumulators, allowedLatenessMs };
  return byPartition((partition) => new PaneAggregator(settings, state, partition));
}

/**
 * Aggregates by key and session.
 *
 * Answers a batch with the sessions that its watermark has closed, and with `early` also with open sessions that have
 * changed. An element is late when the session that it would be a part of is past the allowed lateness: one inside a session
 * that goes on is never late. A session is kept until no element that is not late can be a part of it. What has been out of
 * reach once stays as it is: a session does not grow back to it.
 *
 * ```
 * time      0   1   2       6   7     (gap 3)
 * in        a   b   c       d   e
 * out       [--a+b+c--]     [-d+e-…
 * ```
 */
export function aggregateSessions<T, S extends AccumulatorSpec<T>>(
  options: WindowAggregation<T, S, MergingWindows> & {
    /** Whether what is open is emitted again as news when the partition has caught up. */
    readonly alerts?: boolean;
  },
): Operator<T, SessionChange<ResultsOf<S>>> {
  const spilling = { dues: ({ sessions }: KeySessions) => duesOf(sessions, options) };
  const state = options.state.open(options.name, configOf(options), { ...sessionCodec, spilling });
  return byPartition((partition) => new SessionAggregator(options, state, partition));
}

/** What stored windows depend on, in the order of the fingerprints that have been stored. */
function configOf<T>({ windows, keys, accumulators }: {
  readonly windows: { readonly config: Readonly<Record<string, unknown>> };
  readonly keys: Keys<T>;
  readonly accumulators: { readonly config: Readonly<Record<string, string>> };
}): Readonly<Record<string, unknown>> {
  return { ...windows.config, keys: keys.names, accumulators: accumulators.config };
}
