// Small charts beside each other, one for each of many trains or zones, all with the same axes: which of them does otherwise than
// the others is seen at a glance. The moment under the pointer is shown in all of them, and in the other charts of the page.
import type { ComponentChildren } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";
import type { Multiples, Span } from "../../../../panels/answers.ts";
import type { QueryState } from "../asking.ts";
import { clockText, countText, cutText, everyText, numberText } from "../format.ts";
import { crosshair } from "../hand.ts";
import { LookContext } from "../look.ts";
import { Card, Empty, Waiting } from "./card.tsx";
import { Link } from "./link.tsx";
import { TimeTicks } from "./time_ticks.tsx";
import { NO_RECORDS_IN_RANGE } from "./timeline_card.tsx";

export interface MultiplesCardProps {
  readonly title: string;
  /** What each chart shows, in words. */
  readonly note: string;
  readonly unit: string;
  /** What the charts are of, in the plural. */
  readonly things: string;
  readonly asked: QueryState<Multiples>;
  /** Path of the page about one of them. */
  readonly pathOf: (name: string) => string;
  /** A line across all charts: what is beyond is too much. */
  readonly threshold?: number;
  /** What else can be shown. */
  readonly tools?: ComponentChildren;
}

export function MultiplesCard({ title, note, unit, things, asked, pathOf, threshold, tools }: MultiplesCardProps) {
  const data = asked.answer?.data;
  const ends = useMemo(() => endsOf(data, threshold), [data, threshold]);
  const cut = data && data.known > data.series.length
    ? `, ${data.series.length} of ${countText(data.known, things)}`
    : "";
  const axis = `all from ${numberText(ends.least)} to ${numberText(ends.most, unit)}`;
  return (
    <Card
      title={title}
      note={data && <>{note} · {everyText(data.bucket_s)}, {axis}{cut}</>}
      tools={tools}
      asked={asked}
      width="full"
    >
      {!data
        ? <Waiting height={260} />
        : data.series.length === 0
        ? <Empty>{NO_RECORDS_IN_RANGE}</Empty>
        : <Charts data={data} {...{ ends, unit, pathOf, threshold }} label={title} />}
    </Card>
  );
}

/** Of the axis of values. */
interface Ends {
  readonly least: number;
  readonly most: number;
}

/** From zero, or below it, to a number that is easy to read. */
function endsOf(data: Multiples | undefined, threshold: number | undefined): Ends {
  let [least, most] = [0, 0];
  for (const { values } of data?.series ?? []) {
    for (const value of values) {
      if (value === null) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  // A threshold far away from all there is would leave nothing to be seen of it.
  if (threshold !== undefined && threshold > most && threshold < 2 * most) most = threshold;
  return { least: least < 0 ? -roundedUp(-least) : 0, most: roundedUp(most) || 1 };
}

/** The next number above that is easy to read. */
function roundedUp(value: number): number {
  if (value <= 0) return 0;
  const step = 10 ** Math.floor(Math.log10(value)) / 5;
  return Math.ceil(value / step) * step;
}

interface ChartsProps extends Pick<MultiplesCardProps, "unit" | "pathOf" | "threshold"> {
  readonly label: string;
  readonly data: Multiples;
  readonly ends: Ends;
}

function Charts({ label, data, ends, unit, pathOf, threshold }: ChartsProps) {
  const at = useCrosshair();
  const { zone } = useContext(LookContext);
  const { first, bucket_s, series } = data;
  const last = (series[0]?.values.length ?? 1) - 1;
  const span = { from: first * 1000, to: (first + last * bucket_s) * 1000 };
  // The middle of the bucket that is looked at.
  const place = at === undefined ? undefined : Math.floor((at / 1000 - first) / bucket_s);
  const isSeen = place !== undefined && place >= 0 && place <= last;
  const lookAt = (event: PointerEvent) => {
    const chart = (event.target as Element).closest(".multiple svg");
    if (chart === null) return;
    const { left, width } = chart.getBoundingClientRect();
    const under = Math.round((event.clientX - left) / Math.max(1, width) * last);
    crosshair.set((first + Math.max(0, Math.min(last, under)) * bucket_s) * 1000);
  };
  return (
    <div
      class="multiples"
      role="group"
      aria-label={label}
      onPointerMove={lookAt}
      onPointerLeave={() => crosshair.set(undefined)}
    >
      {series.map((one) => (
        <Multiple
          key={one.name}
          {...{ ...one, ends, unit, threshold, span }}
          to={pathOf(one.name)}
          place={isSeen ? place : undefined}
        />
      ))}
      <p class="scale">
        {isSeen && `at ${clockText((first + place * bucket_s) * 1000, zone, data.to).slice(0, -3)}`}
      </p>
    </div>
  );
}

interface MultipleProps extends Pick<MultiplesCardProps, "unit" | "threshold"> {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly ends: Ends;
  /** From the first value to the last. */
  readonly span: Span;
  readonly to: string;
  /** Which value is looked at. */
  readonly place: number | undefined;
}

const HEIGHT = 100;
/** As many labels as are beside each other in the narrowest of them. */
const TICKS = 3;

function Multiple({ name, values, ends, span, unit, threshold, to, place }: MultipleProps) {
  const newest = values.findLast((value) => value !== null) ?? null;
  const width = Math.max(1, values.length - 1);
  const yOf = (value: number) => HEIGHT * (1 - (value - ends.least) / (ends.most - ends.least));
  const drawn = useMemo(() => pathOf(values, yOf), [values, ends]);
  const isBeyond = threshold !== undefined && values.some((value) => value !== null && value > threshold);
  return (
    <Link to={to} class={`multiple ${isBeyond ? "multiple-bad" : ""}`}>
      <span class="multiple-head">
        <bdi>{cutText(name, 40)}</bdi>{" "}
        <span class="numeric">
          {numberText(place === undefined ? newest : values[place])}
          <span class="visually-hidden">{unit}</span>
        </span>
      </span>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {ends.least < 0 && <line class="multiple-zero" x1={0} x2={width} y1={yOf(0)} y2={yOf(0)} />}
        {threshold !== undefined && threshold <= ends.most && (
          <line class="multiple-threshold" x1={0} x2={width} y1={yOf(threshold)} y2={yOf(threshold)} />
        )}
        <path d={drawn} />
        {place !== undefined && <line class="multiple-at" x1={place} x2={place} y1={0} y2={HEIGHT} />}
      </svg>
      <span aria-hidden="true">
        <TimeTicks {...span} most={TICKS} />
      </span>
    </Link>
  );
}

/** A line through the values, with a gap where there is none; a value alone is a short stroke. */
function pathOf(values: readonly (number | null)[], yOf: (value: number) => number): string {
  let isDrawing = false;
  return values.map((value, i) => {
    if (value === null) {
      isDrawing = false;
      return "";
    }
    const y = Math.round(10 * yOf(value)) / 10;
    const isAlone = !isDrawing && (values[i + 1] ?? null) === null;
    const step = isAlone ? `M${i - 0.3} ${y}h.6` : `${isDrawing ? "L" : "M"}${i} ${y}`;
    isDrawing = true;
    return step;
  }).join("");
}

/** The moment that is looked at in any chart, epoch milliseconds. */
function useCrosshair(): number | undefined {
  const [at, setAt] = useState(crosshair.value);
  useEffect(() => crosshair.follow(setAt), []);
  return at;
}
