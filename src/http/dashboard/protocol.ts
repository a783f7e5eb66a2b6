// What the dashboard's server and its page say to each other. Types only: the page's code and the server's both read this.
import type { DomainStatus } from "../../engine/status.ts";

/** An answer out of the warehouse, shared between all who ask the same. */
export interface Answer<T> {
  readonly data: T;
  /** When the warehouse was asked, ISO 8601, UTC. */
  readonly asked_at: string;
  /** How long it took, milliseconds. */
  readonly took_ms: number;
}

/** Body of an answer that says no: problem details (RFC 9457). */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

/** Answer of `GET /api/about`: what runs here. */
export interface About {
  readonly version: string;
  readonly warehouse: {
    readonly name: string;
    readonly description: string;
    /** Whether looking costs no money. */
    readonly is_free: boolean;
  };
  readonly log: string;
  /** Of the domains that run, those first that have a page. */
  readonly domains: readonly { readonly name: string; readonly topic: string }[];
  readonly tables: readonly TableName[];
  /** An answer is not asked for again before it is this old, milliseconds. */
  readonly fresh_ms: number;
  /** The server's clock, ISO 8601. */
  readonly now: string;
}

export interface TableName {
  readonly name: string;
  readonly domain: string;
}

/** Events of `GET /api/live`, by name. Each holds all there is to know: the newest one replaces those before it. */
export interface LiveEvents {
  readonly status: LiveStatus;
  /** Alerts of a domain; its name is in the topic: `alerts/trains`. */
  readonly alerts: Answer<readonly Alert[]>;
}

export interface LiveStatus {
  /** Epoch milliseconds of the server's clock. */
  readonly now: number;
  readonly domains: readonly DomainStatus[];
}

/** An episode, as the page lists it. Times as the warehouse gives them: `YYYY-MM-DD HH:MM:SS`, UTC. */
export interface Alert {
  readonly id: string;
  readonly type: string;
  readonly status: "ACTIVE" | "CLEARED";
  /** What it is about: a train, a zone, a product. */
  readonly subject: string;
  /** Where that is, if known: a line, a warehouse. */
  readonly place: string | null;
  readonly started_at: string;
  readonly last_seen_at: string;
  readonly cleared_at: string | null;
  readonly event_count: number;
  readonly peak_value: number;
  readonly threshold: number;
}

/** A stretch of event time: start inclusive, end exclusive, epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Answer of panel `trains/kpis`. */
export interface TrainKpis {
  /** Event time of the newest event, which the page takes as now; `null` when there is none. */
  readonly data_now: string | null;
  /** Trains that reported in the last `active_minutes`. */
  readonly active_trains: number;
  readonly active_minutes: number;
  readonly known_trains: number;
  readonly passengers: number;
  readonly capacity: number;
  readonly power_kw: number;
  readonly active_alerts: number;
  /** The hour before the one that is running; `null` without data in it. */
  readonly hour_before: {
    readonly start: string;
    readonly trains: number;
    /** Sum over the trains of each one's mean in that hour. */
    readonly passengers: number;
    readonly power_kw: number;
  } | null;
  /** Alerts that were active an hour before now. */
  readonly alerts_hour_before: number;
  readonly lines: readonly string[];
  readonly thresholds: { readonly passengers: number; readonly power_kw: number };
}

/** Answer of panel `trains/timeline`. */
export interface TrainTimeline extends Span {
  readonly bucket_s: number;
  /** Which table it was read from. */
  readonly source: string;
  readonly points: readonly {
    /** Epoch seconds of the bucket's start. */
    readonly at: number;
    readonly line: string;
    /** Sum over the trains of each one's mean in the bucket. */
    readonly passengers: number;
    readonly mean_kw: number;
    readonly max_kw: number;
    readonly trains: number;
  }[];
}

/** Answer of panel `trains/distributions`. */
export interface TrainDistributions extends Span {
  /** Records in the span, and how many of them were looked at. */
  readonly records: number;
  readonly looked_at: number;
  readonly histograms: readonly {
    readonly measure: "passengers" | "power_kw" | "speed_kmh";
    readonly width: number;
    /** Start of the bin and records in it. */
    readonly bins: readonly (readonly [number, number])[];
  }[];
  /** Speed in km/h, by line, or by train when trains are chosen. */
  readonly boxes: readonly {
    readonly name: string;
    readonly count: number;
    readonly min: number;
    readonly q1: number;
    readonly median: number;
    readonly q3: number;
    readonly max: number;
  }[];
}

/** Rows as a table, cells as the warehouse gives them. */
export interface Rows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** Whether there are more. */
  readonly truncated: boolean;
}

/** Answer of `GET /api/tables/:table`. */
export interface TablePage extends Rows {
  readonly table: string;
  readonly page: number;
  readonly size: number;
  /** The greatest page that may be asked for. */
  readonly last_page: number;
  readonly sort: { readonly column: string; readonly descending: boolean } | null;
  /** Cells longer than this are cut, characters. */
  readonly cell_limit: number;
}

/** What is counted over time, split by something; what is beyond the greatest few is summed as `other`. */
export interface Timeline extends Span {
  readonly bucket_s: number;
  readonly source: string;
  readonly points: readonly {
    /** Epoch seconds of the bucket's start. */
    readonly at: number;
    /** `null` for all the others. */
    readonly series: string | null;
    readonly value: number;
  }[];
}

/** A number now, and the one it is compared with; `null` where there is none. */
export interface Compared {
  readonly now: number | null;
  readonly before: number | null;
}

/** Answer of panel `rides/kpis`. Compares the newest closed window with that of an hour before. */
export interface RideKpis {
  readonly data_now: string | null;
  readonly window_minutes: number;
  /** Where the newest closed window ends. */
  readonly window_end: string | null;
  readonly requests: Compared;
  readonly fare: Compared;
  readonly zones: Compared;
  readonly alerts: Compared;
  readonly all_zones: readonly string[];
}

/** Answer of panel `wine/kpis`. Compares the newest full hour with the one before it. Money is EUR. */
export interface WineKpis {
  readonly data_now: string | null;
  readonly hour: string | null;
  readonly net_revenue: Compared;
  readonly orders: Compared;
  readonly units: Compared;
  readonly alerts: Compared;
  readonly dead_letters: number;
  readonly low_stock: number;
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

/** Answer of panel `circadian/users`. */
export interface CircadianUsers {
  readonly data_now: string | null;
  readonly users: readonly string[];
  readonly count: number;
}

/** Answer of panel `circadian/user`. */
export interface CircadianUser {
  readonly user: string;
  /** The newest first. */
  readonly days: readonly {
    readonly date: string;
    readonly time_zone: string;
    readonly sleep_hours: number | null;
    /** Hour of the local day. */
    readonly sleep_midpoint: number | null;
    /** Standard deviation of the midpoint over a week, hours. */
    readonly sleep_regularity: number | null;
    readonly eating_window_hours: number | null;
    readonly meal_count: number;
    readonly light_lux_hours: number | null;
    readonly is_final: boolean;
  }[];
  /** As the table `RECOMMENDATIONS` has it. */
  readonly recommendation: unknown;
  /** What the newest day is made of. */
  readonly activity: Rows;
}
