// Session windows: a key's elements with less than a gap of event time between neighbours, whatever the order in which
// they come.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import { type Batch, type Element, type MissedWindows, type Operator, withElements } from "./batch.ts";
import type { KeyedResult, Keys } from "./key.ts";
import { Schedule } from "./schedule.ts";
import type { KeyedState, StateBackend, StateEntry } from "./state.ts";
import { answer, type LatenessSettings, reportFailed, reportLate } from "./window.ts";

/** A session as it is now. */
export interface SessionRow<R> extends KeyedResult {
  /** Tells it from a session that has become part of another. */
  readonly kind: "session";
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
  /** The results of the accumulators. */
  readonly values: R;
  /** The watermark has not passed the end. */
  readonly open: boolean;
  /** It has closed once. An element that makes it longer may open it again, and it stays final: every change has a new version. */
  readonly final: boolean;
  /** 1, and one more for each element that changed the session after it was final. */
  readonly version: number;
  /** Given out by a batch of history: whether it is open or not, it is no news. */
  readonly backfill: boolean;
  /** The start that its last row said, when that was another. */
  readonly previousStart: number | null;
}

/** A session that has become part of another: its last row is to be taken away. */
export interface SessionGone extends KeyedResult {
  /** Tells it from a session that is there. */
  readonly kind: "gone";
  /** The id of its last row. */
  readonly id: number;
  /** The start that its last row said, epoch milliseconds. */
  readonly start: number;
}

/** What has become of a session. */
export type SessionChange<R> = SessionRow<R> | SessionGone;

interface Session {
  id: number;
  start: number;
  last: number;
  accs: unknown[];
  open: boolean;
  final: boolean;
  version: number;
  /** The start that its last row said; `null` before its first row. */
  shownStart: number | null;
  /** Elements before this cannot be a part of it: what they would join has been forgotten. `null` where there is none. */
  floor: number | null;
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
  closed: 0 | 1 | 2,
  version: number,
  shown: number | null,
  floor?: number | null,
];

/** Open; closed; open again. */
const [OPEN, CLOSED, REOPENED] = [0, 1, 2] as const;

function encoded({ id, start, last, accs, open, final, version, shownStart, floor }: Session): StoredSession {
  const closed = !open ? CLOSED : final ? REOPENED : OPEN;
  return [id, start, last, accs, closed, version, shownStart, floor];
}

function decoded([id, start, last, accs, closed, version, shownStart, floor = null]: StoredSession): Session {
  const [open, final] = [closed !== CLOSED, closed !== OPEN];
  return { id, start, last, accs, open, final, version, shownStart, floor, pending: false };
}

const codec = {
  encode: ({ sessions }: KeySessions): unknown => sessions.map(encoded),
  decode: (json: unknown): KeySessions => ({
    sessions: (json as StoredSession[]).map(decoded),
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
    this.#forget(batch, out);
    return out;
  }

  /** After a backfill (or a start) what is open is given out, asked for or not: it may have been given out as history. */
  #announce(batch: Batch<T>, out: Changes<S>): void {
    if (!batch.backfill && !this.#live) {
      for (const entry of this.state.entries(this.partition, 0)) {
        for (const session of entry.value.sessions) {
          if (session.open && !this.#isOver(session, this.#closedUpTo(batch))) {
            this.#giveOut(entry, session, batch, out);
          }
        }
      }
    }
    this.#live = !batch.backfill;
  }

  #add(batch: Batch<T>, element: Element<T>, out: Changes<S>): void {
    const { keys, accumulators, name } = this.options;
    const key = keys.textOf(element.value);
    const known = this.state.get(batch.partition, 0, key);
    if (known) this.#dropUnreachable(known, element.watermark, batch, out);
    const near = known ? this.#near(known.value.sessions, element.time) : [];
    const missed = this.#missed(near, element);
    if (missed) return reportLate(name, batch, { element, missed });
    const entry = known ??
      this.state.add(batch.partition, 0, key, { sessions: [], closeAt: Infinity, forgetAt: Infinity });
    const session = this.#sessionFor(entry, near, { element, batch, out });
    accumulators.add(session.accs, element);
    session.open = true;
    session.pending = true;
    this.state.touch(entry);
    this.#changed.add(entry);
    this.#schedule(entry);
  }

  /** The sessions that an element at `time` would be a part of: at most two, which it would join. */
  #near(sessions: readonly Session[], time: number): Session[] {
    const { gapMs } = this.options;
    return sessions.filter((s) => time < s.last + gapMs && time > s.start - gapMs);
  }

  /** The session that the element is too late for, if it is. */
  #missed(near: readonly Session[], { time, watermark }: Element<T>): MissedWindows | undefined {
    const { gapMs, allowedLatenessMs } = this.options;
    const start = Math.min(time, near[0]?.start ?? time);
    const end = Math.max(time, near.at(-1)?.last ?? time) + gapMs;
    const floor = near[0] ? near[0].floor ?? -Infinity : this.state.marks(this.partition).forgottenUpTo;
    const isLate = end + allowedLatenessMs <= watermark || (start === time && time < floor);
    return isLate ? { start, end, count: 1 } : undefined;
  }

  /** The session that the element belongs to, grown to hold it; those that it bridges become one. */
  #sessionFor(
    entry: StateEntry<KeySessions>,
    [session, ...others]: readonly Session[],
    { element, batch, out }: { readonly element: Element<T>; readonly batch: Batch<T>; readonly out: Changes<S> },
  ): Session {
    const { time } = element;
    if (!session) return this.#begin(entry.value.sessions, element);
    const closedUpTo = this.#closedUpTo(element);
    const hadClosed = [session, ...others].some((s) => s.final || this.#isOver(s, closedUpTo));
    for (const other of others) this.#absorb(entry, session, other, batch, out);
    session.start = Math.min(session.start, time);
    session.last = Math.max(session.last, time);
    if (hadClosed) {
      session.version++;
      session.final = true;
    }
    return session;
  }

  #begin(sessions: Session[], { time, watermark }: Element<T>): Session {
    const { gapMs, allowedLatenessMs, accumulators } = this.options;
    const floor = Math.max(watermark - allowedLatenessMs - gapMs, this.state.marks(this.partition).forgottenUpTo);
    const fresh: Session = {
      id: time,
      start: time,
      last: time,
      accs: accumulators.initial(),
      open: true,
      final: false,
      version: 1,
      shownStart: null,
      floor: floor === -Infinity ? null : floor,
      pending: true,
    };
    const at = sessions.findIndex((s) => s.start > time);
    sessions.splice(at < 0 ? sessions.length : at, 0, fresh);
    return fresh;
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
    session.final ||= other.final;
  }

  #close(batch: Batch<T>, out: Changes<S>): void {
    if (batch.ended) this.state.mark(this.partition, { closedUpTo: this.#lastEnd() });
    const watermark = this.#closedUpTo(batch);
    for (const entry of this.#closing.due(watermark)) {
      entry.value.closeAt = Infinity;
      if (entry.removed) continue;
      for (const session of entry.value.sessions) {
        if (session.open && this.#isOver(session, watermark)) this.#finish(entry, session, batch, out);
      }
      this.#schedule(entry);
    }
  }

  /** What the watermark has passed, or the end of an input closed. */
  #closedUpTo({ watermark }: Pick<Batch<T>, "watermark">): number {
    return Math.max(watermark, this.state.marks(this.partition).closedUpTo);
  }

  #lastEnd(): number {
    let last = -Infinity;
    for (const { value } of this.state.entries(this.partition, 0)) {
      last = Math.max(last, value.sessions.at(-1)?.last ?? -Infinity);
    }
    return last + this.options.gapMs;
  }

  /** Whether the watermark has passed the session's end. */
  #isOver({ last }: Session, watermark: number): boolean {
    return last + this.options.gapMs <= watermark;
  }

  #finish(entry: StateEntry<KeySessions>, session: Session, batch: Batch<T>, out: Changes<S>): void {
    // That a session was open again shows in episodes alone.
    const hasRow = session.final && !session.pending && !this.options.alerts;
    session.open = false;
    session.final = true;
    this.state.touch(entry);
    if (!hasRow) this.#giveOut(entry, session, batch, out);
  }

  #giveOutChanged(batch: Batch<T>, out: Changes<S>): void {
    for (const entry of this.#changed) {
      for (const session of entry.value.sessions) if (session.pending) this.#giveOut(entry, session, batch, out);
    }
    this.#changed.clear();
  }

  #giveOut(entry: StateEntry<KeySessions>, session: Session, batch: Batch<T>, out: Changes<S>): void {
    const { keys, gapMs, accumulators } = this.options;
    const { id, start, last, open, final, version, shownStart } = session;
    const row: SessionRow<ResultsOf<S>> = {
      kind: "session",
      key: keys.partsOf(entry.key),
      partition: entry.partition,
      id,
      start,
      last,
      end: last + gapMs,
      values: accumulators.results(session.accs),
      open,
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
  #forget(batch: Batch<T>, out: Changes<S>): void {
    for (const entry of this.#forgetting.due(batch.eventWatermark)) {
      entry.value.forgetAt = Infinity;
      if (entry.removed) continue;
      this.#dropUnreachable(entry, batch.eventWatermark, batch, out);
      if (entry.value.sessions.length === 0) {
        this.state.remove(entry);
        this.#changed.delete(entry);
      } else this.#schedule(entry);
    }
  }

  /** Takes out the key's sessions that are out of reach at `watermark`; the next one does not grow back to them. */
  #dropUnreachable(entry: StateEntry<KeySessions>, watermark: number, batch: Batch<T>, out: Changes<S>): void {
    const { sessions } = entry.value;
    while (sessions.length > 0 && this.#reachableUntil(sessions[0]!, sessions[1]) <= watermark) {
      const session = sessions[0]!;
      if (session.open || session.pending) this.#finish(entry, session, batch, out);
      sessions.shift();
      const floor = session.last + this.options.gapMs;
      if (sessions[0]) sessions[0].floor = Math.max(floor, sessions[0].floor ?? -Infinity);
      this.state.mark(this.partition, { forgottenUpTo: floor });
      this.state.touch(entry);
    }
  }

  /** The watermark at which no element that is not late can be a part of the session, alone or together with the next. */
  #reachableUntil(session: Session, next: Session | undefined): number {
    const { gapMs, allowedLatenessMs } = this.options;
    const alone = session.last + 2 * gapMs + allowedLatenessMs;
    if (!next || next.start - session.last >= 2 * gapMs) return alone;
    return Math.max(alone, next.last + gapMs + allowedLatenessMs);
  }

  /** Has the key looked at when the first of its sessions may close, and when the first may be forgotten. */
  #schedule(entry: StateEntry<KeySessions>): void {
    const keyed = entry.value;
    let closeAt = Infinity;
    let forgetAt = Infinity;
    for (const session of keyed.sessions) {
      if (session.open) closeAt = Math.min(closeAt, session.last + this.options.gapMs);
    }
    const [first, second] = keyed.sessions;
    if (first) forgetAt = this.#reachableUntil(first, second);
    if (closeAt < keyed.closeAt) this.#closing.add(keyed.closeAt = closeAt, entry);
    if (forgetAt < keyed.forgetAt) this.#forgetting.add(keyed.forgetAt = forgetAt, entry);
  }
}
