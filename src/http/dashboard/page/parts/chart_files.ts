// Files of a chart: a picture with its title and its legend, and its numbers.
import { csvText } from "../csv_text.ts";
import { timeText } from "../format.ts";
import { colour } from "../look.ts";
import type { ChartInCard } from "./card_context.ts";
import { drawnCanvas, svgText } from "./chart_canvas.ts";
import type { Drawn } from "./chart_data.ts";

const HEAD = 30;
const LEGEND = 22;
const MARGIN = 12;
/** Of letters of this size, mean width. */
const LETTER = 6.6;
const SCALE = 2;

/** The chart as SVG text. */
export function svgOf(chart: ChartInCard, title: string): string {
  const { width, height, top, items } = layoutOf(chart);
  const inner = svgText(chart.drawn, chart.shown, chart.size()).replace("<svg ", `<svg x="${MARGIN}" y="${top}" `);
  const legend = items.map(({ x, y, name, fill }) =>
    `<rect x="${x}" y="${y}" width="14" height="8" rx="2" fill="${fill}"/><text x="${x + 19}" y="${y + 9}">${
      escaped(name)
    }</text>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="${colour("text")}">` +
    `<rect width="100%" height="100%" fill="${colour("card")}"/>` +
    `<text x="${MARGIN}" y="20" font-size="14" font-weight="650">${escaped(title)}</text>${
      legend.join("")
    }${inner}</svg>`;
}

/** The same picture as PNG, with twice as many pixels. */
export async function pngOf(chart: ChartInCard, title: string): Promise<Blob> {
  const { width, height, top, items } = layoutOf(chart);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SCALE * width, SCALE * height];
  const pen = canvas.getContext("2d")!;
  pen.scale(SCALE, SCALE);
  pen.fillStyle = colour("card");
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = colour("text");
  pen.font = "650 14px system-ui, sans-serif";
  pen.fillText(title, MARGIN, 20);
  pen.font = "12px system-ui, sans-serif";
  for (const { x, y, name, fill } of items) {
    pen.fillStyle = fill;
    pen.fillRect(x, y, 14, 8);
    pen.fillStyle = colour("text");
    pen.fillText(name, x + 19, y + 9);
  }
  const size = chart.size();
  pen.drawImage(drawnCanvas(chart.drawn, chart.shown, { ...size, scale: SCALE }), MARGIN, top, size.width, size.height);
  return await new Promise((resolve, reject) =>
    canvas.toBlob((blob) => blob ? resolve(blob) : reject(new Error("The browser makes no picture of this size")))
  );
}

/** Where title, legend and chart are in a picture. */
function layoutOf({ size, series }: ChartInCard) {
  const { width, height } = size();
  let [x, row] = [MARGIN, 0];
  const items = (series.length > 1 ? series : []).map(({ name, colour: named }) => {
    const length = 34 + name.length * LETTER;
    if (x > MARGIN && x + length > width) [x, row] = [MARGIN, row + 1];
    const item = { x, y: HEAD + row * LEGEND, name, fill: colour(named) };
    x += length;
    return item;
  });
  const top = HEAD + (items.length === 0 ? 0 : (row + 1) * LEGEND);
  return { width: width + 2 * MARGIN, height: height + top + MARGIN, top, items };
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** The numbers as RFC 4180 text; times are UTC. */
export function csvOf(
  { axis, at, series }: Drawn,
): string {
  const heads = [
    axis.kind === "time" ? "time (UTC)" : axis.title || "place",
    ...series.map(({ name, unit }) => unit === "" || unit === name ? name : `${name} (${unit})`),
  ];
  const rows = at.map((one) => [
    axis.kind === "time" ? timeText(one, "utc") : axis.names[one] ?? String(one),
    ...series.map(({ values }) => values.get(one) ?? ""),
  ]);
  return csvText([heads, ...rows]);
}

export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A name for a file, of words. */
export function fileName(title: string, ending: string): string {
  return `${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^_|_$/g, "") || "chart"}.${ending}`;
}
