// What the panels of circadian answer. Types only: the server's code and the page's both read this.
import type { Rows } from "../../panels/answers.ts";

/** What each panel answers, by its name. */
export interface CircadianPanels {
  readonly users: CircadianUsers;
  readonly user: CircadianUser;
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
