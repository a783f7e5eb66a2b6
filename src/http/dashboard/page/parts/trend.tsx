// A name, a value, and how it came to be, within a `dl` of class `trends`.
import { type Line, Sparkline } from "./sparkline.tsx";

interface TrendProps {
  readonly name: string;
  readonly value: string;
  readonly line: Line;
}

export function Trend({ name, value, line }: TrendProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd>
        <Sparkline {...line} label={name} fromZero />
      </dd>
    </div>
  );
}
