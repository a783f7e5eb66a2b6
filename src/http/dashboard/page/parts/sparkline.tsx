// How a number has come to be what it is: a line without axes, beside the number.

export interface SparklineProps {
  /** The oldest first; gaps are `null`. */
  readonly values: readonly (number | null)[];
  readonly tone?: "plain" | "bad";
  /** Whether its foot is 0 and not the least value: so that little change of much looks like little. */
  readonly fromZero?: boolean;
}

const [WIDTH, HEIGHT, MARGIN] = [100, 28, 2];

export function Sparkline({ values, tone = "plain", fromZero = false }: SparklineProps) {
  const known = values.flatMap((value) => value ?? []);
  if (known.length < 2) return <span class="spark" />;
  const [least, most] = [Math.min(...known, ...fromZero ? [0] : []), Math.max(...known)];
  const y = (value: number) =>
    most === least ? HEIGHT / 2 : HEIGHT - MARGIN - (value - least) / (most - least) * (HEIGHT - 2 * MARGIN);
  const x = (i: number) => i / Math.max(1, values.length - 1) * WIDTH;
  const points = values.flatMap((value, i) => value === null ? [] : [`${x(i).toFixed(1)},${y(value).toFixed(1)}`]);
  // Below the line alone: nothing is filled where nothing was known yet, or is no more.
  const [first, last] = [values.findIndex((value) => value !== null), values.findLastIndex((value) => value !== null)];
  return (
    <svg class={`spark spark-${tone}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`${x(first).toFixed(1)},${HEIGHT} ${points.join(" ")} ${x(last).toFixed(1)},${HEIGHT}`} />
      <polyline points={points.join(" ")} />
    </svg>
  );
}
