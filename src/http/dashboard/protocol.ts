// What the dashboard's server and its page say to each other. Types only: the page's code and the server's both read this.
import type { DomainStatus } from "../../engine/status.ts";
import type { SeenTopic } from "../../engine/topic_records.ts";
import type { ActiveMute, Alert, Annotation, Rows, Timeline } from "../../panels/answers.ts";
import type { Delta } from "./delta.ts";

export type { RecordText, SeenRecords } from "../../engine/topic_records.ts";

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

/** A line of `GET /api/panels?ask=…&ask=…`: what one of the panels answers. All those of a domain are about one moment. */
export type PanelLine =
  | { readonly ask: string; readonly answer: Answer<unknown> }
  | { readonly ask: string; readonly failure: Failure };

/** Answer of `GET /api/about`: what runs here. */
export interface About {
  readonly version: string;
  /** What is typed before a verb where the server runs. */
  readonly command: string;
  readonly warehouse: {
    readonly name: string;
    readonly description: string;
    /** Whether looking costs no money. */
    readonly is_free: boolean;
  };
  readonly log: string;
  /** Those that run. */
  readonly domains: readonly DomainAbout[];
  readonly tables: readonly TableName[];
  /** An answer is not asked for again before it is this old, milliseconds. */
  readonly fresh_ms: number;
  /** Whether who asks may do more than read what the pages show: run SQL, send dead letters again, note things. */
  readonly may_all: boolean;
  /** The server's clock, ISO 8601. */
  readonly now: string;
}

/** Body of `POST /api/query`: one read-only statement. The answer is an `Answer<Rows>`. */
export interface SqlQuestion {
  readonly sql: string;
}

/** Data of the answer of `GET /api/columns`: what a statement can name. */
export interface SchemaAnswer {
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[];
}

/** What each panel about the pipelines themselves answers, by its name. */
export interface PipelinePanels {
  readonly "dead-letter-counts": Rows;
  readonly "dead-letters": Rows;
  readonly "late-counts": Rows;
  readonly mutes: readonly ActiveMute[];
  readonly annotations: readonly Annotation[];
  /** By reason, over the day before the newest one; `null` where there is none. */
  readonly "dead-letter-times": Timeline | null;
}

/** Of the data of the answer of `GET /api/topics`: a topic, and the domain that reads it or whose dead letters it holds. */
export interface TopicAbout extends SeenTopic {
  readonly domain: string;
}

export interface DomainAbout {
  readonly name: string;
  readonly topic: string;
  readonly has_alerts: boolean;
  /** How much its alerts matter, by type; those that are left out are warnings. */
  readonly severities: Readonly<Record<string, "critical" | "warning" | "info">>;
  /** Whether its panels are those that are made for a domain without any. */
  readonly is_made: boolean;
}

export interface TableName {
  readonly name: string;
  readonly domain: string;
}

/**
 * Data of an event of `GET /api/live?topic=…&ask=…`: all there is to know, or what makes it of what the event with that number
 * said. Events are named by their topic, those of the panel that was asked for as the n-th `ask-n`; their ids end with `-` and
 * their number.
 */
export type LiveData =
  | { readonly is: unknown }
  | { readonly from: number; readonly delta: Delta };

/** What events of a panel say. */
export type LivePanel = { readonly answer: Answer<unknown> } | { readonly failure: Failure };

/** What events say, by their topic: the newest one replaces those before it. */
export interface LiveEvents {
  readonly status: LiveStatus;
  /** Alerts of a domain. */
  readonly [alerts: `alerts/${string}`]: Answer<readonly Alert[]> | undefined;
}

export interface LiveStatus {
  /** Epoch milliseconds of the server's clock. */
  readonly now: number;
  readonly domains: readonly DomainStatus[];
}

/** Data of the answer of `GET /api/history`: samples of each domain, the oldest first, of an hour at most. */
export interface StatusHistoryAnswer {
  readonly every_ms: number;
  readonly domains: Readonly<Record<string, readonly DomainSample[]>>;
}

export interface DomainSample {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Committed since the process started. */
  readonly records: number;
  readonly lag: number | null;
  /** How far the newest watermark is behind the clock. */
  readonly behind_ms: number | null;
}

/** Data of the answer of `GET /api/history/day?hours=…`: the oldest first. */
export interface DayHistoryAnswer {
  readonly samples: readonly DaySample[];
}

/** What all pipelines are like at one moment. Counts are since the process started. */
export interface DaySample {
  /** Epoch milliseconds. */
  readonly at: number;
  /** When the process started that counted, epoch milliseconds. */
  readonly started_at: number;
  /** Of the process, bytes. */
  readonly memory: number;
  readonly domains: Readonly<Record<string, DomainDaySample>>;
}

export interface DomainDaySample extends Omit<DomainSample, "at"> {
  readonly checkpoints: number;
  /** What they took together, milliseconds. */
  readonly checkpoint_ms: number;
  /** What they wrote together. */
  readonly rows: number;
  /** By partition. */
  readonly lags: readonly (readonly [partition: number, lag: number | null])[];
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
