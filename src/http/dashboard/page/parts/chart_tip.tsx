// What a chart says of one moment or place: the values of all series that are drawn, their sum where they add up, and alerts.
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { cutText, timeText, valueText, zoneText } from "../format.ts";
import { LookContext } from "../look.ts";
import type { Drawn, DrawnSeries } from "./chart_data.ts";
import type { ChartNote } from "./annotations.tsx";
import type { ChartMark } from "./chart_marks.tsx";

export interface TipProps {
  readonly drawn: Drawn;
  readonly series: readonly DrawnSeries[];
  readonly at: number;
  /** Where in the chart that is, as a share of its width. */
  readonly place: number;
  readonly marks: readonly ChartMark[];
  readonly notes: readonly ChartNote[];
  /** Words instead of the name of the place. */
  readonly title?: string;
  /** What takes a pinned tip away. */
  readonly onClose?: () => void;
}

/** More would be taller than the chart. */
const SHOWN = 12;
const SHOWN_MARKS = 3;

export function Tip({ drawn, series, at, place, marks, notes, title, onClose }: TipProps) {
  const { zone } = useContext(LookContext);
  const known = series.flatMap(({ values, ...one }) => {
    const value = values.get(at);
    return value === null || value === undefined ? [] : [{ ...one, value }];
  });
  const stacked = known.filter(({ isStacked }) => isStacked);
  const shown = known.length > SHOWN ? known.toSorted((a, b) => b.value - a.value).slice(0, SHOWN) : known;
  const side = place < 0.5 ? "after" : "before";
  const beside = { "--beside": `calc(${100 * (place < 0.5 ? place : 1 - place)}% + 12px)` };
  return (
    <div
      class={`tip tip-${side} ${onClose ? "tip-pinned" : ""}`}
      style={beside}
      role={onClose && "group"}
      aria-label={onClose && "Pinned"}
    >
      <p class="tip-head">
        <strong>
          {title ??
            (drawn.axis.kind === "time"
              ? `${timeText(at, zone)} ${zoneText(zone)}`
              : drawn.axis.names[at] ?? String(at))}
        </strong>
        {onClose && <button type="button" class="link" aria-label="Unpin" onClick={onClose}>×</button>}
      </p>
      <table>
        <tbody>
          {shown.map(({ value, ...one }) => (
            <TipRow key={one.name} name={one.name} colour={one.colour}>{valueText(value, one)}</TipRow>
          ))}
          {stacked.length > 1 && (
            <TipRow name="total">
              <strong>{valueText(stacked.reduce((sum, { value }) => sum + value, 0), stacked[0]!)}</strong>
            </TipRow>
          )}
          {drawn.threshold && known.length > 0 && (
            <TipRow name="threshold" isThreshold>{valueText(drawn.threshold.value, drawn.left)}</TipRow>
          )}
        </tbody>
      </table>
      {known.length > SHOWN && <p class="muted">the greatest {SHOWN} of {known.length}</p>}
      {known.length === 0 && <p class="muted">no data here</p>}
      {notes.slice(0, SHOWN_MARKS).map(({ id, kind, text, by }) => (
        <p key={id}>
          ⚑ {kind}: <bdi>{cutText(text, 80)}</bdi> <span class="muted">({cutText(by, 30)})</span>
        </p>
      ))}
      {marks.slice(0, SHOWN_MARKS).map(({ id, text, severity }) => (
        <p key={id} class={`tip-mark of-${severity}`}>▲ {text}</p>
      ))}
      {marks.length > SHOWN_MARKS && <p class="muted">and {marks.length - SHOWN_MARKS} more alerts</p>}
    </div>
  );
}

interface TipRowProps {
  readonly name: string;
  readonly colour?: string;
  readonly isThreshold?: boolean;
  readonly children: ComponentChildren;
}

function TipRow({ name, colour, isThreshold, children }: TipRowProps) {
  return (
    <tr>
      <th scope="row">
        {isThreshold && <span class="swatch swatch-threshold" aria-hidden="true" />}
        {colour && <span class="swatch" style={{ background: `var(--${colour})` }} aria-hidden="true" />}
        <bdi>{name}</bdi>
      </th>
      <td class="numeric">{children}</td>
    </tr>
  );
}
