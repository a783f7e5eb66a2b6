// How a number has come to be what it is: a line without axes, beside the number. The pointer, or the arrow keys where it has
// the focus, tell the value of a moment.
import { useContext, useState } from "preact/hooks";
import { clockText, zoneText } from "../format.ts";
import { crosshair } from "../hand.ts";
import { LookContext } from "../look.ts";
import { topOf } from "../spark_scale.ts";

/** What such a line shows. */
export interface Line {
  /** The oldest first; gaps are `null`. */
  readonly values: readonly (number | null)[];
  /** When each of them was, epoch milliseconds. */
  readonly at: readonly number[];
  readonly textOf: (value: number) => string;
}

export interface SparklineProps extends Line {
  /** What the values are of. */
  readonly label: string;
  /** Whether its foot is 0 and not the least value: so that little change of much looks like little. */
  readonly fromZero?: boolean;
}

const [WIDTH, HEIGHT, MARGIN] = [100, 28, 2];

export function Sparkline({ label, fromZero = false, ...line }: SparklineProps) {
  const { values, at, textOf } = line;
  const [moment, setMoment] = useState<number>();
  const known = values.flatMap((value) => value ?? []);
  if (known.length < 2) return <span class="spark" />;
  const place = moment === undefined ? -1 : at.indexOf(moment);
  const look = (i: number | undefined) => {
    const moment = i === undefined ? undefined : at[Math.min(at.length - 1, Math.max(0, i))];
    setMoment(moment);
    crosshair.set(moment);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") look(undefined);
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    look((place < 0 ? at.length - 1 : place) + step);
  };
  const lookUnder = ({ clientX, currentTarget }: { readonly clientX: number; readonly currentTarget: Element }) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    look(Math.round((clientX - left) / Math.max(1, width) * (at.length - 1)));
  };
  const range = `${textOf(known.at(-1)!)} at the end, from ${textOf(Math.min(...known))} to ${
    textOf(Math.max(...known))
  }`;
  return (
    <span class="spark">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Line of ${label.toLowerCase()}: ${range}`}
        tabIndex={0}
        onPointerMove={lookUnder}
        onPointerDown={lookUnder}
        // What a finger has told stays until the next one touches something else.
        onPointerLeave={({ pointerType }) => pointerType !== "touch" && look(undefined)}
        onPointerCancel={() => look(undefined)}
        onFocus={(event) => event.currentTarget.matches(":focus-visible") && look(at.length - 1)}
        onBlur={() => look(undefined)}
        onKeyDown={press}
      >
        <Drawing values={values} fromZero={fromZero} place={place} />
      </svg>
      {place >= 0 && <Told {...line} place={place} />}
    </span>
  );
}

interface DrawingProps extends Pick<SparklineProps, "values" | "fromZero"> {
  /** Which of the values is looked at; -1 for none. */
  readonly place: number;
}

function Drawing({ values, fromZero, place }: DrawingProps) {
  const known = values.flatMap((value) => value ?? []);
  const [least, most] = [Math.min(...known, ...fromZero ? [0] : []), topOf(known)];
  const shareOf = (value: number) => (Math.min(value, most) - least) / (most - least);
  const y = (value: number) => most === least ? HEIGHT / 2 : HEIGHT - MARGIN - shareOf(value) * (HEIGHT - 2 * MARGIN);
  const x = (i: number) => (i / Math.max(1, values.length - 1) * WIDTH).toFixed(1);
  const points = values.flatMap((value, i) => value === null ? [] : [`${x(i)},${y(value).toFixed(1)}`]);
  // Below the line alone: nothing is filled where nothing was known yet, or is no more.
  const [first, last] = [values.findIndex((value) => value !== null), values.findLastIndex((value) => value !== null)];
  return (
    <>
      <polygon points={`${x(first)},${HEIGHT} ${points.join(" ")} ${x(last)},${HEIGHT}`} />
      <polyline points={points.join(" ")} />
      {place >= 0 && <line x1={x(place)} x2={x(place)} y1={0} y2={HEIGHT} />}
    </>
  );
}

/** The value that is looked at and when it was, above the line. */
function Told({ values, at, textOf, place }: Line & { readonly place: number }) {
  const { zone } = useContext(LookContext);
  const value = values[place] ?? null;
  return (
    <span class="spark-tip" style={{ "--share": place / Math.max(1, at.length - 1) }}>
      <span role="status">
        <strong>{value === null ? "no data" : textOf(value)}</strong> {clockText(at[place], zone, at.at(-1))}{" "}
        {zoneText(zone)}
      </span>
    </span>
  );
}
