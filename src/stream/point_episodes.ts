// One partition's episodes of points in time that may be taken back: each a run of a key's points less than a gap apart.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element } from "./batch.ts";
import type { Keys } from "./key.ts";
import type { SessionChange, SessionRow } from "./session.ts";
import type { KeyedState, StateEntry } from "./state.ts";
import { rowElement } from "./window.ts";
import type { MergingWindows, Span } from "./window_kind.ts";

/** What {@link PointEpisodes} needs. */
export interface EpisodeSettings<V, A extends AccumulatorSpec<V>> {
  readonly keys: Keys<never>;
  /** Which points are in one episode, and when it is over. */
  readonly sessions: MergingWindows;
  /** What is kept of an episode's points. */
  readonly accumulators: AccumulatorRow<V, A>;
}

/** A point in epoch milliseconds, and accumulators of it alone. */
type Point = readonly [time: number, accs: readonly unknown[]];

/** Points that are one episode: the first and the last, and their accumulators together. */
interface Run extends Span {
  readonly accs: readonly unknown[];
}

/** An episode as its last row said. */
interface Emitted extends Span {
  readonly id: number;
  readonly final: boolean;
  readonly version: number;
}

/** A key's points, and what its rows said of them. */
export interface KeyEpisodes {
  /** The beginning of the first episode: those of its points that cannot change any more. */
  readonly settled: Run | null;
  /** By time. */
  readonly points: readonly Point[];
  /** The last row of each episode that `settled` and `points` make, in their order. State is stored under these names. */
  readonly shown: readonly Emitted[];
}

const NOTHING: KeyEpisodes = { settled: null, points: [], shown: [] };

/** Where rows go, and what they are part of. */
export interface Emission<R> {
  readonly batch: Batch<unknown>;
  /** Event time so far, at most the batch's watermark. */
  readonly watermark: number;
  readonly out: Element<SessionChange<R>>[];
}

/** One partition's episodes of points. */
export class PointEpisodes<V, A extends AccumulatorSpec<V>> {
  /** Keys with an episode that is not final. */
  readonly #open = new Set<StateEntry<KeyEpisodes>>();
  /** Keys whose open episodes may have been emitted as history, and not yet as news. */
  readonly #asHistory = new Set<string>();

  constructor(
    private readonly settings: EpisodeSettings<V, A>,
    private readonly state: KeyedState<KeyEpisodes>,
    private readonly partition: number,
  ) {
    for (const entry of state.entries(partition, 0)) this.#notice(entry);
    for (const { key } of this.#open) this.#asHistory.add(key);
  }

  /** Puts `points` (time and value) in the place of the key's points at `from` and later. */
  replace(
    key: string,
    from: number,
    points: readonly (readonly [time: number, value: V])[],
    emission: Emission<ResultsOf<A>>,
  ): void {
    const entry = this.state.get(this.partition, 0, key);
    if (points.length === 0 && !entry) return;
    const fresh = points.map(([time, value]): Point => [time, this.#accsOf(time, value)]);
    const before = entry?.value ?? NOTHING;
    const kept = before.points.filter(([time]) => time < from);
    if (fresh.length === 0 && kept.length === before.points.length) return;
    const after = { ...before, points: [...kept, ...fresh] };
    this.#store(key, entry, { ...after, shown: this.#emitChanged(key, before, after, emission) });
  }

  #accsOf(time: number, value: V): unknown[] {
    const accs = this.settings.accumulators.initial();
    this.settings.accumulators.add(accs, { value, time, offset: 0, watermark: time });
    return accs;
  }

  /** The episodes that a key's points make. */
  #runs({ settled, points }: KeyEpisodes): Run[] {
    const { sessions, accumulators } = this.settings;
    const runs = settled ? [settled] : [];
    for (const [time, accs] of points) {
      const open = runs.at(-1);
      if (open && time - open.last < sessions.gapMs) {
        const merged = accumulators.merge(open.accs, accs);
        runs[runs.length - 1] = { start: open.start, last: time, accs: merged };
      } else runs.push({ start: time, last: time, accs });
    }
    return runs;
  }

  /** Emits what has changed. An episode goes on under the smallest id of those that it overlaps; others are removed. */
  #emitChanged(key: string, before: KeyEpisodes, after: KeyEpisodes, emission: Emission<ResultsOf<A>>): Emitted[] {
    const { shown } = before;
    const [runsBefore, runs] = [this.#runs(before), this.#runs(after)];
    const successors = matched(shown, runs);
    const ids = new Set(successors.map((successor) => successor?.id));
    for (const { id, start } of shown) if (!ids.has(id)) this.#emitRemoved(key, id, start, emission);
    return runs.map((run, i) => {
      const previous = successors[i];
      if (previous && same(runsBefore[shown.indexOf(previous)]!, run)) return previous;
      const { start, last } = run;
      let id = previous?.id ?? start;
      while (!previous && ids.has(id)) id++;
      ids.add(id);
      const final = this.#isOver(last, emission.watermark);
      const version = previous ? previous.version + (hasClosed(previous) ? 1 : 0) : 1;
      const next = { id, start, last, final, version };
      this.#emit(key, next, { run, previous }, emission);
      return next;
    });
  }

  /** The end of the last episode that is open; the watermark need not have passed it. */
  get lastEnd(): number {
    const { sessions } = this.settings;
    const ends = [...this.#open].flatMap(({ value }) => value.shown.map(({ last }) => last + sessions.gapMs));
    return Math.max(-Infinity, ...ends);
  }

  /** After a backfill, or a start, emits what is open. */
  emitNews(emission: Emission<ResultsOf<A>>): void {
    if (emission.batch.backfill || this.#asHistory.size === 0) return;
    for (const { key, value } of this.#open) {
      if (!this.#asHistory.has(key)) continue;
      const runs = this.#runs(value);
      value.shown.forEach((emitted, i) => {
        if (!emitted.final) this.#emit(key, emitted, { run: runs[i]!, previous: emitted }, emission);
      });
    }
    this.#asHistory.clear();
  }

  /** Emits the episodes that the watermark has passed: they are final. */
  close(emission: Emission<ResultsOf<A>>): void {
    const { watermark } = emission;
    const ended = ({ final, last }: Emitted) => !final && this.#isOver(last, watermark);
    for (const entry of this.#open) {
      if (!entry.value.shown.some(ended)) continue;
      const runs = this.#runs(entry.value);
      const shown = entry.value.shown.map((previous, i) => {
        if (!ended(previous)) return previous;
        const next = { ...previous, final: true };
        this.#emit(entry.key, next, { run: runs[i]!, previous }, emission);
        return next;
      });
      this.#store(entry.key, entry, { ...entry.value, shown });
    }
  }

  #emitRemoved(key: string, id: number, start: number, { batch, out }: Emission<ResultsOf<A>>): void {
    const { keys } = this.settings;
    out.push(
      rowElement({ kind: "removed", key: keys.partsOf(key), partition: this.partition, id, start }, start, batch),
    );
  }

  #emit(
    key: string,
    { id, start, last, final, version }: Emitted,
    { run, previous }: { readonly run: Run; readonly previous: Emitted | undefined },
    { batch, out }: Emission<ResultsOf<A>>,
  ): void {
    const { keys, sessions, accumulators } = this.settings;
    const row: SessionRow<ResultsOf<A>> = {
      kind: "session",
      key: keys.partsOf(key),
      partition: this.partition,
      id,
      start,
      last,
      end: last + sessions.gapMs,
      values: accumulators.results(run.accs),
      open: !final,
      final: hasClosed({ final, version }),
      version,
      backfill: batch.backfill,
      previousStart: previous && previous.start !== start ? previous.start : null,
    };
    if (batch.backfill && !final) this.#asHistory.add(key);
    out.push(rowElement(row, start, batch));
  }

  /** Points at `reach` or before cannot change: what they make is kept together, or over and forgotten. */
  settle(reach: number): void {
    for (const entry of [...this.state.entries(this.partition, 0)]) {
      const { settled, points, shown } = entry.value;
      const over = shown.filter(({ last }) => this.#isOver(last, reach)).length;
      const left = over === 0 ? points : points.filter(([time]) => time > shown[over - 1]!.last);
      const fixed = left.filter(([time]) => time <= reach);
      if (over === 0 && fixed.length === 0) continue;
      // Points of two episodes cannot both be here: the first would be over.
      const [first = null] = this.#runs({ settled: over === 0 ? settled : null, points: fixed, shown });
      this.#store(entry.key, entry, { settled: first, points: left.slice(fixed.length), shown: shown.slice(over) });
    }
  }

  #store(key: string, entry: StateEntry<KeyEpisodes> | undefined, value: KeyEpisodes): void {
    if (!entry) return this.#notice(this.state.add(this.partition, 0, key, value));
    entry.value = value;
    if (value.shown.length === 0) this.state.remove(entry);
    else this.state.touch(entry);
    this.#notice(entry);
  }

  #isOver(last: number, watermark: number): boolean {
    return last + this.settings.sessions.gapMs <= watermark;
  }

  #notice(entry: StateEntry<KeyEpisodes>): void {
    if (entry.value.shown.some(({ final }) => !final)) this.#open.add(entry);
    else this.#open.delete(entry);
  }
}

/** For each run, the emitted episode that it continues. */
function matched(emitted: readonly Emitted[], runs: readonly Run[]): (Emitted | undefined)[] {
  const taken = new Set<Emitted>();
  return runs.map(({ start, last }) => {
    const overlapping = emitted.filter((s) => !taken.has(s) && s.start <= last && s.last >= start);
    const successor = overlapping.reduce<Emitted | undefined>((a, b) => a && a.id <= b.id ? a : b, undefined);
    if (successor) taken.add(successor);
    return successor;
  });
}

/** Whether the episode has closed once: each change since then has a version of its own. */
const hasClosed = ({ final, version }: Pick<Emitted, "final" | "version">) => final || version > 1;

function same(a: Run, b: Run): boolean {
  return a.start === b.start && a.last === b.last && JSON.stringify(a.accs) === JSON.stringify(b.accs);
}
