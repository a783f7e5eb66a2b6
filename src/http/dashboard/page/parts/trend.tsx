// A name, a value, and how it came to be, within a `dl` of class `trends`.
import { Sparkline } from "./sparkline.tsx";

interface TrendProps {
  readonly name: string;
  readonly value: string;
  readonly values: readonly (number | null)[];
}

export function Trend({ name, value, values }: TrendProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd>
        <Sparkline values={values} fromZero />
      </dd>
    </div>
  );
}
