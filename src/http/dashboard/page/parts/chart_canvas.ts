// A chart on its canvas: made once, given each new data without losing what is on it, and asked where things are. The one file
// that knows ECharts, and how charts look.
// Each of them by its own module: out of "echarts/charts" and "echarts/components" a bundle takes all there are, twice as much.
import "echarts/lib/chart/bar";
import "echarts/lib/chart/line";
import "echarts/lib/component/gridSimple";
import "echarts/lib/component/markLine";
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import * as echarts from "echarts/core";
import { CanvasRenderer, SVGRenderer } from "echarts/renderers";
import type { RefObject } from "preact";
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Span } from "../../../../panels/answers.ts";
import { moving } from "../hand.ts";
import { compactText, LOCALE, shortDurationText } from "../format.ts";
import { colour, LookContext } from "../look.ts";
import type { Drawn, DrawnSeries, PlaceAxis, Shown, Threshold, ValueAxis } from "./chart_data.ts";

echarts.use([CanvasRenderer, SVGRenderer]);

export interface CanvasOptions {
  readonly place: RefObject<HTMLDivElement | null>;
  readonly drawn: Drawn;
  readonly shown: Shown;
  /** Whether it is to be seen. */
  readonly isOpen: boolean;
}

/** Where things are in a chart. Pixels are those of its element. */
export interface Canvas {
  /** Moment, or number of the place, under a point of the plot; `undefined` beside it. */
  readonly valueAt: (x: number, y: number) => number | undefined;
  /** Pixels from the left. */
  readonly pixelOf: (value: number) => number;
  /** The ends of an axis of time. */
  readonly ends: () => Span | undefined;
  readonly width: () => number;
}

export function useCanvas({ place, drawn, shown, isOpen }: CanvasOptions): Canvas {
  const chart = useRef<EChartsType | undefined>(undefined);
  const [, setLaid] = useState(0);
  const { themed } = useContext(LookContext);
  const ends = useRef<Span | undefined>(undefined);
  ends.current = endsOf(drawn, shown);
  useLayoutEffect(() => {
    if (!isOpen || place.current === null) return;
    const made = echarts.init(place.current, undefined, { renderer: "canvas" });
    chart.current = made;
    const observer = new ResizeObserver(() => {
      made.resize();
      setLaid((n) => n + 1);
    });
    observer.observe(place.current);
    const unfollow = moving.follow((stretch) => {
      const { from, to } = stretch ?? ends.current ?? {};
      if (ends.current !== undefined) made.setOption({ xAxis: { min: from, max: to } });
    });
    return () => {
      unfollow();
      observer.disconnect();
      made.dispose();
      chart.current = undefined;
    };
  }, [isOpen]);
  useLayoutEffect(() => {
    chart.current?.setOption(optionOf(drawn, shown), { replaceMerge: ["series"] });
    setLaid((n) => n + 1);
  }, [drawn, shown, themed, isOpen]);
  return {
    valueAt: (x, y) => {
      if (!chart.current?.containPixel({ gridIndex: 0 }, [x, y])) return undefined;
      return Number(chart.current.convertFromPixel({ xAxisIndex: 0 }, x));
    },
    pixelOf: (value) => Number(chart.current?.convertToPixel({ xAxisIndex: 0 }, value) ?? NaN),
    ends: () => ends.current,
    width: () => chart.current?.getWidth() ?? 0,
  };
}

/** What ECharts is told. Tooltips and legends are the page's own; series keep their colours when others are hidden. */
function optionOf(
  { axis, left, right, series, threshold }: Drawn,
  { hidden, span, useUTC }: Shown,
): EChartsCoreOption {
  const hasTitle = axis.kind === "places" && axis.title !== undefined;
  return {
    useUTC,
    animation: false,
    textStyle: { fontFamily: "inherit", color: colour("muted") },
    grid: { left: 8, right: 12, top: 26, bottom: hasTitle ? 16 : 4, containLabel: true },
    xAxis: axis.kind === "time" ? timeAxis(span ?? axis) : placeAxis(axis),
    yAxis: [
      left.isDuration
        ? durationAxis(series)
        : { ...valueAxis(left, threshold), ...left.isPower && powerAxis(mostOf(series, threshold?.axisTo)) },
      ...right === undefined ? [] : [rightAxis(right)],
    ],
    series: series.map((one, i) => ({
      ...lookOf(one),
      id: one.name,
      name: one.name,
      color: colour(one.colour),
      yAxisIndex: one.isRight ? 1 : 0,
      data: hidden.has(one.name) ? [] : pointsOf(one),
      ...i === 0 && threshold !== undefined && { markLine: thresholdLine(threshold) },
    })),
  };
}

function timeAxis({ from, to }: Span) {
  return {
    type: "time",
    min: from,
    max: to,
    axisLabel: {
      color: colour("muted"),
      // Above them is room for the strokes of alerts.
      margin: 10,
      hideOverlap: true,
      formatter: { day: "{MMM} {d}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}" },
    },
    axisLine: { lineStyle: { color: colour("line") } },
    splitLine: { show: false },
  };
}

function placeAxis({ names, title }: PlaceAxis) {
  const titled = { name: title, nameLocation: "middle", nameGap: 22, nameTextStyle: { color: colour("muted") } };
  return {
    type: "category",
    data: names,
    axisLabel: { color: colour("muted"), hideOverlap: true },
    axisLine: { lineStyle: { color: colour("line") } },
    axisTick: { show: false },
    ...title !== undefined && titled,
  };
}

function valueAxis({ unit, isCount = false }: ValueAxis, threshold?: Threshold) {
  const text = (value: number) => isCount ? compactText(value) : value.toLocaleString(LOCALE);
  return {
    type: "value",
    name: unit,
    nameTextStyle: { color: colour("muted"), align: "left", padding: [0, 0, 0, -24] },
    axisLabel: { color: colour("muted"), formatter: text },
    splitLine: { lineStyle: { color: colour("line") } },
    ...isCount && { minInterval: 1 },
    ...threshold && { max: ({ max }: { max: number }) => max > threshold.value ? null : threshold.axisTo },
  };
}

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];
/** Distances between ticks of lengths of time, milliseconds: so that each tick is a round one. */
const DURATION_STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100].map((n) => n * DAY),
];
const MOST_STEPS = 5;

/** The greatest value that is drawn, hidden or not. */
function mostOf(series: readonly DrawnSeries[], least = 0): number {
  return series.reduce(
    (most, { points }) => points.reduce((most, [, value]) => Math.max(most, value ?? 0), most),
    least,
  );
}

/** What an axis of kilowatts has otherwise where they reach a megawatt: all its labels are of one unit. */
function powerAxis(mostKw: number) {
  if (mostKw < 1000) return {};
  const formatter = (kw: number) => (kw / 1000).toLocaleString(LOCALE);
  return { name: "MW", axisLabel: { color: colour("muted"), formatter } };
}

/** Of milliseconds; the labels name their units. */
function durationAxis(series: readonly DrawnSeries[]) {
  const most = mostOf(series);
  const step = DURATION_STEPS.find((step) => most <= step * MOST_STEPS);
  return {
    ...valueAxis({ unit: "" }),
    ...step && { interval: step, max: Math.max(1, Math.ceil(most / step)) * step },
    axisLabel: { color: colour("muted"), formatter: (value: number) => value === 0 ? "0" : shortDurationText(value) },
  };
}

function rightAxis(axis: ValueAxis) {
  const nameTextStyle = { color: colour("muted"), align: "right" };
  return { ...valueAxis(axis), position: "right", splitLine: { show: false }, nameTextStyle };
}

function lookOf({ kind, isStacked, width = 2, isDashed, hasDots, maxWidth, gap }: DrawnSeries) {
  const stack = isStacked ? "all" : undefined;
  if (kind === "bar") return { type: "bar", stack, barMaxWidth: maxWidth, barCategoryGap: gap && `${100 * gap}%` };
  const line = { type: "line", stack, showSymbol: hasDots === true, symbolSize: 5 };
  if (kind === "area") return { ...line, lineStyle: { width: 1 }, areaStyle: { opacity: 0.35 } };
  return { ...line, connectNulls: true, lineStyle: { width, type: isDashed ? "dashed" : "solid" } };
}

function pointsOf({ points, colourOf }: DrawnSeries) {
  if (colourOf === undefined) return points;
  return points.map((value) => ({ value, itemStyle: { color: colour(colourOf(value[0])) } }));
}

function thresholdLine({ value, text }: Threshold) {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: colour("bad"), type: "dashed", width: 1.5 },
    label: {
      formatter: text,
      position: "insideEndTop",
      color: colour("bad"),
      backgroundColor: colour("card"),
      padding: [1, 4],
    },
    data: [{ yAxis: value }],
  };
}

function endsOf({ axis }: Drawn, { span }: Shown): Span | undefined {
  return axis.kind === "time" ? span ?? axis : undefined;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The chart as SVG text. */
export function svgText(drawn: Drawn, shown: Shown, { width, height }: Size): string {
  const made = echarts.init(null, undefined, { renderer: "svg", ssr: true, width, height });
  try {
    made.setOption(optionOf(drawn, shown));
    return made.renderToSVGString();
  } finally {
    made.dispose();
  }
}

/** The chart on a canvas of its own. */
export function drawnCanvas(
  drawn: Drawn,
  shown: Shown,
  { width, height, scale }: Size & { readonly scale: number },
): HTMLCanvasElement {
  const made = echarts.init(document.createElement("div"), undefined, { width, height, devicePixelRatio: scale });
  try {
    made.setOption(optionOf(drawn, shown));
    return made.renderToCanvas({ pixelRatio: scale });
  } finally {
    made.dispose();
  }
}
