// What the panels of rides answer. Types only: the server's code and the page's both read this.
import type { Compared, Heat, Multiples, OneThing, Rows, Timeline } from "../../panels/answers.ts";

/** What each panel answers, by its name. */
export interface RidesPanels {
  readonly kpis: RideKpis;
  readonly demand: Timeline;
  readonly zones: Rows;
  readonly types: Rows;
  readonly hourly: Rows;
  readonly one: OneThing;
  readonly heat: Heat;
  readonly places: ZonePlaces;
  readonly "by-zone": Multiples;
}

/** What panel `rides/by-zone` compares. */
export type ZoneMeasure = "requests" | "fare";

/** Answer of panel `rides/places`: where the zones are. */
export type ZonePlaces = readonly {
  readonly zone: string;
  readonly at: readonly [latitude: number, longitude: number];
}[];

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
