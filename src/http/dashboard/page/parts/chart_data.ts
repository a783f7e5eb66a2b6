// The numbers that a chart's option draws: for its tooltip, its legend, its table and its files.

/** The parts of an option that are read. */
interface Option {
  readonly xAxis?: { readonly type?: string; readonly name?: string; readonly data?: readonly string[] };
  readonly yAxis?: Axis | readonly Axis[];
  readonly series?: readonly SeriesOption[];
}

interface Axis {
  readonly name?: string;
}

interface SeriesOption {
  readonly name?: string;
  readonly color?: string;
  readonly stack?: string;
  readonly yAxisIndex?: number;
  readonly data?: readonly unknown[];
}

export interface DrawnSeries {
  readonly name: string;
  readonly unit: string;
  /** Of the theme, as CSS writes it. */
  readonly colour: string;
  /** Whether it adds to a sum. */
  readonly isStacked: boolean;
  readonly values: ReadonlyMap<number, number | null>;
}

export interface Drawn {
  readonly isTime: boolean;
  /** What the axis counts, if it says so. */
  readonly axisName: string;
  /** Names of the places of an axis that is not one of time. */
  readonly places: readonly string[];
  /** Moments, or numbers of places, in order. */
  readonly at: readonly number[];
  readonly series: readonly DrawnSeries[];
}

const PALETTE = 8;

/** The colour of the series at a place, as CSS writes it. */
export function paletteColour(place: number): string {
  return `var(--series-${place % PALETTE + 1})`;
}

export function drawnOf(option: object): Drawn {
  const { xAxis, yAxis, series = [] } = option as Option;
  const units = [yAxis ?? []].flat().map(({ name = "" }: Axis) => name);
  const read = series.map(({ name, color, stack, yAxisIndex = 0, data = [] }, i): DrawnSeries => ({
    name: name ?? units[yAxisIndex] ?? "",
    unit: units[yAxisIndex] ?? "",
    colour: color ?? paletteColour(i),
    isStacked: stack !== undefined,
    values: new Map(
      data.map((item, place) => Array.isArray(item) ? [Number(item[0]), valueOf(item[1])] : [place, valueOf(item)]),
    ),
  }));
  return {
    isTime: xAxis?.type === "time",
    axisName: xAxis?.name ?? "",
    places: xAxis?.data ?? [],
    at: [...new Set(read.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b),
    series: read,
  };
}

function valueOf(item: unknown): number | null {
  if (typeof item === "number") return item;
  const value = (item as { readonly value?: unknown } | null)?.value;
  return typeof value === "number" ? value : null;
}

/** The place in the order that is nearest; `undefined` where there is none. */
export function nearest(at: readonly number[], wanted: number): number | undefined {
  let [low, high] = [0, at.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [at[low - 1], at[low]];
  if (after === undefined) return undefined;
  return before !== undefined && wanted - before < after - wanted ? before : after;
}
