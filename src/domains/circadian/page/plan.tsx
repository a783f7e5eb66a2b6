// The recommendation as a card: when to sleep, when to see light and when not.
import { Card, Empty, type QueryState } from "../../../http/dashboard/page/mod.ts";

interface Interval {
  readonly from?: string;
  readonly to?: string;
  readonly at_least_lux?: number;
  readonly at_most_lux?: number;
}

/** The parts of a recommendation that are shown; whatever is missing is left out. */
interface Plan {
  readonly time_zone?: string;
  readonly nights?: number;
  readonly sleep?: Interval;
  readonly cbt_min?: string;
  readonly light?: Readonly<Record<string, Interval>>;
  readonly advice?: readonly { readonly text?: string }[];
  readonly note?: string;
}

export function PlanCard({ plan: given, asked }: { readonly plan: unknown; readonly asked: QueryState<unknown> }) {
  if (typeof given !== "object" || given === null) {
    return (
      <Card title="Recommendation" asked={asked}>
        <Empty>None yet: it needs a night of sleep.</Empty>
      </Card>
    );
  }
  const { time_zone, nights, sleep, cbt_min, light = {}, advice = [], note } = given as Plan;
  const stretch = ({ from, to }: Interval) => `${from ?? "?"} to ${to ?? "?"}`;
  return (
    <Card
      title="Recommendation"
      note={`clock times of ${time_zone ?? "an unknown zone"}, from ${
        nights === 1 ? "1 night" : `${nights ?? "some"} nights`
      }`}
      asked={asked}
    >
      {advice.map(({ text = "" }) => (
        <p key={text} class="wrap">
          <strong>{text}</strong>
        </p>
      ))}
      <dl class="facts facts-wide">
        {sleep && (
          <div>
            <dt>Sleep</dt>
            <dd>{stretch(sleep)}</dd>
          </div>
        )}
        {cbt_min && (
          <div>
            <dt>Body temperature lowest</dt>
            <dd>{cbt_min}</dd>
          </div>
        )}
        {Object.entries(light).map(([name, part]) => (
          <div key={name}>
            <dt>
              {name === "day"
                ? "Bright light"
                : name === "evening"
                ? "Dim light"
                : name === "night"
                ? "Darkness"
                : name}
              {part.at_least_lux !== undefined && `, at least ${part.at_least_lux} lux`}
              {part.at_most_lux !== undefined && `, at most ${part.at_most_lux} lux`}
            </dt>
            <dd>{stretch(part)}</dd>
          </div>
        ))}
      </dl>
      {note && <p class="note">{note}</p>}
    </Card>
  );
}
