// The SQL that puts the rows of a bind into tables: every cell is cast, a VARIANT comes out of PARSE_JSON, which VALUES does
// not take. Every statement has the rows as its first bind and the transaction's number as its next. Must not know units.

import type { Layout } from "./binds.ts";
import type { Column } from "./columns.ts";
import { quoted } from "./tables.ts";

/**
 * The rows of a bind, and the number of the transaction that they are for: the driver may send a statement once more after
 * the transaction has ended, and by itself it would then be committed at once. `'d'`: of a key that a record has twice the
 * last one counts, as in JavaScript.
 */
const FROM_BIND = "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?, 'd'))) WHERE CURRENT_TRANSACTION() = ?";

function list(columns: readonly Column[], of: (name: string) => string = (name) => name): string {
  return columns.map(({ name }) => of(quoted(name))).join(", ");
}

/**
 * In FRESHET_STATE, a row without a value says that a chunk is in: state is not read from it, and compacting drops it. Where
 * the driver sends a statement twice, which it does when an answer is lost, the second one finds it and inserts nothing.
 */
export const MARKER = {
  columns: ["DOMAIN", "TOPIC", "KAFKA_PARTITION", "CHECKPOINT_ID", "OPERATOR", "NAMESPACE"],
  select: "? AS M0, ? AS M1, ? AS M2, ? AS M3, ? AS M4, ? AS M5, '' AS M6",
  into: "INTO FRESHET_STATE (DOMAIN, TOPIC, KAFKA_PARTITION, CHECKPOINT_ID, OPERATOR, NAMESPACE, STATE_KEY) " +
    "VALUES (M0, M1, M2, M3, M4, M5, M6)",
  unless: "AND NOT EXISTS (SELECT 1 FROM FRESHET_STATE WHERE DOMAIN = ? AND TOPIC = ? AND KAFKA_PARTITION = ? " +
    "AND CHECKPOINT_ID = ? AND OPERATOR = ? AND NAMESPACE = ?)",
} as const;

/** Inserts a chunk's rows. `rows`: how many of each source. `marked`: with a {@link MARKER}, its binds before and after the others. */
export function insertSql(layout: Layout, rows: readonly number[], marked: boolean): string {
  const used = layout.parts.map((part, kind) => ({ part, kind })).filter(({ kind }) => rows[kind]! > 0);
  const [{ part: only }] = used as [typeof used[number]];
  if (layout.kind === undefined && only.source.length === 1 && !marked) {
    const { table, columns } = only.source[0]!;
    return `INSERT INTO ${quoted(table.name)} (${list(columns)}) SELECT ${
      only.slots[0]!.map((slot) => layout.slots[slot]).join(", ")
    } ${FROM_BIND}`;
  }
  const conditional = layout.kind !== undefined || marked;
  const intos = used.map(({ part, kind }) => {
    const into = part.source.map(({ table, columns }, t) =>
      `INTO ${quoted(table.name)} (${list(columns)}) VALUES (${part.slots[t]!.map((slot) => `C${slot}`).join(", ")})`
    ).join(" ");
    if (!conditional) return into;
    return `WHEN ${layout.kind === undefined ? "ROW_INDEX >= 0" : `KIND = ${kind}`} THEN ${into}`;
  });
  const slots = [...new Set(used.flatMap(({ part }) => part.slots.flat()))].sort((a, b) => a - b);
  const cells = slots.map((slot) => `${layout.slots[slot]} AS C${slot}`);
  if (layout.kind !== undefined) cells.push(`${layout.kind} AS KIND`);
  if (marked) {
    intos.push(`WHEN ROW_INDEX = 0 THEN ${MARKER.into}`);
    cells.push("index AS ROW_INDEX", MARKER.select);
  }
  return `INSERT ALL ${intos.join(" ")} SELECT ${cells.join(", ")} ${FROM_BIND}${marked ? ` ${MARKER.unless}` : ""}`;
}

/** `SELECT` of the only target's cells under their columns' names. */
function sourceSql(layout: Layout): string {
  const [part] = layout.parts;
  const cells = part!.source[0]!.columns.map(({ name }, i) =>
    `${layout.slots[part!.slots[0]![i]!]} AS ${quoted(name)}`
  );
  return `SELECT ${cells.join(", ")} ${FROM_BIND}`;
}

/** Whether a cell is stored as NULL. */
function isNull(cell: unknown): boolean {
  return cell === null || cell === undefined || (typeof cell === "number" && !Number.isFinite(cell));
}

/** Plain equality where the new rows' keys hold no NULL: Snowflake prunes and joins by that best. */
function keyMatch(layout: Layout, target: string, keyColumns: readonly string[]): string {
  const { cells } = layout.parts[0]!.source[0]!;
  return keyColumns.map((name) => {
    const holdsNulls = cells.column(name)?.some(isNull) ?? true;
    const [t, s] = [`${target}.${quoted(name)}`, `S.${quoted(name)}`];
    return holdsNulls ? `EQUAL_NULL(${t}, ${s})` : `${t} = ${s}`;
  }).join(" AND ");
}

/** Whether the new row's guard is not smaller than the old one's, column by column; NULL is smaller than any value. */
function guardSql(columns: readonly string[]): string {
  const [name, ...rest] = columns;
  if (name === undefined) return "TRUE";
  const [s, t] = [`S.${quoted(name)}`, `T.${quoted(name)}`];
  const greater = `${s} > ${t} OR (${t} IS NULL AND ${s} IS NOT NULL)`;
  return `(${greater} OR (EQUAL_NULL(${s}, ${t}) AND ${guardSql(rest)}))`;
}

/** How an upsert finds the row to update. */
export interface TableKey {
  readonly keyColumns: readonly string[];
  readonly guardColumns?: readonly string[];
}

/** Inserts or updates the rows of a layout of one table. */
export function mergeSql(layout: Layout, { keyColumns, guardColumns = [] }: TableKey): string {
  const { table, columns } = layout.parts[0]!.source[0]!;
  const sets = columns.filter(({ name }) => !keyColumns.includes(name)).map(({ name }) => quoted(name));
  const guard = guardColumns.length > 0 ? ` AND ${guardSql(guardColumns)}` : "";
  const update = `WHEN MATCHED${guard} THEN UPDATE SET ${sets.map((name) => `${name} = S.${name}`).join(", ")} `;
  return `MERGE INTO ${quoted(table.name)} T USING (${sourceSql(layout)}) S ON ${keyMatch(layout, "T", keyColumns)} ` +
    `${sets.length > 0 ? update : ""}WHEN NOT MATCHED THEN INSERT (${list(columns)}) ` +
    `VALUES (${list(columns, (name) => `S.${name}`)})`;
}

/** Deletes the rows of a layout of one table, which holds only keys. */
export function deleteSql(layout: Layout, keyColumns: readonly string[]): string {
  const { table } = layout.parts[0]!.source[0]!;
  const name = quoted(table.name);
  return `DELETE FROM ${name} USING (${sourceSql(layout)}) S WHERE ${keyMatch(layout, name, keyColumns)}`;
}
