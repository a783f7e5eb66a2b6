// The rows that a statement answered: sorted, filtered, some columns of them, copied as text, or drawn.
import { useMemo, useState } from "preact/hooks";
import type { Rows } from "../../../../../panels/answers.ts";
import { setParams, useAddress } from "../../address.ts";
import { countText, cutText, numberText } from "../../format.ts";
import { Card } from "../../parts/card.tsx";
import { ColumnMenu } from "../../parts/column_menu.tsx";
import { type Column, DataTable, type Sort } from "../../parts/data_table.tsx";
import { isNumeric, ValueButton } from "../../parts/value_cell.tsx";
import { canDraw, KINDS, ResultChart } from "./result_chart.tsx";
import { type Format, FORMATS, resultText } from "./result_text.ts";

/** Rows of a page of the table: more make a browser slow. */
const PAGE = 100;

interface ValueFilter {
  readonly column: number;
  readonly value: unknown;
  /** Rows with another value. */
  readonly isNot: boolean;
}

export interface ResultProps {
  readonly result: Rows;
  /** How long the warehouse took, milliseconds. */
  readonly tookMs: number;
}

/** To be given another key with another statement: what is chosen here is about one result. */
export function ResultCard({ result, tookMs }: ResultProps) {
  const { params } = useAddress();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [filters, setFilters] = useState<readonly ValueFilter[]>([]);
  const [sort, setSort] = useState<Sort>();
  const kind = canDraw(result) ? KINDS.find((one) => one === params.get("draw")) : undefined;
  const rows = useMemo(() => sorted(filtered(result.rows, filters), result, sort), [result, filters, sort]);
  const chosen = useMemo(() => chosenColumns({ ...result, rows }, hidden), [result, rows, hidden]);
  const drawn = useMemo(() => ({ columns: result.columns, rows }), [result, rows]);
  const add = (filter: ValueFilter) =>
    setFilters((before) => [...before.filter((one) => !isSame(one, filter)), filter]);
  return (
    <Card
      title="Result"
      note={noteOf(result, rows.length, tookMs)}
      tools={
        <>
          {canDraw(result) && <Views kind={kind} />}
          <ColumnMenu names={[...new Set(result.columns.map(({ name }) => name))]} hidden={hidden} onHide={setHidden} />
          <CopyButtons rows={chosen} />
        </>
      }
      width="full"
    >
      {filters.length > 0 && (
        <div class="filters" role="group" aria-label="Filters of the result">
          {filters.map((filter) => (
            <button
              key={wordsOf(filter, result)}
              type="button"
              class="chip"
              aria-label={`Filter ${wordsOf(filter, result)}: take away`}
              onClick={() => setFilters(filters.filter((one) => one !== filter))}
            >
              <bdi>{wordsOf(filter, result)}</bdi> <span aria-hidden="true">×</span>
            </button>
          ))}
        </div>
      )}
      {kind ? <ResultChart result={drawn} /> : (
        <ResultTable
          columns={result.columns}
          hidden={hidden}
          rows={rows}
          sort={sort}
          onSort={setSort}
          onFilter={add}
        />
      )}
    </Card>
  );
}

function Views({ kind }: { readonly kind: string | undefined }) {
  return (
    <span class="views" role="group" aria-label="The result as">
      <button type="button" aria-pressed={kind === undefined} onClick={() => setParams({ draw: undefined })}>
        Table
      </button>
      {KINDS.map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={kind === one}
          onClick={() => setParams({ draw: one })}
        >
          {one === "lines" ? "Lines" : "Bars"}
        </button>
      ))}
    </span>
  );
}

function noteOf({ rows, truncated }: Rows, shown: number, tookMs: number): string {
  const count = shown < rows.length
    ? `${numberText(shown)} of ${countText(rows.length, "rows")}`
    : countText(rows.length, "rows");
  const more = truncated ? ", and there are more: narrow the statement" : "";
  return `${count}${more} · ${numberText(Math.max(1, Math.round(tookMs)), "ms")} · times are UTC`;
}

function isSame(a: ValueFilter, b: ValueFilter): boolean {
  return a.column === b.column && a.value === b.value;
}

function wordsOf({ column, value, isNot }: ValueFilter, { columns }: Rows): string {
  const text = value === null || value === undefined ? "NULL" : cutText(String(value), 40);
  return `${columns[column]!.name} ${isNot ? "is not" : "is"} ${text}`;
}

function filtered(rows: Rows["rows"], filters: readonly ValueFilter[]): Rows["rows"] {
  return rows.filter((row) =>
    filters.every(({ column, value, isNot }) => ((row[column] ?? null) === (value ?? null)) !== isNot)
  );
}

function sorted(rows: Rows["rows"], { columns }: Rows, sort: Sort | undefined): Rows["rows"] {
  if (sort === undefined) return rows;
  const at = Number(sort.key);
  const isNumber = isNumeric(columns[at]?.type ?? "");
  const sign = sort.descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x = null, y = null] = [a[at], b[at]];
    // What is not there is last either way.
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return sign * (isNumber ? Number(x) - Number(y) : String(x) < String(y) ? -1 : String(x) > String(y) ? 1 : 0);
  });
}

function chosenColumns({ columns, rows }: Rows, hidden: ReadonlySet<string>): Pick<Rows, "columns" | "rows"> {
  const kept = columns.flatMap(({ name }, i) => hidden.has(name) ? [] : [i]);
  return { columns: kept.map((i) => columns[i]!), rows: rows.map((row) => kept.map((i) => row[i])) };
}

interface ResultTableProps {
  readonly columns: Rows["columns"];
  readonly hidden: ReadonlySet<string>;
  readonly rows: Rows["rows"];
  readonly sort: Sort | undefined;
  readonly onSort: (sort: Sort) => void;
  readonly onFilter: (filter: ValueFilter) => void;
}

function ResultTable({ columns, hidden, rows, sort, onSort, onFilter }: ResultTableProps) {
  const [page, setPage] = useState(0);
  const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
  const at = Math.min(page, last);
  const shown = useMemo(() => rows.slice(at * PAGE, (at + 1) * PAGE), [rows, at]);
  return (
    <>
      <DataTable
        label="Rows of the result"
        columns={columns.flatMap(({ name, type }, i) => hidden.has(name) ? [] : [columnOf(name, type, i, onFilter)])}
        rows={shown}
        keyOf={(row) => String(shown.indexOf(row))}
        sort={sort}
        onSort={onSort}
        empty={rows.length === 0 ? "No rows." : undefined}
        tall
      />
      {last > 0 && (
        <nav class="pager" aria-label="Pages of the result">
          <button type="button" disabled={at === 0} onClick={() => setPage(at - 1)}>Previous</button>
          <span>page {numberText(at + 1)} of {numberText(last + 1)}</span>
          <button type="button" disabled={at === last} onClick={() => setPage(at + 1)}>Next</button>
        </nav>
      )}
    </>
  );
}

function columnOf(
  name: string,
  type: string,
  i: number,
  onFilter: (filter: ValueFilter) => void,
): Column<readonly unknown[]> {
  return {
    key: String(i),
    title: name,
    unit: type,
    numeric: isNumeric(type),
    show: (row) => (
      <ValueButton
        column={name}
        value={row[i]}
        onOnly={() => onFilter({ column: i, value: row[i], isNot: false })}
        onNot={() => onFilter({ column: i, value: row[i], isNot: true })}
      />
    ),
    by: () => null,
  };
}

/** Copies the rows that are shown, in their order and with the columns that are chosen. */
function CopyButtons({ rows }: { readonly rows: Pick<Rows, "columns" | "rows"> }) {
  const [said, setSaid] = useState("");
  const copy = async (format: Format) => {
    try {
      await navigator.clipboard.writeText(resultText(rows, format));
      setSaid(`Copied ${countText(rows.rows.length, "rows")} as ${format}`);
    } catch {
      // Browsers let only pages over https, or of this machine, write there.
      setSaid("The browser does not let this page copy: open it over https, or as localhost");
    }
  };
  return (
    <span class="views" role="group" aria-label="Copy as">
      <span class="note" role="status">{said}</span>
      {FORMATS.map((format) => (
        <button
          key={format}
          type="button"
          aria-label={`Copy as ${format}`}
          onClick={() => copy(format)}
        >
          {format}
        </button>
      ))}
    </span>
  );
}
