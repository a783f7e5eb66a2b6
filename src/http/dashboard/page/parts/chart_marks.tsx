// Alerts on a chart: a stroke at its foot for as long as each lasted, the more severe above the others.
import { RANKS, type Severity } from "./alert_groups.ts";

/** Something that lasted, on charts over time. Epoch milliseconds. */
export interface ChartMark {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly text: string;
  /** How much it matters, which its colour says. */
  readonly severity: Severity;
}

export interface MarksProps {
  readonly marks: readonly ChartMark[];
  /** Where a moment is in the chart, as a share of its width; `undefined` outside of what is drawn. */
  readonly placeOf: (at: number) => number | undefined;
}

/** Shorter strokes could not be seen, share of the width. */
const SHORTEST = 0.004;

export function Marks({ marks, placeOf }: MarksProps) {
  return (
    <div class="marks" aria-hidden="true">
      {marks.toSorted((a, b) => RANKS[b.severity] - RANKS[a.severity]).map(({ id, from, to, severity }) => {
        const [left, right] = [placeOf(from), placeOf(to)];
        if (left === undefined || right === undefined || right <= left && to > from) return null;
        return (
          <span
            key={id}
            class={`of-${severity}`}
            style={{ left: `${100 * left}%`, width: `${100 * Math.max(SHORTEST, right - left)}%` }}
          />
        );
      })}
    </div>
  );
}
