// Looking into the tables as they are: filters, pages, a row as JSON, and the same as CSV. All of it lies in the address.
import { useMemo, useState } from "preact/hooks";
import type { About, TablePage } from "../../protocol.ts";
import { setParams, useAddress } from "../address.ts";
import { useAnswer } from "../asking.ts";
import { domainPages } from "../domain_pages.ts";
import { cutText, numberText } from "../format.ts";
import type { DomainPage } from "../mod.ts";
import { Card, Empty, Waiting } from "../parts/card.tsx";
import { ColumnMenu } from "../parts/column_menu.tsx";
import { type Column, DataTable } from "../parts/data_table.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Link } from "../parts/link.tsx";
import { isNumeric, ValueButton, ValueCell } from "../parts/value_cell.tsx";
import { remember, remembered } from "../remembered.ts";
import { ExploreTabs } from "./explore_tabs.tsx";

const OPERATORS = [
  ["is", "is"],
  ["not", "is not"],
  ["contains", "contains"],
  ["from", "from"],
  ["to", "up to"],
  ["null", "is empty"],
  ["notnull", "is not empty"],
] as const;
const SIZES = [25, 50, 100, 200];
/** Characters of a value that rows are filtered by with a click. */
const MAX_FILTER_VALUE = 200;

export function ExplorePage({ about }: { readonly about: About }) {
  const { params } = useAddress();
  const table = params.get("table") ?? about.tables[0]?.name;
  const query = new URLSearchParams();
  for (const name of ["where", "sort", "page", "size"]) {
    for (const value of params.getAll(name)) query.append(name, value);
  }
  const asked = useAnswer<TablePage>(
    table === undefined ? undefined : `/api/tables/${encodeURIComponent(table)}`,
    query,
  );
  // The row itself: the next answer may have another one in its place.
  const [open, setOpen] = useState<{ readonly data: TablePage; readonly row: readonly unknown[] }>();
  const data = asked.answer?.data.table === table ? asked.answer?.data : undefined;
  const [hidden, setHidden] = useHiddenColumns(table ?? "");
  const where = params.getAll("where");
  const filter = (condition: string) =>
    setParams({ where: [...where.filter((one) => one !== condition), condition], page: undefined });
  return (
    <>
      <ExploreTabs chosen="/explore" />
      <div class="filters" role="group" aria-label="Table">
        <label class="field">
          <span>Table</span>
          <select
            value={table}
            onChange={(event) =>
              setParams({ table: event.currentTarget.value, where: [], sort: undefined, page: undefined })}
          >
            {[...Map.groupBy(about.tables, ({ domain }) => domain)].map(([domain, tables]) => (
              <optgroup key={domain} label={domain}>
                {tables.map(({ name }) => <option key={name} value={name}>{name}</option>)}
              </optgroup>
            ))}
          </select>
        </label>
        <label class="field">
          <span>Rows a page</span>
          <select
            value={params.get("size") ?? "50"}
            onChange={(event) => setParams({ size: event.currentTarget.value, page: undefined })}
          >
            {SIZES.map((size) => <option key={size} value={String(size)}>{size}</option>)}
          </select>
        </label>
        {table !== undefined && (
          <a class="button" href={`/api/tables/${encodeURIComponent(table)}/csv?${query}`} download={`${table}.csv`}>
            CSV
          </a>
        )}
      </div>
      <Conditions columns={data?.columns ?? []} where={where} />
      <Card
        title={table ?? "Tables"}
        note={data && noteOf(data)}
        tools={<ColumnMenu names={data?.columns.map(({ name }) => name) ?? []} hidden={hidden} onHide={setHidden} />}
        asked={asked}
      >
        {table === undefined
          ? <Empty>There are no tables: no domain runs.</Empty>
          : !data
          ? <Waiting height={600} />
          : (
            <>
              <DataTable
                label={`Rows of ${table}`}
                columns={columnsOf(data, {
                  hidden,
                  filter,
                  open: (row) => setOpen({ data, row }),
                  pathOf: domainPages.get(about.tables.find(({ name }) => name === table)?.domain ?? "")?.pathOf,
                })}
                rows={data.rows.map((row, index) => ({ row, index }))}
                keyOf={({ index }) => String(index)}
                sort={data.sort ? { key: data.sort.column, descending: data.sort.descending } : undefined}
                onSort={({ key, descending }) =>
                  setParams({ sort: `${key}:${descending ? "desc" : "asc"}`, page: undefined })}
                empty={params.has("where") ? "No rows match: take a filter away." : "The table is empty so far."}
              />
              <Pager data={data} />
            </>
          )}
      </Card>
      {open && (
        <Dialog title={`A row of ${open.data.table}`} onClose={() => setOpen(undefined)}>
          <pre class="wrap" tabIndex={0} aria-label="The row as JSON">{rowJson(open.data, open.row)}</pre>
          {open.row.some((cell) => isCut(cell, open.data)) && (
            <p class="note">A text is cut at {numberText(open.data.cell_limit)} characters; CSV has more of it.</p>
          )}
        </Dialog>
      )}
    </>
  );
}

function noteOf({ rows, page, size, truncated, sort }: TablePage): string {
  const first = (page - 1) * size;
  const range = rows.length === 0
    ? "no rows"
    : `rows ${numberText(first + 1)} to ${numberText(first + rows.length)}${truncated ? " of more" : ""}`;
  return `${range}${
    sort
      ? `, by ${sort.column}${sort.descending ? ", greatest first" : ""}`
      : ", newest first where the warehouse knows"
  } · times are UTC`;
}

interface Indexed {
  readonly row: readonly unknown[];
  readonly index: number;
}

/** Columns of a table that are not shown, as this browser remembers them. */
function useHiddenColumns(table: string): [ReadonlySet<string>, (hidden: ReadonlySet<string>) => void] {
  const name = `hidden.${table}`;
  const [changed, setChanged] = useState(0);
  const hidden = useMemo(() => new Set(remembered<readonly string[]>(name) ?? []), [name, changed]);
  return [hidden, (next) => {
    remember(name, [...next]);
    setChanged(changed + 1);
  }];
}

interface RowActions {
  readonly hidden: ReadonlySet<string>;
  /** Adds a condition: `COLUMN:operator:value`. */
  readonly filter: (condition: string) => void;
  readonly open: (row: readonly unknown[]) => void;
  readonly pathOf: DomainPage["pathOf"];
}

function columnsOf(
  data: TablePage,
  { hidden, filter, open, pathOf = {} }: RowActions,
): readonly Column<Indexed>[] {
  const cells = data.columns.map(({ name, type }, i): Column<Indexed> => ({
    key: name,
    title: name,
    unit: type,
    numeric: isNumeric(type),
    show: ({ row }) => {
      const path = typeof row[i] === "string" || typeof row[i] === "number" ? pathOf[name]?.(row[i]) : undefined;
      if (path !== undefined) {
        return (
          <Link to={path}>
            <ValueCell value={row[i]} />
          </Link>
        );
      }
      return canBeFiltered(row[i], type)
        ? (
          <ValueButton
            column={name}
            value={row[i]}
            onOnly={() => filter(conditionOf(name, row[i], "is"))}
            onNot={() => filter(conditionOf(name, row[i], "not"))}
          />
        )
        : <ValueCell value={row[i]} />;
    },
    by: () => null,
  }));
  const json: Column<Indexed> = {
    key: " row",
    title: "Row",
    show: ({ row, index }) => (
      <button
        type="button"
        class="link"
        aria-label={`Row ${index + 1} as JSON`}
        onClick={() => open(row)}
      >
        {"{ }"}
      </button>
    ),
  };
  return [json, ...cells.filter(({ key }) => !hidden.has(key))];
}

/** Long texts are no values that rows share, and JSON cannot be compared. */
function canBeFiltered(value: unknown, type: string): boolean {
  return !isJson(type) && (typeof value !== "string" || value.length <= MAX_FILTER_VALUE);
}

function conditionOf(name: string, value: unknown, operator: "is" | "not"): string {
  if (value === null || value === undefined) return `${name}:${operator === "is" ? "null" : "notnull"}`;
  return `${name}:${operator}:${value}`;
}

function isJson(type: string): boolean {
  return /^(VARIANT|OBJECT|ARRAY)$/.test(type);
}

function isCut(cell: unknown, { cell_limit }: TablePage): boolean {
  return typeof cell === "string" && cell.length >= cell_limit;
}

/** JSON cells are parsed, so that they are indented with the row. */
function rowJson({ columns }: TablePage, row: readonly unknown[]): string {
  const parsed = (value: unknown, type: string) => {
    if (typeof value !== "string" || !isJson(type)) return value;
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  };
  return JSON.stringify(Object.fromEntries(columns.map(({ name, type }, i) => [name, parsed(row[i], type)])), null, 2);
}

function Pager({ data: { page, truncated, last_page } }: { readonly data: TablePage }) {
  const go = (to: number) => setParams({ page: to === 1 ? undefined : String(to) });
  return (
    <nav class="pager" aria-label="Pages of the table">
      <button type="button" disabled={page === 1} onClick={() => go(1)}>First</button>
      <button type="button" disabled={page === 1} onClick={() => go(page - 1)}>Previous</button>
      <span>page {numberText(page)}</span>
      <button type="button" disabled={!truncated || page >= last_page} onClick={() => go(page + 1)}>Next</button>
      {truncated && page >= last_page && <span class="muted">Further rows only with filters.</span>}
    </nav>
  );
}

interface ConditionsProps {
  readonly columns: TablePage["columns"];
  readonly where: readonly string[];
}

function Conditions({ columns, where }: ConditionsProps) {
  const [column, setColumn] = useState("");
  const [operator, setOperator] = useState("is");
  const [value, setValue] = useState("");
  const chosen = columns.find(({ name }) => name === column)?.name ?? columns[0]?.name ?? "";
  const needsValue = operator !== "null" && operator !== "notnull";
  const add = (event: Event) => {
    event.preventDefault();
    if (chosen === "") return;
    setParams({
      where: [...where, needsValue ? `${chosen}:${operator}:${value}` : `${chosen}:${operator}`],
      page: undefined,
    });
    setValue("");
  };
  return (
    <form class="filters" onSubmit={add} aria-label="Filter rows">
      <label class="field">
        <span>Column</span>
        <select value={chosen} onChange={(event) => setColumn(event.currentTarget.value)}>
          {columns.map(({ name }) => <option key={name} value={name}>{name}</option>)}
        </select>
      </label>
      <label class="field">
        <span>Condition</span>
        <select value={operator} onChange={(event) => setOperator(event.currentTarget.value)}>
          {OPERATORS.map(([name, text]) => <option key={name} value={name}>{text}</option>)}
        </select>
      </label>
      {needsValue && (
        <label class="field">
          <span>Value</span>
          <input type="text" value={value} onInput={(event) => setValue(event.currentTarget.value)} />
        </label>
      )}
      <button type="submit">Add filter</button>
      {where.map((one) => (
        <button
          key={one}
          type="button"
          class="chip"
          aria-label={`Filter ${cutText(wordsOfCondition(one), 60)}: take away`}
          onClick={() => setParams({ where: where.filter((other) => other !== one), page: undefined })}
        >
          <bdi>{cutText(wordsOfCondition(one), 40)}</bdi> <span aria-hidden="true">×</span>
        </button>
      ))}
    </form>
  );
}

function wordsOfCondition(text: string): string {
  const [, column = text, operator = "", value = ""] = /^([^:]+):([a-z]+)(?::(.*))?$/s.exec(text) ?? [];
  const words = OPERATORS.find(([name]) => name === operator)?.[1] ?? operator;
  return `${column} ${words} ${value}`.trim();
}
