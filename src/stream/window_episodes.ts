// Episodes of windows: intervals during which a key's windows meet a condition, such as holding twice as many elements as was
// usual before them.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element, Operator } from "./batch.ts";
import { type ComparedWindow, ComparedWindows, type Progress } from "./compared_windows.ts";
import { hoppingWindows } from "./hopping_windows.ts";
import type { Keys } from "./key.ts";
import { byPartition, PartitionAggregator } from "./partition_aggregator.ts";
import { type Emission, type KeyEpisodes, PointEpisodes } from "./point_episodes.ts";
import type { SessionChange } from "./session.ts";
import { sessionWindows } from "./session_windows.ts";
import { type KeyedState, plainCodec } from "./state.ts";
import type { StateBackend } from "./state_backend.ts";
import { type LatenessSettings, reportFailed } from "./window.ts";
import type { MergingWindows, OverlappingWindows } from "./window_kind.ts";

/** What {@link aggregateWindowEpisodes} needs. */
export interface WindowEpisodes<
  T,
  S extends AccumulatorSpec<T>,
  A extends AccumulatorSpec<ComparedWindow<ResultsOf<S>>>,
> extends LatenessSettings {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  /** Length of a window, a multiple of the advance; milliseconds. */
  readonly sizeMs: number;
  /** Time from the start of one window to the start of the next; milliseconds. */
  readonly advanceMs: number;
  /** Length of the interval before a window, a multiple of the advance; milliseconds. */
  readonly trailingMs: number;
  /** What is kept of a window and of the interval before it. */
  readonly contents: AccumulatorRow<T, S>;
  /** Windows that end this far apart, or further, are in different episodes; more than the advance; milliseconds. */
  readonly gapMs: number;
  /** Whether a window belongs to an episode. Must not throw. */
  readonly holds: (compared: ComparedWindow<ResultsOf<S>>) => boolean;
  /** What is kept of an episode's windows; each is an element whose time is the window's end. Must not throw. */
  readonly accumulators: AccumulatorRow<ComparedWindow<ResultsOf<S>>, A>;
  readonly state: StateBackend;
}

interface EpisodeState {
  readonly panes: KeyedState<unknown[]>;
  readonly episodes: KeyedState<KeyEpisodes>;
  readonly progress: KeyedState<Progress>;
}

/** The windows, and the sessions that those which meet the condition make. */
interface EpisodeWindows {
  readonly windows: OverlappingWindows;
  readonly sessions: MergingWindows;
}

/**
 * Episodes by key of hopping windows.
 *
 * A window is evaluated when the watermark has passed its end, and again when a late element changes it or what was before
 * it: the episodes always are those that all elements which were not late make, whatever the order in which they came.
 * A window is evaluated only if its trailing interval begins after the partition's first element: before that nobody knows
 * what is usual.
 *
 * Rows are those of sessions with the ends of windows for times: `start` is the end of the first window of the episode.
 * An episode is answered with when it changes, whether the batch asks for it or not. Its id is the start that it was
 * raised with. An element is late for windows that are past the allowed lateness; it counts in the others, and before them.
 *
 * ```
 * time      0    5    10   15   20   25     (size 5, advance 5, trailing 10, gap 10; holds: more than in 10 before)
 * in        a    a    a    aaa  a
 * holds                        +    -
 * out                          [---------]
 * ```
 */
export function aggregateWindowEpisodes<
  T,
  S extends AccumulatorSpec<T>,
  A extends AccumulatorSpec<ComparedWindow<ResultsOf<S>>>,
>(options: WindowEpisodes<T, S, A>): Operator<T, SessionChange<ResultsOf<A>>> {
  const { name, keys, sizeMs, advanceMs, trailingMs, gapMs, contents, accumulators } = options;
  const areMultiples = [sizeMs, trailingMs].every((ms) => ms >= advanceMs && ms % advanceMs === 0);
  if (!(advanceMs > 0) || !areMultiples || !(gapMs > advanceMs)) {
    throw new Error(
      `Cannot make episodes of windows of ${sizeMs} ms every ${advanceMs} ms against ${trailingMs} ms, ${gapMs} ms apart: ` +
        "size and trailing interval must be multiples of the advance, and the gap longer than it",
    );
  }
  const config = { window: "compared", sizeMs, advanceMs, trailingMs, keys: keys.names, contents: contents.config };
  const ofEpisodes = { ...config, gapMs, of: accumulators.config };
  const state: EpisodeState = {
    panes: options.state.open(name, config, plainCodec<unknown[]>({ wholeKeys: true })),
    episodes: options.state.open(`${name}/episodes`, ofEpisodes, plainCodec<KeyEpisodes>({ never: true })),
    progress: options.state.open(`${name}/closed`, config, plainCodec<Progress>({ never: true })),
  };
  const kinds = { windows: hoppingWindows(sizeMs, advanceMs), sessions: sessionWindows(gapMs) };
  return byPartition((partition) => new WindowEpisodeAggregator(options, kinds, { state, partition }));
}

class WindowEpisodeAggregator<
  T,
  S extends AccumulatorSpec<T>,
  A extends AccumulatorSpec<ComparedWindow<ResultsOf<S>>>,
> extends PartitionAggregator<T, SessionChange<ResultsOf<A>>> {
  readonly #windows: ComparedWindows<T, S>;
  readonly #episodes: PointEpisodes<ComparedWindow<ResultsOf<S>>, A>;

  constructor(
    private readonly options: WindowEpisodes<T, S, A>,
    { windows, sessions }: EpisodeWindows,
    { state, partition }: { readonly state: EpisodeState; readonly partition: number },
  ) {
    super();
    this.#windows = new ComparedWindows({ ...options, windows }, state.panes, state.progress, partition);
    this.#episodes = new PointEpisodes({ ...options, sessions }, state.episodes, partition);
  }

  protected override addAll(batch: Batch<T>, out: Element<SessionChange<ResultsOf<A>>>[]): void {
    for (const element of batch.elements) {
      const emission = { batch, watermark: this.#windows.closedUpTo(element), out };
      try {
        this.#add(element, emission);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
  }

  /** As if the element came alone, so that versions do not depend on where batches begin. */
  #add(element: Element<T>, emission: Emission<ResultsOf<A>>): void {
    if (this.#windows.isDue(emission.watermark)) this.#evaluate(emission);
    this.#windows.add(emission.batch, element);
    if (!this.#windows.hasLate) return;
    // What is over by now is corrected, and not just continued.
    this.#episodes.close(emission);
    this.#evaluate(emission);
  }

  /** The input has ended: all windows are evaluated, and the episodes that they make are over. */
  protected override end(batch: Batch<T>, out: Element<SessionChange<ResultsOf<A>>>[]): void {
    this.#windows.close(this.#windows.lastEnd);
    this.#evaluate({ batch, watermark: this.#windows.closedUpTo(batch), out });
    this.#windows.close(this.#episodes.lastEnd);
  }

  protected override close(batch: Batch<T>, out: Element<SessionChange<ResultsOf<A>>>[]): void {
    const emission = { batch, watermark: this.#windows.closedUpTo(batch), out };
    if (this.#windows.isDue(emission.watermark)) this.#evaluate(emission);
    this.#episodes.close(emission);
    this.#episodes.emitNews(emission);
  }

  /** Every change has been emitted with its batch. */
  protected override emitEarly(): void {}

  /** Evaluates the windows that the watermark has passed, and those that a late element has changed. */
  #evaluate(emission: Emission<ResultsOf<A>>): void {
    for (const { key, from, windows } of this.#windows.evaluate(emission.watermark)) {
      this.#episodes.replace(key, from, windows, emission);
    }
  }

  protected override forget(batch: Batch<T>): void {
    const reach = this.#windows.reach(batch.eventWatermark);
    if (this.#windows.forget(reach)) this.#episodes.settle(reach);
  }
}
