// Sessions as results say them, and as state keeps them.

import type { KeyedResult } from "./key.ts";
import type { StateCodec } from "./state.ts";
import type { Span } from "./window_kind.ts";

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
  /** Exclusive, epoch milliseconds: of a session `last` plus the gap. */
  readonly end: number;
  /** The results of the accumulators. */
  readonly values: R;
  /** The watermark has not passed the end. */
  readonly open: boolean;
  /** It has closed once. An element that makes it longer may open it again, and it stays final: every change has a new version. */
  readonly final: boolean;
  /**
   * 1, and one more for each element that changed the session after it was final, and for each behind the watermark that
   * began it, or has made it begin earlier: what the key has in other partitions may have been final without it.
   */
  readonly version: number;
  /** It was final before what this row says of it; where it is left out, when its version is above 1. */
  readonly wasFinal?: boolean;
  /** Emitted by a batch of history: whether it is open or not, it is no news. */
  readonly backfill: boolean;
  /** The start that its last row said, when that was another. */
  readonly previousStart: number | null;
}

/** A session that has become part of another: its last row is to be taken away. */
export interface SessionRemoved extends KeyedResult {
  /** Tells it from a session that is there. */
  readonly kind: "removed";
  /** The id of its last row. */
  readonly id: number;
  /** The start that its last row said, epoch milliseconds. */
  readonly start: number;
}

/** What has become of a session. */
export type SessionChange<R> = SessionRow<R> | SessionRemoved;

/** A session as the aggregator keeps it. */
export interface Session extends Span {
  id: number;
  start: number;
  last: number;
  accs: unknown[];
  open: boolean;
  final: boolean;
  version: number;
  /** The start that its last row said; `null` before its first row. */
  emittedStart: number | null;
  /** Elements before this cannot be a part of it: what they would join has been forgotten. `null` where there is none. */
  floor: number | null;
  /** Changed since its last row; not stored. */
  pending: boolean;
}

/** A key's sessions, by start. */
export interface KeySessions {
  sessions: Session[];
  /** When the sessions are scheduled next, so that a key is scheduled once; not stored. */
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
  emittedStart: number | null,
  floor?: number | null,
];

/** Open; closed; open again. */
const [OPEN, CLOSED, REOPENED] = [0, 1, 2] as const;

function encoded({ id, start, last, accs, open, final, version, emittedStart, floor }: Session): StoredSession {
  const closed = !open ? CLOSED : final ? REOPENED : OPEN;
  return [id, start, last, accs, closed, version, emittedStart, floor];
}

function decoded([id, start, last, accs, closed, version, emittedStart, floor = null]: StoredSession): Session {
  const [open, final] = [closed !== CLOSED, closed !== OPEN];
  return { id, start, last, accs, open, final, version, emittedStart, floor, pending: false };
}

/** The clocks that keys which are not in memory wait for: what watermarks close, and what events let be forgotten. */
export const [CLOSES, FORGETS] = ["closes", "forgets"] as const;

/** Between a key's sessions and what is stored of them. */
export const sessionCodec: StateCodec<KeySessions> = {
  encode: ({ sessions }) => sessions.map(encoded),
  decode: (json) => ({
    sessions: (json as StoredSession[]).map(decoded),
    closeAt: Infinity,
    forgetAt: Infinity,
  }),
};
