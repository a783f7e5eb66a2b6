// What the charts have in common in how they look: axes, and their colours.
import type { EChartsCoreOption } from "echarts/core";
import { LOCALE } from "../format.ts";
import { colour } from "../look.ts";

/** Of all charts. Tooltips and legends are the page's own. */
export function frame(useUTC: boolean): EChartsCoreOption {
  return {
    useUTC,
    animation: false,
    textStyle: { fontFamily: "inherit", color: colour("muted") },
    grid: { left: 8, right: 12, top: 26, bottom: 4, containLabel: true },
  };
}

/** An axis of numbers with its unit. */
export function valueAxis(unit: string, more: object = {}) {
  return {
    type: "value",
    name: unit,
    nameTextStyle: { color: colour("muted"), align: "left", padding: [0, 0, 0, -24] },
    axisLabel: { color: colour("muted"), formatter: (value: number) => value.toLocaleString(LOCALE) },
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
