// The way to write a pipeline down: what becomes of a stream of events, as outputs with names.
//
// events.map(f).into("A")
// events.keyBy({ k: (e) => e.k }).tumbling(hours(1)).aggregate("B", { n: count() })

import { aggregateSessions, aggregateWindows } from "./aggregate_windows.ts";
import { AccumulatorRow, type AccumulatorSpec, count, max, min, type ResultsOf } from "./accumulators.ts";
import type { Operator, PerElement } from "./batch.ts";
import { filter } from "./filter.ts";
import { flatMap } from "./flat_map.ts";
import { whileHolding } from "./holding.ts";
import { cumulativeDayWindows, cumulativeWindows } from "./cumulative_windows.ts";
import { hoppingWindows } from "./hopping_windows.ts";
import { localDayWindows } from "./local_day_windows.ts";
import { Keys, type KeySelectors } from "./key.ts";
import { latest } from "./latest.ts";
import { map } from "./map.ts";
import type {
  AppendOutput,
  EpisodeOptions,
  EpisodeOutput,
  EpisodeStream,
  HoppingStream,
  LatestOutput,
  Named,
  RunningOutput,
  SessionStream,
  WindowedStream,
  WindowLengths,
} from "./outputs.ts";
import { aggregateRunning } from "./running.ts";
import { scan, type Scanned } from "./scan.ts";
import type { SessionChange } from "./session.ts";
import { sessionWindows } from "./session_windows.ts";
import type { StateBackend } from "./state_backend.ts";
import { tumblingWindows } from "./tumbling_windows.ts";
import { hours, minutes } from "./time.ts";
import type { WindowResult } from "./window.ts";
import { aggregateWindowEpisodes } from "./window_episodes.ts";
import type { OverlappingWindows, SeparateWindows } from "./window_kind.ts";

/** What the operators of a pipeline share. */
export interface StreamContext {
  /** Where operators keep their state. */
  readonly state: StateBackend;
  /** Milliseconds of event time after a window's end during which late elements correct it. */
  readonly allowedLatenessMs: number;
  /** What an episode's own results are called: "count" and "peak" when left out. Stored state depends on the names. */
  readonly episodeNames?: EpisodeNames;
}

/** Names of the results that every episode has. */
export interface EpisodeNames {
  /** How many elements it has. */
  readonly count: string;
  /** The greatest (or least) of its values. */
  readonly peak: string;
}

/** A day has an hour more when clocks go back. */
const LONGEST_DAY_MS = hours(25);

// deno-lint-ignore no-explicit-any -- a chain's inner types are checked where it is built, by Stream's signatures
type AnyOperator = Operator<any, any>;

/** One operator of several, at least one; closing the last closes them all. */
function chain<E, T>(operators: readonly AnyOperator[]): Operator<E, T> {
  return operators.reduce((before, after) => (source) => after(before(source)));
}

/** Events of `E` turned into `T` so far. */
export class Stream<E, T = E> {
  private constructor(private readonly context: StreamContext, private readonly operators: readonly AnyOperator[]) {}

  /** The start of a pipeline. */
  static of<E>(context: StreamContext): Stream<E> {
    return new Stream(context, []);
  }

  /** A pipeline that goes on after some operators. */
  static after<E, T>(context: StreamContext, operators: readonly AnyOperator[]): Stream<E, T> {
    return new Stream(context, operators);
  }

  #then<U>(operator: Operator<T, U>): Stream<E, U> {
    return new Stream(this.context, [...this.operators, operator]);
  }

  /** Another value for each element. */
  map<U>(fn: PerElement<T, U>): Stream<E, U> {
    return this.#then(map(`map ${fn.name}`, fn));
  }

  /** The elements for which `keep` is true. */
  filter(keep: PerElement<T, boolean>): Stream<E, T> {
    return this.#then(filter(`filter ${keep.name}`, keep));
  }

  /** Any number of values for each element. */
  flatMap<U>(fn: PerElement<T, Iterable<U>>): Stream<E, U> {
    return this.#then(flatMap(`flatMap ${fn.name}`, fn));
  }

  /** Ends in rows that are stored as they are; `toRow` makes one of each element. */
  into(name: string, toRow: PerElement<T, Named>): AppendOutput<E> {
    return { kind: "append", name, operator: chain<E, Named>([...this.operators, map(name, toRow)]) };
  }

  /** Groups by named parts: `keyBy({ TRAIN_ID: (e) => e.train_id })`. */
  keyBy(selectors: KeySelectors<T>): KeyedStream<E, T> {
    return new KeyedStream(this.context, this.operators, new Keys(selectors));
  }
}

/** A stream grouped by key. */
export class KeyedStream<E, T> {
  /** Made by {@link Stream.keyBy}. */
  constructor(
    private readonly context: StreamContext,
    private readonly operators: readonly AnyOperator[],
    private readonly keys: Keys<T>,
  ) {}

  /**
   * Ends in the newest row of each key; `toRow` makes it. `order` names the row's values by which, compared in this order, it
   * is newer than another: they must follow event time, then offset.
   */
  latest(name: string, toRow: PerElement<T, Named>, order?: readonly string[]): LatestOutput<E> {
    const newest = latest(name, this.keys, toRow);
    return { kind: "latest", name, keyNames: this.keys.names, order, operator: chain([...this.operators, newest]) };
  }

  /**
   * Ends in one row for each key, holding the results of `spec` over all its elements so far. No element is late for it.
   * A key is kept for ever, so what the accumulators keep of it must be bounded.
   */
  aggregate<S extends AccumulatorSpec<T>>(name: string, spec: S): RunningOutput<E, ResultsOf<S>> {
    const { state } = this.context;
    const accumulators = new AccumulatorRow(spec);
    const running = aggregateRunning({ name, keys: this.keys, accumulators, state });
    return { kind: "running", name, keyNames: this.keys.names, operator: chain([...this.operators, running]) };
  }

  /**
   * Each element with the results of `spec` over its key's elements up to it, in the order of the log. `name` names the
   * state. A key is never forgotten.
   */
  scan<S extends AccumulatorSpec<T>>(name: string, spec: S): Stream<E, Scanned<T, ResultsOf<S>>> {
    const { context, operators, keys } = this;
    const scanning = scan({ state: context.state, name, keys, accumulators: new AccumulatorRow(spec) });
    return Stream.after(context, [...operators, scanning]);
  }

  /** The times during which `holds` is true of a key's newest element, in the order of the log. */
  holding(holds: (value: T) => boolean): EpisodeStream<E, T> {
    const { context: { state, episodeNames }, operators, keys } = this;
    return {
      episodes(name, options) {
        const accumulators = episodeResults(options, episodeNames);
        const operator = whileHolding({ state, name: `${name}/${options.type}`, keys, holds, accumulators });
        return episodeOutput(name, options, keys.names, chain([...operators, operator]));
      },
    };
  }

  /** Windows of `sizeMs`, one after the other, anchored to the epoch. */
  tumbling(sizeMs: number): WindowedStream<E, T> {
    return this.windows(tumblingWindows(sizeMs), { everyMs: sizeMs, sizeMs });
  }

  /**
   * Local days in the IANA time zone that each element names. The zone becomes a part of the key, under `zoneName`: a key
   * that changes zones has a row for each of them.
   */
  localDays(zoneName: string, zoneOf: (value: T) => string): WindowedStream<E, T> {
    const keyed = new KeyedStream<E, T>(this.context, this.operators, this.keys.with({ [zoneName]: zoneOf }));
    // Zones differ by whole quarters of an hour.
    return keyed.windows(localDayWindows(zoneOf), { everyMs: minutes(15), sizeMs: LONGEST_DAY_MS });
  }

  /** Windows from the start of each period of `sizeMs`, anchored to the epoch, to each `stepMs` of it. */
  cumulative(sizeMs: number, stepMs: number): WindowedStream<E, T> {
    return this.windows(cumulativeWindows(sizeMs, stepMs), { everyMs: stepMs, sizeMs });
  }

  /** Windows from each midnight in an IANA time zone to each `stepMs` of the day, and to the next midnight. */
  cumulativeDays(timeZone: string, stepMs: number): WindowedStream<E, T> {
    return this.windows(cumulativeDayWindows(timeZone, stepMs), { everyMs: stepMs, sizeMs: LONGEST_DAY_MS });
  }

  /** Windows of `sizeMs`, one beginning every `advanceMs`. */
  hopping(sizeMs: number, advanceMs: number): HoppingStream<E, T> {
    const { context, operators, keys } = this;
    return {
      ...this.windows(hoppingWindows(sizeMs, advanceMs), { everyMs: advanceMs, sizeMs }),
      holding: ({ contents, ...condition }) => ({
        episodes(name, options) {
          const operator = aggregateWindowEpisodes({
            ...context,
            ...condition,
            accumulators: episodeResults(options, context.episodeNames),
            name: `${name}/${options.type}`,
            keys,
            sizeMs,
            advanceMs,
            contents: new AccumulatorRow(contents),
          });
          return episodeOutput(name, options, keys.names, chain([...operators, operator]));
        },
      }),
    };
  }

  /** Windows of any kind that does not merge. */
  windows(windows: SeparateWindows<T> | OverlappingWindows, lengths: WindowLengths): WindowedStream<E, T> {
    const { context, operators, keys } = this;
    const nested = windows.shape === "overlapping" && windows.nested;
    return {
      aggregate(name, spec) {
        const accumulators = new AccumulatorRow(spec);
        const aggregate = aggregateWindows({ ...context, name, keys, windows, accumulators });
        const operator = chain<E, WindowResult<ResultsOf<typeof spec>>>([...operators, aggregate]);
        return { kind: "windows", name, keyNames: keys.names, ...lengths, nested, operator };
      },
    };
  }

  /** Sessions: elements less than `gapMs` apart. */
  session(gapMs: number): SessionStream<E, T> {
    const { context, operators, keys } = this;
    const windows = sessionWindows(gapMs);
    const sessions = <S extends AccumulatorSpec<T>>(
      options: { name: string; accumulators: AccumulatorRow<T, S>; alerts: boolean },
    ) =>
      chain<E, SessionChange<ResultsOf<S>>>([
        ...operators,
        aggregateSessions({ ...context, keys, windows, ...options }),
      ]);
    return {
      aggregate: (name, spec) => ({
        kind: "sessions",
        name,
        keyNames: keys.names,
        gapMs,
        operator: sessions({ name, accumulators: new AccumulatorRow(spec), alerts: false }),
      }),
      episodes(name, options) {
        const accumulators = episodeResults(options, context.episodeNames);
        const operator = sessions({ name: `${name}/${options.type}`, accumulators, alerts: true });
        return { ...episodeOutput(name, options, keys.names, operator), gapMs };
      },
    };
  }
}

function episodeResults<T>(
  { value, least = false, also = {} }: EpisodeOptions<T>,
  names: EpisodeNames = { count: "count", peak: "peak" },
): AccumulatorRow<T, AccumulatorSpec<T>> {
  return new AccumulatorRow({ [names.count]: count<T>(), [names.peak]: least ? min(value) : max(value), ...also });
}

function episodeOutput<E>(
  name: string,
  { type, threshold = null }: Pick<EpisodeOptions<never>, "type" | "threshold">,
  keyNames: readonly string[],
  operator: Operator<E, SessionChange<Named>>,
): EpisodeOutput<E> {
  return { kind: "episodes", name, type, threshold, keyNames, operator };
}
