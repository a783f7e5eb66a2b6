// The shapes of answers that panels of any domain may have. Types only: the server's code and the page's both read this.

/** An episode, as the page lists it. Times as the warehouse gives them: `YYYY-MM-DD HH:MM:SS`, UTC. */
export interface Alert {
  readonly id: string;
  readonly type: string;
  readonly status: "ACTIVE" | "CLEARED";
  /** What it is about: a train, a zone, a product. */
  readonly subject: string;
  /** The id by which there is a page about it. */
  readonly subject_id: string;
  /** Where that is, if known: a line, a warehouse. */
  readonly place: string | null;
  readonly started_at: string;
  readonly last_seen_at: string;
  readonly cleared_at: string | null;
  readonly event_count: number;
  readonly peak_value: number;
  readonly threshold: number;
  /** Who has taken it up; `null` when nobody has. */
  readonly acknowledged: { readonly by: string; readonly at: string; readonly note: string | null } | null;
}

/** A rule whose alerts are not sent out. Times as the warehouse gives them. */
export interface ActiveMute {
  readonly domain: string;
  readonly type: string;
  readonly by: string;
  readonly note: string | null;
  readonly ends_at: string;
}

/** What somebody has noted on the charts. Times as the warehouse gives them. */
export interface Annotation {
  readonly id: string;
  /** `null` for the charts of all domains. */
  readonly domain: string | null;
  readonly kind: "deployment" | "incident" | "note";
  readonly text: string;
  readonly by: string;
  readonly starts_at: string;
  readonly ends_at: string | null;
}

/** A stretch of event time: start inclusive, end exclusive, epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Rows as a table, cells as the warehouse gives them. */
export interface Rows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** Whether there are more. */
  readonly truncated: boolean;
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

/** The same of each of several things over time: small charts beside each other. */
export interface Multiples extends Span {
  /** What is compared, as it was asked for. */
  readonly measure: string;
  readonly bucket_s: number;
  readonly source: string;
  /** Epoch seconds at which the first bucket starts. */
  readonly first: number;
  /** Each with a value for every bucket from the first one on, `null` where there is none. By name. */
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
  /** How many there are: of very many those that come first are answered. */
  readonly known: number;
}

/** Something by the hour, the oldest first. */
export type Heat = readonly {
  /** Epoch milliseconds of the hour's start. */
  readonly at: number;
  readonly value: number;
}[];

/** What there is about one zone, product or user. */
export interface OneThing {
  readonly alerts: readonly Alert[];
  /** The newest in the range. */
  readonly records: Rows;
}

/** A number now, and the one it is compared with; `null` where there is none. */
export interface Compared {
  readonly now: number | null;
  readonly before: number | null;
}

/** What the panels answer that are made of what a domain declares, by their names. */
export interface MadePanels {
  readonly overview: MadeOverview;
  readonly chart: Timeline;
  readonly rows: Rows;
}

/** What there is to show of a domain without panels of its own. */
export interface MadeOverview {
  readonly data_now: string | null;
  readonly numbers: readonly MadeNumber[];
  /** Of each table of windows. */
  readonly charts: readonly MadeChart[];
  /** Tables with a row for each key, then those with a row for each key and window. */
  readonly tables: readonly MadeTable[];
}

export interface MadeNumber {
  readonly label: string;
  readonly value: number;
  /** Whether every one of them is one too many. */
  readonly is_bad: boolean;
}

export interface MadeChart {
  readonly table: string;
  /** Columns by which it can be split. */
  readonly keys: readonly string[];
  /** Columns that can be drawn. */
  readonly measures: readonly MadeMeasure[];
}

export interface MadeMeasure {
  readonly name: string;
  /** Whether the values of several keys make a sum. */
  readonly adds_up: boolean;
}

export interface MadeTable {
  readonly name: string;
  /** Columns that tell the rows apart. */
  readonly keys: readonly string[];
  readonly has_windows: boolean;
}
