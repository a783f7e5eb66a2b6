// The rows of a result as a chart: one column along the axis, one or several upwards, split by the values of another.
import { useMemo } from "preact/hooks";
import type { Rows } from "../../../../../panels/answers.ts";
import { setParams, useAddress } from "../../address.ts";
import { cutText, momentOf, numberText } from "../../format.ts";
import { Empty } from "../../parts/card.tsx";
import { Chart } from "../../parts/chart.tsx";
import type { ChartData } from "../../parts/chart_data.ts";
import { isNumeric, isTime } from "../../parts/value_cell.tsx";

export type DrawnRows = Pick<Rows, "columns" | "rows">;

export const KINDS = ["lines", "bars"] as const;
type Kind = typeof KINDS[number];

/** Rows that are drawn, and series: more are no picture any more. */
const MAX_ROWS = 5_000;
const MAX_SERIES = 12;

/** What is drawn; indexes of columns. */
interface Drawing {
  readonly kind: Kind;
  readonly x: number;
  readonly ys: readonly number[];
  /** `undefined` where nothing splits. */
  readonly by: number | undefined;
}

/** Whether there is something to draw: rows, and a number in them. */
export function canDraw({ columns, rows }: DrawnRows): boolean {
  return rows.length > 0 && columns.length > 1 && columns.some(({ type }) => isNumeric(type));
}

/** What the address says, or else what fits the columns. */
function drawingOf({ columns }: DrawnRows, params: URLSearchParams): Drawing {
  const indexOf = (name: string | null) => columns.findIndex((column) => column.name === name);
  const numbers = columns.flatMap(({ type }, i) => isNumeric(type) ? [i] : []);
  const time = columns.findIndex(({ type }) => isTime(type));
  const fitting = time >= 0 ? time : Math.max(0, columns.findIndex(({ type }) => !isNumeric(type)));
  const named = indexOf(params.get("x"));
  const x = named >= 0 ? named : fitting;
  const ys = params.getAll("y").map(indexOf).filter((i) => i >= 0 && isNumeric(columns[i]!.type));
  const by = indexOf(params.get("by"));
  const others = numbers.filter((i) => i !== x);
  return {
    kind: KINDS.find((kind) => kind === params.get("draw")) ?? "lines",
    x,
    ys: ys.length > 0 ? ys : others.slice(0, 1),
    by: by >= 0 && by !== x ? by : undefined,
  };
}

export function ResultChart({ result }: { readonly result: DrawnRows }) {
  const { params } = useAddress();
  const drawing = useMemo(() => drawingOf(result, params), [result, params]);
  const series = useMemo(() => seriesOf(result, drawing), [result, drawing]);
  const shown = useMemo(() => series.slice(0, MAX_SERIES), [series]);
  const data = useMemo(() => chartOf(result, drawing, shown), [shown]);
  return (
    <>
      <Choices result={result} drawing={drawing} />
      {drawing.ys.length === 0 ? <Empty>Choose a column of numbers.</Empty> : (
        <Chart
          label={`Chart of ${drawing.ys.map((y) => result.columns[y]!.name).join(", ")} by ${
            result.columns[drawing.x]!.name
          }`}
          name="result"
          data={data}
          tall
        />
      )}
      {(result.rows.length > MAX_ROWS || series.length > MAX_SERIES) && (
        <p class="note">
          Drawn are the first {numberText(Math.min(MAX_ROWS, result.rows.length), "rows")} and{" "}
          {numberText(shown.length, "series")} of {numberText(series.length)}.
        </p>
      )}
    </>
  );
}

function Choices({ result: { columns }, drawing }: { readonly result: DrawnRows; readonly drawing: Drawing }) {
  const numbers = columns.flatMap(({ name, type }, i) => isNumeric(type) && i !== drawing.x ? [{ name, i }] : []);
  const chosen = new Set(drawing.ys);
  const toggle = (i: number) => {
    const next = chosen.has(i) ? drawing.ys.filter((y) => y !== i) : [...drawing.ys, i];
    setParams({ y: next.map((y) => columns[y]!.name) });
  };
  return (
    <div class="filters" role="group" aria-label="What the chart shows">
      <label class="field">
        <span>Along</span>
        <select
          value={String(drawing.x)}
          onChange={(event) => setParams({ x: columns[Number(event.currentTarget.value)]!.name })}
        >
          {columns.map(({ name }, i) => <option key={name} value={String(i)}>{name}</option>)}
        </select>
      </label>
      <label class="field">
        <span>Split by</span>
        <select
          value={String(drawing.by ?? "")}
          onChange={({ currentTarget: { value } }) =>
            setParams({ by: value === "" ? undefined : columns[Number(value)]!.name })}
        >
          <option value="">nothing</option>
          {columns.map(({ name }, i) => i !== drawing.x && <option key={name} value={String(i)}>{name}</option>)}
        </select>
      </label>
      {numbers.slice(0, 12).map(({ name, i }) => (
        <button
          key={name}
          type="button"
          aria-pressed={chosen.has(i)}
          onClick={() => toggle(i)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

interface ResultSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: string, y: number | null])[];
}

/** One for each column upwards, or for each of its values that split; in the order in which they come. */
function seriesOf({ columns, rows }: DrawnRows, { x, ys, by }: Drawing): readonly ResultSeries[] {
  const series = new Map<string, [string, number | null][]>();
  for (const row of rows.slice(0, MAX_ROWS)) {
    for (const y of ys) {
      const part = by === undefined ? undefined : cutText(String(row[by] ?? "NULL"), 40);
      const column = columns[y]!.name;
      const name = part === undefined ? column : ys.length === 1 ? part : `${part}, ${column}`;
      const value = row[y];
      const points = series.get(name) ?? [];
      points.push([String(row[x] ?? "NULL"), value === null || value === undefined ? null : Number(value)]);
      series.set(name, points);
    }
  }
  return [...series].map(([name, points]) => ({ name, points }));
}

function chartOf({ columns }: DrawnRows, { kind, x, ys }: Drawing, series: readonly ResultSeries[]): ChartData {
  const left = { unit: ys.length === 1 ? columns[ys[0]!]!.name : "" };
  const look = kind === "bars" ? { kind: "bar", maxWidth: 40 } as const : { kind: "line" } as const;
  if (isTime(columns[x]!.type)) {
    const timed = series.map(({ name, points }) => ({
      ...{ name, ...look },
      points: points.map(([at, y]) => [momentOf(at), y] as const).sort(([a], [b]) => a - b),
    }));
    const moments = timed.flatMap(({ points }) => points.map(([at]) => at));
    const [from, to] = moments.reduce(([a, b], at) => [Math.min(a, at), Math.max(b, at)], [Infinity, -Infinity]);
    return { axis: { kind: "time", from, to }, left, series: timed };
  }
  const places = [...new Set(series.flatMap(({ points }) => points.map(([place]) => place)))];
  const placeOf = new Map(places.map((place, i) => [place, i]));
  return {
    axis: { kind: "places", names: places.map((place) => cutText(place, 40)), title: columns[x]!.name },
    left,
    series: series.map(({ name, points }) => ({
      ...{ name, ...look },
      points: points.map(([place, y]) => [placeOf.get(place)!, y] as const).sort(([a], [b]) => a - b),
    })),
  };
}
