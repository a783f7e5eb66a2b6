// The SQL that puts the rows of a bind into tables: every cell is cast, a VARIANT comes out of PARSE_JSON, which VALUES does
// not take. Every statement has the rows as its first bind and the transaction's number as its next. Must not know units.

import { list, quoted, type SourceRows } from "../sql/statements.ts";
import type { Layout } from "./binds.ts";
import type { Column } from "./columns.ts";

/**
 * The rows of a bind, and the number of the transaction that they are for: the driver may send a statement once more after
 * the transaction has ended, and by itself it would then be committed at once. `'d'`: of a key that a record has twice the
 * last one counts, as in JavaScript.
 */
const FROM_BIND = "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?, 'd'))) WHERE CURRENT_TRANSACTION() = ?";

const namesOf = (columns: readonly Column[]) => list(columns.map(({ name }) => name));

/** No operator of state has this name: a stream's operators are called after tables. */
export const MARKER_OPERATOR = "freshet/chunk";

/**
 * In FRESHET_STATE, a row without a value says that a chunk is in: it is no change of state, and compacting drops it. Where
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
    return `INSERT INTO ${quoted(table.name)} (${namesOf(columns)}) SELECT ${
      only.slots[0]!.map((slot) => layout.slots[slot]).join(", ")
    } ${FROM_BIND}`;
  }
  const conditional = layout.kind !== undefined || marked;
  const intos = used.map(({ part, kind }) => {
    const into = part.source.map(({ table, columns }, t) =>
      `INTO ${quoted(table.name)} (${namesOf(columns)}) VALUES (${part.slots[t]!.map((slot) => `C${slot}`).join(", ")})`
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

/** Whether a cell is stored as NULL. */
function isNull(cell: unknown): boolean {
  return cell === null || cell === undefined || (typeof cell === "number" && !Number.isFinite(cell));
}

/** The only target's rows as those of a statement. */
export function sourceRows(layout: Layout): SourceRows {
  const [part] = layout.parts;
  const { table, columns, cells } = part!.source[0]!;
  const select = columns.map(({ name }, i) => `${layout.slots[part!.slots[0]![i]!]} AS ${quoted(name)}`).join(", ");
  return {
    table: table.name,
    columns: columns.map(({ name }) => name),
    select: `SELECT ${select} ${FROM_BIND}`,
    holdsNulls: (name) => cells.column(name)?.some(isNull) ?? true,
  };
}
