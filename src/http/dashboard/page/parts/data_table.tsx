// A table of rows: sorted by a click on a head, scrolled sideways in its own frame on a narrow screen.
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { numberText } from "../format.ts";
import { useNarrow, usePrinting } from "../look.ts";

export interface Column<R> {
  readonly key: string;
  readonly title: string;
  readonly unit?: string;
  /** What the cell shows. */
  readonly show: (row: R) => ComponentChildren;
  /** What it is sorted by; a column without it cannot be sorted. */
  readonly by?: (row: R) => number | string | null;
  readonly numeric?: boolean;
}

/** Rows of a long table on a phone, where it is not scrolled in a frame of its own, until somebody asks for all. */
const FIRST_ROWS = 12;

export interface DataTableProps<R> {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly keyOf: (row: R) => string;
  readonly sort?: Sort;
  readonly onSort?: (sort: Sort) => void;
  readonly tall?: boolean;
  /** Rows on a wide page until somebody asks for all: for rows that change all the time. */
  readonly first?: number;
  /** What to say when there are no rows. */
  readonly empty?: ComponentChildren;
}

export interface Sort {
  readonly key: string;
  readonly descending: boolean;
}

export function DataTable<R>(
  { label, columns, rows, keyOf, sort: given, onSort, tall, first, empty }: DataTableProps<R>,
) {
  const [own, setOwn] = useState<Sort | undefined>(given);
  const sort = onSort ? given : own;
  const sorted = useMemo(() => onSort ? rows : sortedRows(rows, columns, sort), [rows, sort?.key, sort?.descending]);
  const choose = (key: string) => {
    const next = { key, descending: sort?.key === key ? !sort.descending : true };
    if (onSort) onSort(next);
    else setOwn(next);
  };
  const [isAll, setIsAll] = useState(false);
  const most = useNarrow() && tall === true ? FIRST_ROWS : first ?? Infinity;
  const isCut = !usePrinting() && sorted.length > most;
  const shown = isCut && !isAll ? sorted.slice(0, most) : sorted;
  return (
    <>
      <div class={`table-frame ${tall ? "table-tall" : ""}`} role="group" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map(({ key, title, unit, by, numeric }) => (
                <th key={key} scope="col" class={numeric ? "numeric" : ""} aria-sort={ariaSort(sort, key)}>
                  {by
                    ? (
                      <button
                        type="button"
                        class="sorter"
                        onClick={() => choose(key)}
                      >
                        {title}
                        {unit && <span class="unit">{unit}</span>}
                        <span aria-hidden="true" class="sort-mark">
                          {sort?.key === key ? (sort.descending ? "▾" : "▴") : ""}
                        </span>
                      </button>
                    )
                    : <>{title}{unit && <span class="unit">{unit}</span>}</>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={keyOf(row)}>
                {columns.map(({ key, show, numeric }) => <td key={key} class={numeric ? "numeric" : ""}>{show(row)}
                </td>)}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="empty">{empty ?? "No rows."}</p>}
      </div>
      {isCut && (
        <button type="button" class="quiet" aria-expanded={isAll} onClick={() => setIsAll(!isAll)}>
          {isAll ? "Show fewer" : `Show all ${numberText(sorted.length, "rows")}`}
        </button>
      )}
    </>
  );
}

function ariaSort(sort: Sort | undefined, key: string): "ascending" | "descending" | undefined {
  return sort?.key !== key ? undefined : sort.descending ? "descending" : "ascending";
}

function sortedRows<R>(rows: readonly R[], columns: readonly Column<R>[], sort: Sort | undefined): readonly R[] {
  const by = columns.find(({ key }) => key === sort?.key)?.by;
  if (!by || !sort) return rows;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return sign * order;
  });
}

/** Text out of the data, kept from changing the direction of what is around it. */
export function Text({ children }: { readonly children: string | number | null }) {
  return children === null ? <span class="muted">–</span> : <bdi>{children}</bdi>;
}
