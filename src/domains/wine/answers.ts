// What the panels of wine answer. Types only: the server's code and the page's both read this.
import type { Compared, Heat, OneThing, Rows, Timeline } from "../../panels/answers.ts";

/** What each panel answers, by its name. */
export interface WinePanels {
  readonly kpis: WineKpis;
  readonly sales: Timeline;
  readonly split: Rows;
  readonly stock: Rows;
  readonly one: OneProduct;
  readonly heat: Heat;
}

/** Answer of panel `wine/one`: a product. */
export interface OneProduct extends OneThing {
  /** Known of products that had an alert. */
  readonly name: string | null;
  readonly stock: Rows;
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
