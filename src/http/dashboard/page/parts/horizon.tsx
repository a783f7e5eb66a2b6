// A horizon chart: many rows over the same time, each a few pixels high. A row's height is used three times over, a darker band
// for each third of the most there is, so that small and great values are both seen.
import { Fragment } from "preact";
import type { Span } from "../../../../panels/answers.ts";
import { TimeNotes } from "./annotations.tsx";
import { TimeTicks } from "./time_ticks.tsx";

export interface HorizonRow {
  readonly name: string;
  /** At equal distances, the oldest first; `null` where nothing is known. */
  readonly values: readonly (number | null)[];
}

export interface HorizonProps {
  readonly rows: readonly HorizonRow[];
  /** What fills a row. */
  readonly most: number;
  readonly wordsOf: (value: number) => string;
  /** From the first value to the last. */
  readonly span: Span;
}

const BANDS = [0, 1, 2] as const;

export function Horizon({ rows, most, wordsOf, span }: HorizonProps) {
  return (
    <div class="horizon">
      <div class="over-time">
        <TimeNotes {...span} />
      </div>
      {rows.map(({ name, values }) => (
        <Fragment key={name}>
          <span class="horizon-name">
            <bdi>{name}</bdi>
          </span>
          <svg
            viewBox={`0 0 ${Math.max(1, values.length - 1)} 1`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`${name}: ${wordsOf(values.at(-1) ?? 0)} now, ${
              wordsOf(Math.max(0, ...values.flatMap((value) => value ?? [])))
            } at most`}
          >
            {BANDS.map((band) => (
              <path
                key={band}
                class={`band-${band}`}
                d={areaOf(values, (value) => BANDS.length * value / most - band)}
              />
            ))}
          </svg>
          <span class="horizon-now numeric">{wordsOf(values.at(-1) ?? 0)}</span>
        </Fragment>
      ))}
      <span />
      <TimeTicks {...span} />
      <span />
    </div>
  );
}

/** The area below the values, of which each is told as a share of the height; what is beyond is cut off. */
function areaOf(values: readonly (number | null)[], shareOf: (value: number) => number): string {
  const points = values.map((value, i) => {
    const share = value === null ? 0 : Math.max(0, Math.min(1, shareOf(value)));
    return `L${i} ${Math.round((1 - share) * 1000) / 1000}`;
  });
  return `M0 1${points.join("")}L${Math.max(1, values.length - 1)} 1Z`;
}
