// Windows that grow with their elements and merge: a key's sessions are kept together, and are what all its elements that were
// not late make, whatever the order in which they came.

import type { AccumulatorRow, AccumulatorSpec, ResultsOf } from "./accumulators.ts";
import type { Batch, Element, MissedWindows } from "./batch.ts";
import type { Keys } from "./key.ts";
import { PartitionAggregator } from "./partition_aggregator.ts";
import { Schedule } from "./schedule.ts";
import { CLOSES, FORGETS, type KeySessions, type Session, type SessionChange, type SessionRow } from "./session.ts";
import type { Due } from "./spill_table.ts";
import type { KeyedState, StateEntry } from "./state.ts";
import { type LatenessSettings, reportFailed, reportLate, rowElement } from "./window.ts";
import type { MergingWindows } from "./window_kind.ts";

/** What a {@link SessionAggregator} needs. */
export interface SessionAggregation<T, S extends AccumulatorSpec<T>> extends LatenessSettings {
  readonly name: string;
  readonly keys: Keys<T>;
  readonly windows: MergingWindows;
  readonly accumulators: AccumulatorRow<T, S>;
  /** Whether what is open is emitted again as news when the partition has caught up. */
  readonly alerts?: boolean;
}

type Changes<S> = Element<SessionChange<ResultsOf<S>>>[];

/** Of so few keys that have left memory nobody cleans. */
const FEW_LEFT = 1000;

/** When a key's sessions must be looked at although no element comes: to close one, and to forget the first if that comes before. */
export function duesOf(
  sessions: readonly Session[],
  { windows, allowedLatenessMs }: Pick<SessionAggregation<never, never>, "windows" | "allowedLatenessMs">,
): readonly Due[] {
  let closesAt = Infinity;
  for (const { open, last } of sessions) if (open) closesAt = Math.min(closesAt, last + windows.gapMs);
  const [first, second] = sessions;
  if (!first) return [];
  const forgetsAt = windows.forgottenAt(first, second, allowedLatenessMs);
  const dues = [{ clock: CLOSES, at: closesAt }, { clock: FORGETS, at: forgetsAt }];
  // Events alone never bring the watermark further than it is: what is closed before is looked at by then.
  return closesAt === Infinity ? dues.slice(1) : closesAt <= forgetsAt ? dues.slice(0, 1) : dues;
}

/** One partition's sessions. */
export class SessionAggregator<T, S extends AccumulatorSpec<T>> extends PartitionAggregator<
  T,
  SessionChange<ResultsOf<S>>
> {
  /** Keys with an open session that has changed since its last row. */
  readonly #changed = new Set<StateEntry<KeySessions>>();
  readonly #closing = new Schedule<StateEntry<KeySessions>>();
  readonly #forgetting = new Schedule<StateEntry<KeySessions>>();
  /** How many keys have left memory since the schedules were cleaned of them. */
  #left = 0;

  constructor(
    private readonly options: SessionAggregation<T, S>,
    private readonly state: KeyedState<KeySessions>,
    private readonly partition: number,
  ) {
    super();
    for (const entry of state.entries(partition, 0)) this.#schedule(entry);
    state.watch(partition, {
      loaded: (entry) => this.#schedule(entry),
      maySpill: (entry) => entry.value.sessions.length > 0 && !this.#changed.has(entry),
      spilled: () => this.#left++,
    });
  }

  protected override emitNews(batch: Batch<T>, out: Changes<S>): void {
    if (!this.options.alerts) return;
    const closedUpTo = this.#closedUpTo(batch);
    for (const entry of this.state.spilledEntries(this.partition, 0)) {
      if (entry.value.sessions.some((session) => session.open)) this.state.adopt(entry);
    }
    for (const entry of this.state.entries(this.partition, 0)) {
      for (const session of entry.value.sessions) {
        if (session.open && !this.#isOver(session, closedUpTo)) this.#emit(entry, session, batch, out);
      }
    }
  }

  protected override addAll(batch: Batch<T>, out: Changes<S>): void {
    for (const element of batch.elements) {
      try {
        this.#add(batch, element, out);
      } catch (error) {
        reportFailed(this.options.name, batch, element, error);
      }
    }
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
    const { gapMs } = this.options.windows;
    return sessions.filter((s) => time < s.last + gapMs && time > s.start - gapMs);
  }

  /** The session that the element is too late for, if it is. */
  #missed(near: readonly Session[], { time, watermark }: Element<T>): MissedWindows | undefined {
    const { windows: { gapMs }, allowedLatenessMs } = this.options;
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
    const closedUpTo = Math.max(this.#closedUpTo(element), batch.closedBefore);
    // What begins behind it may be a part of what was final already: the key may have sessions in other partitions.
    const isBehind = time < closedUpTo;
    if (!session) return this.#begin(entry.value.sessions, element, isBehind ? 2 : 1);
    const hadClosed = [session, ...others].some((s) => s.final || this.#isOver(s, closedUpTo));
    for (const other of others) this.#absorb(entry, session, other, batch, out);
    if (hadClosed || (isBehind && time < session.start)) session.version++;
    session.final ||= hadClosed;
    session.start = Math.min(session.start, time);
    session.last = Math.max(session.last, time);
    return session;
  }

  #begin(sessions: Session[], { time, watermark }: Element<T>, version: number): Session {
    const { windows: { gapMs }, allowedLatenessMs, accumulators } = this.options;
    const floor = Math.max(watermark - allowedLatenessMs - gapMs, this.state.marks(this.partition).forgottenUpTo);
    const fresh: Session = {
      id: time,
      start: time,
      last: time,
      accs: accumulators.initial(),
      open: true,
      final: false,
      version,
      emittedStart: null,
      floor: floor === -Infinity ? null : floor,
      pending: true,
    };
    const at = sessions.findIndex((s) => s.start > time);
    sessions.splice(at < 0 ? sessions.length : at, 0, fresh);
    return fresh;
  }

  #absorb(entry: StateEntry<KeySessions>, session: Session, other: Session, batch: Batch<T>, out: Changes<S>): void {
    entry.value.sessions.splice(entry.value.sessions.indexOf(other), 1);
    // The smaller id stays; what was emitted under the other id is removed.
    const [kept, dropped] = session.id <= other.id ? [session, other] : [other, session];
    if (dropped.emittedStart !== null) {
      const key = this.options.keys.partsOf(entry.key);
      const { id, emittedStart: start } = dropped;
      out.push(rowElement({ kind: "removed", key, partition: entry.partition, id, start }, start, batch));
    }
    session.id = kept.id;
    session.emittedStart = kept.emittedStart;
    session.start = Math.min(session.start, other.start);
    session.last = Math.max(session.last, other.last);
    session.accs = this.options.accumulators.merge(session.accs, other.accs);
    session.version += other.version - 1;
    session.final ||= other.final;
  }

  protected override end(): void {
    let last = -Infinity;
    for (const entries of [this.state.entries(this.partition, 0), this.state.spilledEntries(this.partition, 0)]) {
      for (const { value } of entries) last = Math.max(last, value.sessions.at(-1)?.last ?? -Infinity);
    }
    this.state.mark(this.partition, { closedUpTo: last + this.options.windows.gapMs });
  }

  protected override close(batch: Batch<T>, out: Changes<S>): void {
    const watermark = this.#closedUpTo(batch);
    this.state.loadDue(this.partition, CLOSES, watermark);
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

  /** Whether the watermark has passed the session's end. */
  #isOver({ last }: Session, watermark: number): boolean {
    return last + this.options.windows.gapMs <= watermark;
  }

  #finish(entry: StateEntry<KeySessions>, session: Session, batch: Batch<T>, out: Changes<S>): void {
    // That a session was open again shows in episodes alone.
    const wasFinal = session.final;
    const hasRow = wasFinal && !session.pending && !this.options.alerts;
    session.open = false;
    session.final = true;
    this.state.touch(entry);
    if (!hasRow) this.#emit(entry, session, batch, out, wasFinal);
  }

  protected override emitEarly(batch: Batch<T>, out: Changes<S>): void {
    for (const entry of this.#changed) {
      for (const session of entry.value.sessions) if (session.pending) this.#emit(entry, session, batch, out);
    }
    this.#changed.clear();
  }

  #emit(
    entry: StateEntry<KeySessions>,
    session: Session,
    batch: Batch<T>,
    out: Changes<S>,
    wasFinal = session.final,
  ): void {
    const { keys, windows: { gapMs }, accumulators } = this.options;
    const { id, start, last, open, final, version, emittedStart } = session;
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
      wasFinal,
      backfill: batch.backfill,
      previousStart: emittedStart === start ? null : emittedStart,
    };
    session.emittedStart = start;
    session.pending = false;
    this.state.touch(entry);
    out.push(rowElement(row, start, batch));
  }

  /** Drops sessions that no element can reach any more. */
  protected override forget(batch: Batch<T>, out: Changes<S>): void {
    this.state.loadDue(this.partition, FORGETS, batch.eventWatermark);
    this.#cleanSchedules();
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

  /** Keys that are not in memory any more hold their place in the schedules until then. */
  #cleanSchedules(): void {
    if (this.#left < FEW_LEFT || this.#left * 4 < this.#closing.size + this.#forgetting.size) return;
    this.#left = 0;
    for (const schedule of [this.#closing, this.#forgetting]) schedule.keep((entry) => !entry.removed);
  }

  /** Takes out the key's sessions that are out of reach at `watermark`; the next one does not grow back to them. */
  #dropUnreachable(entry: StateEntry<KeySessions>, watermark: number, batch: Batch<T>, out: Changes<S>): void {
    const { sessions } = entry.value;
    const { windows, allowedLatenessMs } = this.options;
    while (sessions.length > 0 && windows.forgottenAt(sessions[0]!, sessions[1], allowedLatenessMs) <= watermark) {
      const session = sessions[0]!;
      if (session.open || session.pending) this.#finish(entry, session, batch, out);
      sessions.shift();
      const floor = session.last + windows.gapMs;
      if (sessions[0]) sessions[0].floor = Math.max(floor, sessions[0].floor ?? -Infinity);
      this.state.mark(this.partition, { forgottenUpTo: floor });
      this.state.touch(entry);
    }
  }

  /** Schedules when the first of the key's sessions may close, and when the first may be forgotten. */
  #schedule(entry: StateEntry<KeySessions>): void {
    const keyed = entry.value;
    const { windows, allowedLatenessMs } = this.options;
    let closeAt = Infinity;
    let forgetAt = Infinity;
    for (const session of keyed.sessions) {
      if (session.open) closeAt = Math.min(closeAt, session.last + windows.gapMs);
    }
    const [first, second] = keyed.sessions;
    if (first) forgetAt = windows.forgottenAt(first, second, allowedLatenessMs);
    if (closeAt < keyed.closeAt) this.#closing.add(keyed.closeAt = closeAt, entry);
    if (forgetAt < keyed.forgetAt) this.#forgetting.add(keyed.forgetAt = forgetAt, entry);
  }
}
