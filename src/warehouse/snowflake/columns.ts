// What a column's cells look like in the JSON of a bind, and the SQL that reads them out of it, type by type.
// Must not know rows, statements or units.

import type { CatalogColumn } from "../sql/tables.ts";

/** How a column's cells are written. */
export type Encoding = "text" | "integer" | "number" | "boolean" | "timestamp" | "json";

export interface Column {
  /** As rows name it: in upper case. */
  readonly name: string;
  /** As SQL names it. */
  readonly type: string;
  readonly encoding: Encoding;
}

/** From the catalog's names: INFORMATION_SCHEMA.COLUMNS says TEXT, NUMBER and FLOAT whatever the script said. */
export function columnOf({ name, type, precision, scale }: CatalogColumn): Column {
  switch (type) {
    case "TEXT":
    case "VARCHAR":
      return { name, type: "VARCHAR", encoding: "text" };
    case "NUMBER":
      return { name, type: `NUMBER(${precision},${scale})`, encoding: scale === 0 ? "integer" : "number" };
    case "FLOAT":
    case "REAL":
    case "DOUBLE":
      return { name, type: "DOUBLE", encoding: "number" };
    case "BOOLEAN":
      return { name, type, encoding: "boolean" };
    case "TIMESTAMP_NTZ":
    case "TIMESTAMP_LTZ":
      return { name, type, encoding: "timestamp" };
    case "VARIANT":
    case "OBJECT":
    case "ARRAY":
      return { name, type, encoding: "json" };
    default:
      return { name, type, encoding: "text" };
  }
}

/** A cell as JSON; `null` for what is stored as NULL. VARIANT cells are JSON text, which goes in as a string or as it is. */
export function cellJson(cell: unknown, column: Column): string {
  switch (typeof cell) {
    case "string":
      return JSON.stringify(cell.toWellFormed());
    case "number":
      if (!Number.isFinite(cell)) return "null";
      return column.encoding === "timestamp" ? String(Math.round(cell * 1000)) : String(cell);
    case "boolean":
    case "bigint":
      return String(cell);
    case "undefined":
      return "null";
    default:
      if (cell === null) return "null";
      throw new TypeError(`Column "${column.name}" cannot hold an object or function: give VARIANT cells as JSON text`);
  }
}

/** The SQL that turns a cell in a bind (`value[3]`) into the column's type. `asIs`: JSON text that went in as JSON. */
export function cellSql(cell: string, column: Column, asIs: boolean): string {
  switch (column.encoding) {
    case "timestamp": {
      // Sessions are in UTC, so that the cast to TIMESTAMP_LTZ does not shift it.
      const utc = `TO_TIMESTAMP_NTZ(${cell}::NUMBER(38,0), 6)`;
      return column.type === "TIMESTAMP_NTZ" ? utc : `${utc}::${column.type}`;
    }
    case "json": {
      const json = asIs ? cell : `PARSE_JSON(${cell}::VARCHAR, 'd')`;
      return column.type === "VARIANT" && !asIs ? json : `${json}::${column.type}`;
    }
    default:
      return `${cell}::${column.type}`;
  }
}
