// Session windows: a key's elements with less than a gap of event time between neighbours, whatever the order in which
// they come.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import { type Batch, type Element, type Operator, withElements } from "./batch.ts";
import type { Key, Keys } from "./key.ts";
import { Schedule } from "./schedule.ts";
import type { KeyedState, StateBackend, StateEntry } from "./state.ts";
import { answer, type LatenessSettings, reportFailed, reportLate } from "./window.ts";

/** A session as it is now. */
export interface SessionRow<R> {
  readonly kind: "session";
  readonly key: Key;
  readonly partition: number;
  /**
   * Event time of the element that the session was first seen with, epoch milliseconds: it stays when an earlier element
   * moves the start, and of sessions that grow together the smallest stays.
   */
  readonly id: number;
  /** Event time of the first element, epoch milliseconds. */
  readonly start: number;
  /** Event time of the last element, epoch milliseconds. */
  readonly last: number;
  /** `last` plus the gap, exclusive, epoch milliseconds. */
  readonly end: number;
  readonly values: R;
  /** The watermark has passed the end. */
  readonly final: boolean;
  /** 1, and one more for each late element that changed the session after it was final. */
  readonly version: number;
  /** Given out by a batch of history: whether it is open or not, it is no news. */
  readonly backfill: boolean;
  /** The start that its last row said, when that was another. */
  readonly previousStart: number | null;
}

/** A session that has become part of another; its last row said `id` and `start`. */
export interface SessionGone {
  readonly kind: "gone";
  readonly key: Key;
  readonly partition: number;
  readonly id: number;
  readonly start: number;
}

export type SessionChange<R> = SessionRow<R> | SessionGone;

interface Session {
  id: number;
  start: number;
  last: number;
  accs: unknown[];
  final: boolean;
  version: number;
  /** The start that its last row said; `null` before its first row. */
  shownStart: number | null;
  /** Changed since its last row; not stored. */
  pending: boolean;
}

/** A key's sessions, by start. */
interface KeySessions {
  sessions: Session[];
  /** When the sessions must be looked at next, so that one key is scheduled once; not stored. */
  closeAt: number;
  forgetAt: number;
}

type StoredSession = [
  id: number,
  start: number,
  last: number,
  accs: unknown[],
  final: 0 | 1,
  version: number,
  shown: number | null,
];

const codec = {
  encode: ({ sessions }: KeySessions): unknown =>
    sessions.map((s): StoredSession => [s.id, s.start, s.last, s.accs, s.final ? 1 : 0, s.version, s.shownStart]),
  decode: (json: unknown): KeySessions => ({
    sessions: (json as StoredSession[]).map(([id, start, last, accs, final, version, shownStart]) => (
      { id, start, last, accs, final: final === 1, version, shownStart, pending: false }
    )),
    closeAt: Infinity,
    forgetAt: Infinity,
  }),
};

/** What {@link aggregateSessions} needs. */
export interface SessionAggregation<T, S extends AccumulatorSpec<T>> extends LatenessSettings {
  /** Names the operator and its state. */
  readonly name: string;
  readonly keys: Keys<T>;
  /** Elements this far apart, or further, are in different sessions; milliseconds of event time. */
  readonly gapMs: number;
  readonly accumulators: AccumulatorRow<T, S>;
  readonly state: StateBackend;
  /** Whether what is open is given out again as news when the partition has caught up. */
  readonly alerts?: boolean;
}

/**
 * Aggregates by key and session.
 *
 * Answers a batch with the sessions that its watermark has closed, and with `emit` also with open sessions that have
 * changed. An element is late when a session of it alone would be past the allowed lateness; a session is kept one gap
 * longer than that, so that whatever is not late still finds the session that it belongs to.
 *
 * ```
 * time      0   1   2       6   7     (gap 3)
 * in        a   b   c       d   e
 * out       [--a+b+c--]     [-d+e-…
 * ```
 */
export function aggregateSessions<T, S extends AccumulatorSpec<T>>(
  options: SessionAggregation<T, S>,
): Operator<T, SessionChange<ResultsOf<S>>> {
  const { name, keys, gapMs, accumulators } = options;
  if (!(gapMs > 0)) throw new Error(`Cannot make sessions with a gap of ${gapMs} ms: it must be positive`);
  const config = { window: "session", gapMs, keys: keys.names, accumulators: accumulators.config };
  const state = options.state.open(name, config, codec);
  return async function* (source) {
    const aggregators = new Map<number, SessionAggregator<T, S>>();
    for await (const batch of source) {
      let aggregator = aggregators.get(batch.partition);
      if (!aggregator) {
        aggregators.set(batch.partition, aggregator = new SessionAggregator(options, state, batch.partition));
      }
      yield withElements(batch, aggregator.process(batch));
    }
  };
}

type Changes<S> = Element<SessionChange<ResultsOf<S>>>[];

/** One partition's sessions. */
class SessionAggregator<T, S extends AccumulatorSpec<T>> {
  /** Keys with an open session that has changed since its last row. */
  readonly #changed = new Set<StateEntry<KeySessions>>();
  readonly #closing = new Schedule<StateEntry<KeySessions>>();
  readonly #forgetting = new Schedule<StateEntry<KeySessions>>();
  /** Whether open sessions have been given out as news. */
  #live = false;

  constructor(
    private readonly options: SessionAggregation<T, S>,
    private readonly state: KeyedState<KeySessions>,
    private readonly partition: number,
  ) {
    for (const entry of state.entries(partition, 0)) this.#schedule(entry);
  }

  process(batch: Batch<T>): Changes<S> {
    const out: Changes<S> = [];
    if (this.options.alerts) this.#announce(batch, out);
    for (const element of batch.elements) {
      try {
        this.#add(batch, element, out);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
    this.#close(batch, out);
    if (batch.emit) this.#giveOutChanged(batch, out);
    this.#forget(batch);
    return out;
  }

  /** After a backfill (or a start) what is open is given out, asked for or not: it may have been given out as history. */
  #announce(batch: Batch<T>, out: Changes<S>): void {
    if (!batch.backfill && !this.#live) {
      for (const entry of this.state.entries(this.partition, 0)) {
        for (const session of entry.value.sessions) {
          if (session.last + this.options.gapMs > batch.watermark) this.#giveOut(entry, session, batch, out);
        }
      }
    }
    this.#live = !batch.backfill;
  }

  #add(batch: Batch<T>, element: Element<T>, out: Changes<S>): void {
    const { keys, gapMs, accumulators, allowedLatenessMs, name } = this.options;
    const { time, watermark } = element;
    if (time + gapMs + allowedLatenessMs <= watermark) return reportLate(name, batch, element);
    const key = keys.textOf(element.value);
    const entry = this.state.get(batch.partition, 0, key) ??
      this.state.add(batch.partition, 0, key, { sessions: [], closeAt: Infinity, forgetAt: Infinity });
    const session = this.#sessionFor(entry, element, batch, out);
    accumulators.add(session.accs, element);
    session.final = false;
    session.pending = true;
    this.state.touch(entry);
    this.#changed.add(entry);
    this.#schedule(entry);
  }

  /** The session that the element belongs to, grown to hold it; those that it bridges become one. */
  #sessionFor(entry: StateEntry<KeySessions>, element: Element<T>, batch: Batch<T>, out: Changes<S>): Session {
    const { gapMs, accumulators } = this.options;
    const { time, watermark } = element;
    const { sessions } = entry.value;
    const near = sessions.filter((s) => time < s.last + gapMs && time > s.start - gapMs);
    const [session, ...others] = near;
    if (!session) {
      const fresh: Session = {
        id: time,
        start: time,
        last: time,
        accs: accumulators.initial(),
        final: false,
        version: 1,
        shownStart: null,
        pending: true,
      };
      const at = sessions.findIndex((s) => s.start > time);
      sessions.splice(at < 0 ? sessions.length : at, 0, fresh);
      return fresh;
    }
    const wasClosed = near.some((s) => s.final || s.last + gapMs <= watermark);
    for (const other of others) this.#absorb(entry, session, other, batch, out);
    session.start = Math.min(session.start, time);
    session.last = Math.max(session.last, time);
    if (wasClosed) session.version++;
    return session;
  }

  #absorb(entry: StateEntry<KeySessions>, session: Session, other: Session, batch: Batch<T>, out: Changes<S>): void {
    entry.value.sessions.splice(entry.value.sessions.indexOf(other), 1);
    // The smaller id stays; what was shown under the other id is gone.
    const [kept, dropped] = session.id <= other.id ? [session, other] : [other, session];
    if (dropped.shownStart !== null) {
      const key = this.options.keys.partsOf(entry.key);
      const { id, shownStart: start } = dropped;
      out.push(answer({ kind: "gone", key, partition: entry.partition, id, start }, start, batch));
    }
    session.id = kept.id;
    session.shownStart = kept.shownStart;
    session.start = Math.min(session.start, other.start);
    session.last = Math.max(session.last, other.last);
    session.accs = this.options.accumulators.merge(session.accs, other.accs);
    session.version += other.version - 1;
  }

  #close(batch: Batch<T>, out: Changes<S>): void {
    for (const entry of this.#closing.due(batch.watermark)) {
      entry.value.closeAt = Infinity;
      if (entry.removed) continue;
      for (const session of entry.value.sessions) {
        if (session.final || session.last + this.options.gapMs > batch.watermark) continue;
        session.final = true;
        this.#giveOut(entry, session, batch, out);
      }
      this.#schedule(entry);
    }
  }

  #giveOutChanged(batch: Batch<T>, out: Changes<S>): void {
    for (const entry of this.#changed) {
      for (const session of entry.value.sessions) if (session.pending) this.#giveOut(entry, session, batch, out);
    }
    this.#changed.clear();
  }

  #giveOut(entry: StateEntry<KeySessions>, session: Session, batch: Batch<T>, out: Changes<S>): void {
    const { keys, gapMs, accumulators } = this.options;
    const { id, start, last, final, version, shownStart } = session;
    const row: SessionRow<ResultsOf<S>> = {
      kind: "session",
      key: keys.partsOf(entry.key),
      partition: entry.partition,
      id,
      start,
      last,
      end: last + gapMs,
      values: accumulators.results(session.accs),
      final,
      version,
      backfill: batch.backfill,
      previousStart: shownStart === start ? null : shownStart,
    };
    session.shownStart = start;
    session.pending = false;
    this.state.touch(entry);
    out.push(answer(row, start, batch));
  }

  /** Drops sessions that no element can reach any more. */
  #forget(batch: Batch<T>): void {
    for (const entry of this.#forgetting.due(batch.eventWatermark)) {
      entry.value.forgetAt = Infinity;
      if (entry.removed) continue;
      const kept = entry.value.sessions.filter((s) => this.#forgetTime(s) > batch.eventWatermark);
      if (kept.length < entry.value.sessions.length) this.state.touch(entry);
      entry.value.sessions = kept;
      if (kept.length === 0) {
        this.state.remove(entry);
        this.#changed.delete(entry);
      } else this.#schedule(entry);
    }
  }

  #forgetTime(session: Session): number {
    return session.last + 2 * this.options.gapMs + this.options.allowedLatenessMs;
  }

  /** Has the key looked at when the first of its sessions may close, and when the first may be forgotten. */
  #schedule(entry: StateEntry<KeySessions>): void {
    const keyed = entry.value;
    let closeAt = Infinity;
    let forgetAt = Infinity;
    for (const session of keyed.sessions) {
      if (!session.final) closeAt = Math.min(closeAt, session.last + this.options.gapMs);
      forgetAt = Math.min(forgetAt, this.#forgetTime(session));
    }
    if (closeAt < keyed.closeAt) this.#closing.add(keyed.closeAt = closeAt, entry);
    if (forgetAt < keyed.forgetAt) this.#forgetting.add(keyed.forgetAt = forgetAt, entry);
  }
}
