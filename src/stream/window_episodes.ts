// Episodes of windows: stretches of time during which a key's hopping windows meet a condition, such as holding twice as
// many elements as was usual before them.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import { type Batch, type Element, type Operator, withElements } from "./batch.ts";
import { type ComparedWindow, ComparedWindows, type Comparison, type Looked } from "./compared_windows.ts";
import { type Answering, type KeyEpisodes, PointEpisodes } from "./point_episodes.ts";
import type { SessionChange } from "./session.ts";
import type { KeyedState, StateBackend, StateCodec } from "./state.ts";
import { reportFailed } from "./window.ts";

/** What {@link aggregateWindowEpisodes} needs. */
export interface WindowEpisodes<
  T,
  S extends AccumulatorSpec<T>,
  A extends AccumulatorSpec<ComparedWindow<ResultsOf<S>>>,
> extends Comparison<T, S> {
  /** Windows that end this far apart, or further, are in different episodes; more than the advance; milliseconds. */
  readonly gapMs: number;
  /** Whether a window belongs to an episode. Must not throw. */
  readonly holds: (compared: ComparedWindow<ResultsOf<S>>) => boolean;
  /** What is kept of an episode's windows; each is an element whose time is the window's end. Must not throw. */
  readonly accumulators: AccumulatorRow<ComparedWindow<ResultsOf<S>>, A>;
  readonly state: StateBackend;
}

const plain = <V>(): StateCodec<V> => ({ encode: (value) => value, decode: (json) => json as V });

interface EpisodeState {
  readonly panes: KeyedState<unknown[]>;
  readonly episodes: KeyedState<KeyEpisodes>;
  readonly looked: KeyedState<Looked>;
}

/**
 * Episodes by key of hopping windows.
 *
 * Looks at each window when the watermark has passed its end, and again when a late element changes it or what was before
 * it: the episodes always are those that all elements which were not late make, whatever the order in which they came.
 * A window is looked at only if its trailing stretch begins after the partition's first element: before that nobody knows
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
        "size and trailing stretch must be multiples of the advance, and the gap longer than it",
    );
  }
  const config = { window: "compared", sizeMs, advanceMs, trailingMs, keys: keys.names, contents: contents.config };
  const state: EpisodeState = {
    panes: options.state.open(name, config, plain<unknown[]>()),
    episodes: options.state.open(
      `${name}/episodes`,
      { ...config, gapMs, of: accumulators.config },
      plain<KeyEpisodes>(),
    ),
    looked: options.state.open(`${name}/closed`, config, plain<Looked>()),
  };
  return async function* (source) {
    const partitions = new Map<number, PartitionEpisodes<T, S, A>>();
    for await (const batch of source) {
      let episodes = partitions.get(batch.partition);
      if (!episodes) partitions.set(batch.partition, episodes = new PartitionEpisodes(options, state, batch.partition));
      yield withElements(batch, episodes.process(batch));
    }
  };
}

class PartitionEpisodes<
  T,
  S extends AccumulatorSpec<T>,
  A extends AccumulatorSpec<ComparedWindow<ResultsOf<S>>>,
> {
  readonly #windows: ComparedWindows<T, S>;
  readonly #episodes: PointEpisodes<ComparedWindow<ResultsOf<S>>, A>;

  constructor(private readonly options: WindowEpisodes<T, S, A>, state: EpisodeState, partition: number) {
    this.#windows = new ComparedWindows(options, state.panes, state.looked, partition);
    this.#episodes = new PointEpisodes(options, state.episodes, partition);
  }

  process(batch: Batch<T>): Element<SessionChange<ResultsOf<A>>>[] {
    const out: Element<SessionChange<ResultsOf<A>>>[] = [];
    for (const element of batch.elements) {
      const answering = { batch, watermark: this.#windows.closedUpTo(element), out };
      try {
        this.#take(element, answering);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
    if (batch.ended) this.#end({ batch, watermark: this.#windows.closedUpTo(batch), out });
    const answering = { batch, watermark: this.#windows.closedUpTo(batch), out };
    if (this.#windows.isDue(answering.watermark)) this.#look(answering);
    this.#episodes.close(answering);
    this.#episodes.announce(answering);
    this.#forget(batch);
    return out;
  }

  /** The input has ended: all windows are looked at, and the episodes that they make are over. */
  #end(answering: Answering<ResultsOf<A>>): void {
    this.#windows.close(this.#windows.lastEnd);
    this.#look({ ...answering, watermark: this.#windows.closedUpTo(answering.batch) });
    this.#windows.close(this.#episodes.lastEnd);
  }

  /** As if the element came alone, so that versions do not depend on where batches begin. */
  #take(element: Element<T>, answering: Answering<ResultsOf<A>>): void {
    if (this.#windows.isDue(answering.watermark)) this.#look(answering);
    this.#windows.add(answering.batch, element);
    if (!this.#windows.hasLate) return;
    // What is over by now is corrected, and not just continued.
    this.#episodes.close(answering);
    this.#look(answering);
  }

  /** Looks at the windows that the watermark has passed, and at those that a late element has changed. */
  #look(answering: Answering<ResultsOf<A>>): void {
    for (const { key, from, windows } of this.#windows.look(answering.watermark)) {
      const points = windows.filter(([, compared]) => this.options.holds(compared));
      this.#episodes.replace(key, from, points, answering);
    }
  }

  /** Drops what no element can reach any more. */
  #forget(batch: Batch<T>): void {
    const reach = this.#windows.reach(batch.eventWatermark);
    if (this.#windows.forget(reach)) this.#episodes.settle(reach);
  }
}
