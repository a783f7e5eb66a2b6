// A chart, drawn by ECharts on a canvas, with a legend, a tooltip that can be pinned, marks of alerts and annotations of the page's own: so
// they outlive new data, and a strict CSP has nothing against them. The same numbers are there as a table.
import { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Span } from "../../../../panels/answers.ts";
import { crosshair, useChosenSpan } from "../hand.ts";
import { LookContext } from "../look.ts";
import { AnnotationsContext, NoteLines } from "./annotations.tsx";
import { CardContext } from "./card_context.ts";
import { useCanvas } from "./chart_canvas.ts";
import type { ChartData, ChartSeries, Drawn, DrawnSeries, TimeAxis } from "./chart_data.ts";
import { useHand } from "./chart_hand.ts";
import { Legend } from "./chart_legend.tsx";
import { type ChartMark, Marks } from "./chart_marks.tsx";
import { Tip } from "./chart_tip.tsx";
import { Numbers } from "./numbers.tsx";

export interface ChartProps {
  /** Says in words what the chart shows. */
  readonly label: string;
  /** What files of it are called; the card's title without it. */
  readonly name?: string;
  /** Drawn anew when it is another object. */
  readonly data: ChartData;
  readonly tall?: boolean;
  readonly marks?: readonly ChartMark[];
  /** Words for a place of an axis that is not one of time. */
  readonly titleOf?: (at: number) => string;
}

const NO_MARKS: readonly ChartMark[] = [];

export function Chart({ label, name, data, tall, marks = NO_MARKS, titleOf }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [hover, setHover] = useState<number>();
  const [pinned, setPinned] = useState<number>();
  const [selected, setSelected] = useState<Span>();
  const { zone } = useContext(LookContext);
  const { asNumbers, join } = useContext(CardContext);
  const annotations = useContext(AnnotationsContext);
  const span = useChosenSpan();
  const drawn = useMemo(() => drawnOf(data), [data]);
  const isTime = data.axis.kind === "time";
  const series = drawn.series.filter((one) => !hidden.has(one.name));
  const isOpen = !asNumbers;
  const shown = useMemo(() => ({ hidden, span, useUTC: zone === "utc" }), [hidden, span, zone]);
  const canvas = useCanvas({ place, drawn, shown, isOpen });
  useHand({
    ...{ place, canvas, isOpen, hover, at: drawn.at, isTime },
    onHover: setHover,
    onPin: (at) => setPinned((before) => at === before ? undefined : at),
    onSelect: setSelected,
  });
  useEffect(() =>
    join({
      name,
      drawn,
      series,
      shown,
      size: () => ({ width: canvas.width(), height: place.current?.clientHeight ?? 0 }),
    }), [drawn, shown, name]);
  const ends = canvas.ends();
  const overlapping = ends === undefined ? [] : marks.filter(({ from, to }) => from < ends.to && to >= ends.from);
  const shareOf = (at: number) => canvas.pixelOf(at) / Math.max(1, canvas.width());
  const within = (at: number) => shareOf(ends === undefined ? at : Math.min(ends.to, Math.max(ends.from, at)));
  const isShown = (at: number | undefined): at is number =>
    at !== undefined && (ends === undefined || (at >= ends.from && at <= ends.to)) && Number.isFinite(shareOf(at));
  const notes = ends === undefined || !isTime
    ? []
    : annotations.filter(({ from, to = from }) => from <= ends.to && to >= ends.from);
  const marksAt = (at: number) => overlapping.filter(({ from, to }) => touches(drawn.at, at, from, to));
  const notesAt = (at: number) => notes.filter(({ from, to = from }) => touches(drawn.at, at, from, to));
  const tip = { drawn, series };
  return (
    <>
      {drawn.series.length > 1 && <Legend label={label} series={drawn.series} hidden={hidden} onHide={setHidden} />}
      <div class={`chart ${tall ? "chart-tall" : ""}`}>
        {asNumbers ? <Numbers label={label} drawn={{ ...drawn, series }} /> : (
          <>
            <div ref={place} class="canvas" role="img" aria-label={label} tabIndex={0} />
            <NoteLines notes={notes} placeOf={within} />
            <Marks marks={overlapping} placeOf={within} />
            {isTime && <Crosshair shareOf={shareOf} ends={ends} />}
            {selected && (
              <span class="selection" style={{ left: px(selected.from), width: px(selected.to - selected.from) }} />
            )}
            {isShown(pinned) && (
              <>
                <span class="line line-pinned" style={{ left: `${100 * shareOf(pinned)}%` }} />
                <Tip
                  {...tip}
                  at={pinned}
                  place={shareOf(pinned)}
                  marks={marksAt(pinned)}
                  notes={notesAt(pinned)}
                  title={titleOf?.(pinned)}
                  onClose={() => setPinned(undefined)}
                />
              </>
            )}
            {isShown(hover) && hover !== pinned && (
              <Tip
                {...tip}
                at={hover}
                place={shareOf(hover)}
                marks={marksAt(hover)}
                notes={notesAt(hover)}
                title={titleOf?.(hover)}
              />
            )}
          </>
        )}
      </div>
    </>
  );
}

/** The data with all that can be pointed at: the moments of an axis of time are there without a value, too. */
function drawnOf(data: ChartData): Drawn {
  const moments = data.axis.kind === "time" ? momentsOf(data.axis) : [];
  const series = data.series.map((one, i): DrawnSeries => {
    const { unit = "", isDuration, isPower } = (one.isRight ? data.right : data.left) ?? {};
    return {
      ...one,
      ...{ unit, isDuration, isPower },
      points: one.kind === "line" ? one.points : withGaps(one.points, moments),
      colour: one.colour ?? `series-${i % PALETTE + 1}`,
      values: new Map(one.points),
    };
  });
  const at = new Set([...moments, ...series.flatMap(({ points }) => points.map(([at]) => at))]);
  return { ...data, series, at: [...at].sort((a, b) => a - b) };
}

/** Colours that the theme has for series. */
const PALETTE = 8;
const MAX_MOMENTS = 2_000;

function momentsOf({ from, to, stepMs }: TimeAxis): readonly number[] {
  if (stepMs === undefined) return [];
  const first = Math.ceil((from - stepMs) / stepMs) * stepMs;
  const count = Math.min(MAX_MOMENTS, Math.ceil((to - first) / stepMs));
  return Array.from({ length: Math.max(0, count) }, (_, i) => first + i * stepMs);
}

/** The points, with a gap for each moment that has none. */
function withGaps(points: ChartSeries["points"], moments: readonly number[]): ChartSeries["points"] {
  const known = new Set(points.map(([at]) => at));
  const gaps = moments.filter((at) => !known.has(at)).map((at) => [at, null] as const);
  return gaps.length === 0 ? points : [...points, ...gaps].sort(([a], [b]) => a - b);
}

const px = (pixels: number) => `${pixels}px`;

/** Whether something that lasted from one moment to another belongs to the point at `at`, which stands for what comes until the next. */
function touches(points: readonly number[], at: number, from: number, to: number): boolean {
  const next = points[points.indexOf(at) + 1] ?? at + 60_000;
  return from < next && to >= at;
}

interface CrosshairProps {
  readonly shareOf: (at: number) => number;
  readonly ends: Span | undefined;
}

/** The moment that is looked at in any of the charts. It moves without anything being drawn anew. */
function Crosshair({ shareOf, ends }: CrosshairProps) {
  const line = useRef<HTMLSpanElement>(null);
  const show = () => {
    // The page may be on its way out.
    if (!line.current) return;
    const at = crosshair.value;
    const isSeen = at !== undefined && ends !== undefined && at >= ends.from && at <= ends.to;
    line.current.hidden = !isSeen;
    if (isSeen) line.current.style.left = `${100 * shareOf(at)}%`;
  };
  const latest = useRef(show);
  latest.current = show;
  useLayoutEffect(() => show());
  useEffect(() => crosshair.follow(() => latest.current()), []);
  return <span ref={line} class="line" hidden />;
}
