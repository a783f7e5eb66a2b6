// What the panels of trains answer. Types only: the server's code and the page's both read this.
import type { Alert, Compared, Heat, Multiples, Rows, Span } from "../../panels/answers.ts";

/** What each panel answers, by its name. */
export interface TrainsPanels {
  readonly kpis: TrainKpis;
  readonly timeline: TrainTimeline;
  readonly distributions: TrainDistributions;
  readonly hourly: Rows;
  readonly status: Rows;
  readonly one: OneTrain;
  readonly heat: Heat;
  readonly trails: TrainTrails;
  readonly "by-train": Multiples;
}

/** What panel `trains/by-train` compares. */
export type TrainMeasure = "passengers" | "speed" | "power";

/** Answer of panel `trains/trails`: where the active trains are, and were. */
export interface TrainTrails {
  readonly minutes: number;
  readonly trains: readonly {
    readonly id: string;
    readonly line: string | null;
    readonly passengers: number;
    readonly capacity: number | null;
    readonly power_kw: number;
    readonly is_overcrowded: boolean;
    readonly is_high_power_draw: boolean;
    /** The oldest first, the last one is where it is. */
    readonly trail: readonly (readonly [latitude: number, longitude: number])[];
  }[];
}

/** Answer of panel `trains/one`. */
export interface OneTrain {
  readonly data_now: string | null;
  /** As it last reported; `null` when it never has. */
  readonly state: {
    readonly line: string | null;
    readonly at: string;
    readonly passengers: number;
    readonly capacity: number | null;
    readonly power_kw: number;
    readonly speed_kmh: number;
    readonly weight_t: number;
    readonly is_overcrowded: boolean;
    readonly is_high_power_draw: boolean;
  } | null;
  readonly alerts: readonly Alert[];
  /** The newest in the range. */
  readonly records: Rows;
}

/** Answer of panel `trains/kpis`. */
export interface TrainKpis {
  /** Event time of the newest event, which the page takes as now; `null` when there is none. */
  readonly data_now: string | null;
  /** Trains that reported in the last `active_minutes`. */
  readonly active_trains: number;
  readonly active_minutes: number;
  readonly known_trains: number;
  /** Places of the active trains. */
  readonly capacity: number;
  /** The stretch that ends now, and the one as long before it; `null` before the first event. */
  readonly recent: {
    readonly minutes: number;
    readonly trains: Compared;
    /** Sums over the trains of each one's mean. */
    readonly passengers: Compared;
    readonly power_kw: Compared;
    /** The same drawn in parts, the oldest first. Each stands for `point_s` seconds, and the last one ends now. */
    readonly points: Readonly<Record<"trains" | "passengers" | "power_kw", readonly (number | null)[]>>;
    readonly point_s: number;
  } | null;
  /** Active now, and an hour before. */
  readonly alerts: Compared;
  /** All there are, whatever is chosen. */
  readonly lines: readonly string[];
  readonly trains: readonly string[];
  readonly thresholds: { readonly passengers: number; readonly power_kw: number };
}

/** Answer of panel `trains/timeline`. */
export interface TrainTimeline extends Span {
  readonly bucket_s: number;
  /** Which table it was read from. */
  readonly source: string;
  /** What the series are: lines, or the trains that are chosen. */
  readonly by: "line" | "train";
  readonly points: readonly {
    /** Epoch seconds of the bucket's start. */
    readonly at: number;
    readonly series: string;
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
  readonly bucket_s: number;
  /** Mean speed of each train over time, km/h. Of very many trains those whose ids come first. */
  readonly speeds: readonly {
    /** Epoch seconds of the bucket's start. */
    readonly at: number;
    readonly train: string;
    readonly mean: number;
  }[];
}
