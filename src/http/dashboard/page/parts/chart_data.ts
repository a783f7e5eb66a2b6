// What a chart shows. Drawings, tables, tips and files are made of it alone. Must not know how it is drawn.
import type { Span } from "../../../../panels/answers.ts";
import type { ValueUnit } from "../format.ts";

/** Along an axis of time, epoch milliseconds, or one of places with names, which are numbered from 0. */
export type ChartAxis = TimeAxis | PlaceAxis;

export interface TimeAxis extends Span {
  readonly kind: "time";
  /** How far apart values are where there are any, milliseconds; a moment without one is a gap then. */
  readonly stepMs?: number;
}

export interface PlaceAxis {
  readonly kind: "places";
  readonly names: readonly string[];
  /** What the places are. */
  readonly title?: string;
}

/** An axis of values. */
export interface ValueAxis extends ValueUnit {
  /** Whole numbers, which may be large. */
  readonly isCount?: boolean;
}

/** A line that values should stay below. */
export interface Threshold {
  /** In the unit of the left axis. */
  readonly value: number;
  /** What its line is called. */
  readonly text: string;
  /** How far the axis goes at least. */
  readonly axisTo: number;
}

export interface ChartSeries {
  readonly name: string;
  readonly kind: "line" | "area" | "bar";
  /** By moment or place; `null` for a gap, over which a line goes on. */
  readonly points: readonly (readonly [at: number, value: number | null])[];
  /** Whether it lies on others that are, so that they add up. */
  readonly isStacked?: boolean;
  /** Whether it belongs to the axis at the right. */
  readonly isRight?: boolean;
  /** A colour of the theme by its name; that of the series' place in the list when left out. */
  readonly colour?: string;
  /** Other colours of single bars. */
  readonly colourOf?: (at: number) => string;
  /** Of a line, pixels; 2 when left out. */
  readonly width?: number;
  readonly isDashed?: boolean;
  /** Whether the points of a line are marked. */
  readonly hasDots?: boolean;
  /** The widest that a bar becomes, pixels. */
  readonly maxWidth?: number;
  /** Room between bars, as a share of what a place has; a fifth or more when left out. */
  readonly gap?: number;
}

export interface ChartData {
  readonly axis: ChartAxis;
  readonly left: ValueAxis;
  readonly right?: ValueAxis;
  readonly series: readonly ChartSeries[];
  readonly threshold?: Threshold;
}

/** What of a chart is seen, and how. */
export interface Shown {
  /** Names of series that are not drawn. */
  readonly hidden: ReadonlySet<string>;
  /** The stretch of an axis of time, where another one is chosen than the data's. */
  readonly span: Span | undefined;
  readonly useUTC: boolean;
}

/** A series as it is on a chart. */
export interface DrawnSeries extends ChartSeries, ValueUnit {
  readonly colour: string;
  readonly values: ReadonlyMap<number, number | null>;
}

/** A chart's data with all that can be pointed at. */
export interface Drawn extends ChartData {
  /** Moments, or numbers of places, in order. */
  readonly at: readonly number[];
  readonly series: readonly DrawnSeries[];
}
