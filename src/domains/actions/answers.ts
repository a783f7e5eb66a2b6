// What the panels of actions answer. Types only: the server's code and the page's both read this.
import type { Compared, OneThing, Rows, Span, Timeline } from "../../panels/answers.ts";

/** What each panel answers, by its name. */
export interface ActionsPanels {
  readonly kpis: ActionKpis;
  readonly "per-minute": Timeline;
  readonly kinds: Rows;
  readonly sessions: Sessions;
  readonly one: OneUser;
}

/** Answer of panel `actions/one`: a user. */
export interface OneUser extends OneThing {
  readonly sessions: Rows;
}

/** Answer of panel `actions/kpis`. Compares the newest full minute with the mean minute of the hour before it. */
export interface ActionKpis {
  readonly data_now: string | null;
  readonly minute: string | null;
  readonly actions: Compared;
  /** Users in that minute, each kind of action for itself: the greatest of them. */
  readonly users: number;
  readonly open_sessions: number;
  /** Of sessions that ended in the hour before now, and in the one before that; seconds. */
  readonly session_s: Compared;
}

/** Answer of panel `actions/sessions`. */
export interface Sessions extends Span {
  readonly newest: Rows;
  readonly count: number;
  /** Minutes from which on, and sessions that long; the last bin holds all longer ones. */
  readonly minutes: readonly (readonly [number, number])[];
  readonly pages: readonly { readonly page: string; readonly first: number; readonly last: number }[];
}
