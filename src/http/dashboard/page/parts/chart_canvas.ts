// A chart on its canvas: made once, given each new option without losing what is on it, and asked where things are.
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
import { LookContext, seriesColours } from "../look.ts";
import { frame } from "./chart_option.ts";

echarts.use([CanvasRenderer, SVGRenderer]);

export interface CanvasOptions {
  readonly place: RefObject<HTMLDivElement | null>;
  readonly option: EChartsCoreOption;
  /** Names of series that are not drawn. */
  readonly hidden: ReadonlySet<string>;
  /** The stretch of an axis of time, where another one is chosen than the data's. */
  readonly span: Span | undefined;
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

export function useCanvas({ place, option, hidden, span, isOpen }: CanvasOptions): Canvas {
  const chart = useRef<EChartsType | undefined>(undefined);
  const [, setLaid] = useState(0);
  const { zone, themed } = useContext(LookContext);
  const full = fullOption(option, { hidden, span, useUTC: zone === "utc" });
  const ends = useRef<Span | undefined>(undefined);
  ends.current = endsOf(full);
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
    chart.current?.setOption(full, { replaceMerge: ["series"] });
    setLaid((n) => n + 1);
  }, [option, hidden, span, zone, themed, isOpen]);
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

interface Shown {
  readonly hidden: ReadonlySet<string>;
  readonly span: Span | undefined;
  readonly useUTC: boolean;
}

interface SeriesOption {
  readonly name?: string;
  readonly color?: string;
}

/** The option with all that the charts have in common; series keep their colours when others are hidden. */
export function fullOption(option: EChartsCoreOption, { hidden, span, useUTC }: Shown): EChartsCoreOption {
  const { series = [], xAxis } = option as {
    readonly series?: readonly SeriesOption[];
    readonly xAxis?: { readonly type?: string };
  };
  const colours = seriesColours();
  return {
    ...frame(useUTC),
    ...option,
    xAxis: span !== undefined && xAxis?.type === "time" ? { ...xAxis, min: span.from, max: span.to } : xAxis,
    series: series.map((one, i) => ({
      ...one,
      id: one.name ?? String(i),
      color: one.color ?? colours[i % colours.length],
      ...hidden.has(one.name ?? "") ? { data: [] } : {},
    })),
  };
}

function endsOf({ xAxis }: EChartsCoreOption): Span | undefined {
  const { type, min, max } = (xAxis ?? {}) as { readonly type?: string; readonly min?: number; readonly max?: number };
  return type === "time" && min !== undefined && max !== undefined ? { from: min, to: max } : undefined;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The chart as SVG text. */
export function svgText(option: EChartsCoreOption, { width, height }: Size): string {
  const made = echarts.init(null, undefined, { renderer: "svg", ssr: true, width, height });
  try {
    made.setOption(option);
    return made.renderToSVGString();
  } finally {
    made.dispose();
  }
}

/** The chart on a canvas of its own. */
export function drawnCanvas(
  option: EChartsCoreOption,
  { width, height, scale }: Size & { readonly scale: number },
): HTMLCanvasElement {
  const made = echarts.init(document.createElement("div"), undefined, { width, height, devicePixelRatio: scale });
  try {
    made.setOption(option);
    return made.renderToCanvas({ pixelRatio: scale });
  } finally {
    made.dispose();
  }
}
