// Which columns of a table are shown.
import { numberText } from "../format.ts";

export interface ColumnMenuProps {
  readonly names: readonly string[];
  readonly hidden: ReadonlySet<string>;
  readonly onHide: (hidden: ReadonlySet<string>) => void;
}

export function ColumnMenu({ names, hidden, onHide }: ColumnMenuProps) {
  const shown = names.filter((name) => !hidden.has(name)).length;
  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    // A table without any column would be no table.
    if (names.some((one) => !next.has(one))) onHide(next);
  };
  return (
    <details class="menu column-menu">
      <summary>
        Columns {shown < names.length && <span class="muted">{numberText(shown)} of {numberText(names.length)}</span>}
      </summary>
      <div class="menu-items" role="group" aria-label="Columns that are shown">
        <button type="button" onClick={() => onHide(new Set())}>Show all</button>
        {names.map((name) => (
          <label key={name} class="check">
            <input type="checkbox" checked={!hidden.has(name)} onChange={() => toggle(name)} />
            <span>{name}</span>
          </label>
        ))}
      </div>
    </details>
  );
}
