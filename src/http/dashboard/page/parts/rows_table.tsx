// A table of an answer's rows, each column by its name in the answer.
import type { ComponentChildren } from "preact";
import { useContext, useMemo } from "preact/hooks";
import type { Rows } from "../../../../panels/answers.ts";
import { cutText, durationText, LOCALE, momentOf, numberText, timeText, type Zone, zoneText } from "../format.ts";
import { LookContext } from "../look.ts";
import { type Column, DataTable, type Sort, Text } from "./data_table.tsx";
import { Link } from "./link.tsx";

export interface RowColumn {
  /** As the answer calls it. */
  readonly name: string;
  readonly title: string;
  readonly unit?: string;
  readonly kind: "text" | "number" | "money" | "time" | "hour" | "seconds" | "final" | "state";
  /** Shows the value otherwise than its kind would. */
  readonly show?: (value: unknown, row: Readonly<Record<string, unknown>>) => ComponentChildren;
  /** Path of the page about the value. */
  readonly to?: (value: unknown, row: Readonly<Record<string, unknown>>) => string;
}

type Row = Readonly<Record<string, unknown>>;

export interface RowsTableProps {
  readonly label: string;
  readonly rows: Rows;
  readonly columns: readonly RowColumn[];
  /** Columns that tell the rows apart. */
  readonly keys: readonly string[];
  readonly sort?: Sort;
  readonly find?: string;
  readonly empty: string;
  readonly tall?: boolean;
}

const CUT = 80;

export function RowsTable({ label, rows, columns, keys, sort, find = "", empty, tall }: RowsTableProps) {
  const { zone } = useContext(LookContext);
  const all = useMemo(() => objectsOf(rows), [rows]);
  const wanted = find.trim().toLowerCase();
  const shown = wanted === ""
    ? all
    : all.filter((row) => columns.some(({ name }) => String(row[name] ?? "").toLowerCase().includes(wanted)));
  return (
    <DataTable
      label={label}
      columns={columns.map((column) => columnOf(column, zone))}
      rows={shown}
      keyOf={(row) => keys.map((name) => String(row[name])).join(" ")}
      sort={sort}
      empty={all.length > 0 ? `Nothing matches "${cutText(find, 40)}".` : empty}
      tall={tall}
    />
  );
}

/** Rows by column name. */
export function objectsOf({ columns, rows }: Rows): readonly Row[] {
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])));
}

function columnOf({ name, title, unit, kind, show, to }: RowColumn, zone: Zone): Column<Row> {
  const numeric = kind === "number" || kind === "money" || kind === "seconds";
  return {
    key: name,
    title,
    unit: unit ?? (kind === "time" || kind === "hour" ? zoneText(zone) : kind === "money" ? "EUR" : undefined),
    numeric,
    show: (row) => {
      const cell = show ? show(row[name], row) : cellOf(row[name], kind, zone);
      return to === undefined || row[name] === null ? cell : <Link to={to(row[name], row)}>{cell}</Link>;
    },
    by: (row) => {
      const value = row[name];
      return value === null || value === undefined
        ? null
        : numeric || kind === "final" || kind === "state"
        ? Number(value)
        : String(value);
    },
  };
}

function cellOf(value: unknown, kind: RowColumn["kind"], zone: Zone): ComponentChildren {
  if (value === null || value === undefined) return <span class="muted">–</span>;
  switch (kind) {
    case "number":
      return numberText(Number(value));
    case "money":
      return moneyText(Number(value));
    case "seconds":
      return durationText(Number(value) * 1000);
    case "time":
      return <time>{timeText(momentOf(String(value)), zone)}</time>;
    case "hour":
      return <time>{timeText(momentOf(String(value)), zone).slice(0, 16)}</time>;
    case "final":
      return value === true ? <span class="tag tag-ok">✓ final</span> : <span class="tag">◷ open</span>;
    case "text":
    case "state":
      return <Text>{cutText(String(value), CUT)}</Text>;
  }
}

const cents = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function moneyText(value: number): string {
  return cents.format(value);
}
