// Columns of tables, and how their cells come out of what a statement is given. Must not know where the cells are kept.

/** How a column's cells are kept until they are written; `text` for every type that DuckDB reads from text itself. */
export type Encoding = "integer" | "micros" | "double" | "boolean" | "text";

export interface Column {
  /** As rows name it: in upper case. */
  readonly name: string;
  /** As the catalog names its type. */
  readonly type: string;
  readonly encoding: Encoding;
}

/** Whatever else a column is of, its cells are written as text and read by DuckDB. */
const ENCODINGS: Readonly<Record<string, Encoding>> = {
  BIGINT: "integer",
  TIMESTAMP: "micros",
  "TIMESTAMP WITH TIME ZONE": "micros",
  DOUBLE: "double",
  BOOLEAN: "boolean",
};

export function columnOf(name: string, type: string): Column {
  return { name: name.toUpperCase(), type, encoding: ENCODINGS[type] ?? "text" };
}

/** Half of a surrogate pair, escaped: JSON to JavaScript, and not to DuckDB. Takes an escaped backslash before for one, too. */
const HALF_A_PAIR =
  /\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]/;

/** Whether DuckDB would take the text for JSON: a long one it need not look at then, which takes it up to 30 times its size. */
export function isSurelyJson(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  return !HALF_A_PAIR.test(text);
}

/** The SQL of a cell that was written as text. */
export function readSql({ type }: Column, text: string): string {
  switch (type) {
    case "VARCHAR":
      return text;
    case "TIMESTAMP":
      return `make_timestamp(${text}::BIGINT)`;
    case "TIMESTAMP WITH TIME ZONE":
      return `make_timestamptz(${text}::BIGINT)`;
    default:
      return `${text}::${type}`;
  }
}
