// The names of a chart's series. A click shows one alone, and a second one all again; with Ctrl, ⌘ or Shift it hides or shows one.
import type { DrawnSeries } from "./chart_data.ts";

export interface LegendProps {
  readonly label: string;
  readonly series: readonly DrawnSeries[];
  /** Names of those that are not drawn. */
  readonly hidden: ReadonlySet<string>;
  readonly onHide: (hidden: ReadonlySet<string>) => void;
}

export function Legend({ label, series, hidden, onHide }: LegendProps) {
  const names = series.map(({ name }) => name);
  const choose = (name: string, one: boolean) => {
    if (one) {
      return onHide(
        hidden.has(name) ? new Set([...hidden].filter((other) => other !== name)) : new Set([...hidden, name]),
      );
    }
    const isAlone = !hidden.has(name) && names.every((other) => other === name || hidden.has(other));
    onHide(new Set(isAlone ? [] : names.filter((other) => other !== name)));
  };
  return (
    <ul class="legend" aria-label={`Series of ${label}`}>
      {series.map(({ name, colour }) => (
        <li key={name}>
          <button
            type="button"
            aria-pressed={!hidden.has(name)}
            title="Click: this one alone, or all again. Ctrl, ⌘ or Shift and click: hide or show it"
            onClick={({ ctrlKey, metaKey, shiftKey }) => choose(name, ctrlKey || metaKey || shiftKey)}
          >
            <span class="swatch" style={{ background: `var(--${colour})` }} aria-hidden="true" />
            <bdi>{name}</bdi>
          </button>
        </li>
      ))}
    </ul>
  );
}
