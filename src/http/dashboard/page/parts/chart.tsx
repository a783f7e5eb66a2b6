// A chart, drawn by ECharts on a canvas, and the same numbers as a table for who cannot see it. Tooltips are drawn too: a
// strict CSP allows no styles in HTML made of text.
import { BarChart, BoxplotChart, LineChart } from "echarts/charts";
import {
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
} from "echarts/components";
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { colour, LookContext, seriesColours } from "../look.ts";
import { Numbers } from "./numbers.tsx";

echarts.use([
  BarChart,
  BoxplotChart,
  LineChart,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
  CanvasRenderer,
]);

export interface ChartProps {
  /** Says in words what the chart shows. */
  readonly label: string;
  /** Made anew for each theme and zone. */
  readonly option: () => EChartsCoreOption;
  /** Changes when the option does. */
  readonly data: unknown;
  readonly tall?: boolean;
}

export function Chart({ label, option, data, tall }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | undefined>(undefined);
  const [asNumbers, setAsNumbers] = useState(false);
  const { zone, themed } = useContext(LookContext);
  useEffect(() => {
    if (asNumbers) return;
    const made = echarts.init(place.current, undefined, { renderer: "canvas", useDirtyRect: false });
    chart.current = made;
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(place.current!);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = undefined;
    };
  }, [asNumbers]);
  useEffect(() => {
    chart.current?.setOption({ ...frame(zone === "utc"), ...option() }, { notMerge: true });
  }, [data, zone, themed, asNumbers]);
  return (
    <div class={`chart ${tall ? "chart-tall" : ""}`}>
      {asNumbers
        ? <Numbers label={label} option={option()} />
        : <div ref={place} class="canvas" role="img" aria-label={label} />}
      <button
        type="button"
        class="quiet numbers-button"
        aria-pressed={asNumbers}
        aria-label={asNumbers ? `Chart instead of numbers: ${label}` : `Numbers instead of a chart: ${label}`}
        title={asNumbers ? "Chart" : "Numbers"}
        onClick={() => setAsNumbers(!asNumbers)}
      >
        {asNumbers ? "◠" : "#"}
      </button>
    </div>
  );
}

/** What all charts have in common. */
function frame(useUTC: boolean): EChartsCoreOption {
  return {
    useUTC,
    animation: false,
    color: [...seriesColours()],
    textStyle: { fontFamily: "inherit", color: colour("muted") },
    grid: { left: 8, right: 12, top: 50, bottom: 4, containLabel: true },
    legend: legend(),
    tooltip: tooltip(),
  };
}

export function legend() {
  return {
    type: "scroll",
    top: 0,
    left: 0,
    itemWidth: 14,
    itemHeight: 8,
    itemGap: 14,
    textStyle: { color: colour("text"), fontSize: 12 },
    pageTextStyle: { color: colour("muted") },
    pageIconColor: colour("accent"),
  };
}

export function tooltip() {
  return {
    trigger: "axis",
    renderMode: "richText",
    confine: true,
    backgroundColor: colour("raised"),
    borderColor: colour("line"),
    textStyle: { color: colour("text"), fontSize: 12 },
    axisPointer: { lineStyle: { color: colour("muted") } },
  };
}

/** An axis of numbers with its unit. */
export function valueAxis(unit: string, more: object = {}) {
  return {
    type: "value",
    name: unit,
    nameTextStyle: { color: colour("muted"), align: "left", padding: [0, 0, 0, -24] },
    axisLabel: { color: colour("muted"), formatter: (value: number) => value.toLocaleString("en") },
    splitLine: { lineStyle: { color: colour("line") } },
    ...more,
  };
}

export function timeAxis(from: number, to: number) {
  return {
    type: "time",
    min: from,
    max: to,
    axisLabel: {
      color: colour("muted"),
      hideOverlap: true,
      formatter: { day: "{MMM} {d}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}" },
    },
    axisLine: { lineStyle: { color: colour("line") } },
    splitLine: { show: false },
  };
}

export function categoryAxis(names: readonly string[], more: object = {}) {
  return {
    type: "category",
    data: names,
    axisLabel: { color: colour("muted"), hideOverlap: true },
    axisLine: { lineStyle: { color: colour("line") } },
    axisTick: { show: false },
    ...more,
  };
}

export { colour };
