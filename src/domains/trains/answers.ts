// What the panels of trains answer. Types only: the server's code and the page's both read this.
import type { Rows, Span } from "../../panels/answers.ts";

/** What each panel answers, by its name. */
export interface TrainsPanels {
  readonly kpis: TrainKpis;
  readonly timeline: TrainTimeline;
  readonly distributions: TrainDistributions;
  readonly hourly: Rows;
  readonly status: Rows;
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
