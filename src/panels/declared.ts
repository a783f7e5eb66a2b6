// The tables that a domain declares by its outputs, as somebody looks at them: the merged view instead of its parts, and which
// columns tell rows apart.
import type { Output } from "@freshet/stream";
import { type Domain, outputsOf } from "../domains/domain.ts";
import { tableKeyOf } from "../engine/rows.ts";

/** A table, or the view that merges what the partitions have in it. */
export interface DeclaredTable {
  readonly name: string;
  readonly kind: Output<unknown>["kind"];
  /** What its rows are about. */
  readonly keys: readonly string[];
  /** Columns that tell its rows apart. */
  readonly rowKeys: readonly string[];
  /** Columns by which the newest rows come first. */
  readonly newest: readonly string[];
  /** Of tables with a row for each key and window; sessions have no lengths of their own. Milliseconds. */
  readonly windows?: { readonly everyMs?: number; readonly sizeMs?: number };
}

/** The tables of a domain's outputs, each once. */
export function declaredTables(domain: Domain): readonly DeclaredTable[] {
  const views = new Set([...domain.sql.matchAll(/^CREATE OR REPLACE VIEW (\w+)/gm)].map(([, name]) => name!));
  const tables = new Map<string, DeclaredTable>();
  for (const output of outputsOf(domain)) {
    const view = output.name.replace(/_PARTS$/, "");
    const table = declared(output, views.has(view) ? view : undefined);
    if (!tables.has(table.name)) tables.set(table.name, table);
  }
  return [...tables.values()];
}

function declared(output: Output<unknown>, view: string | undefined): DeclaredTable {
  const { kind } = output;
  const name = view ?? output.name;
  const key = tableKeyOf(output);
  if (key === null) {
    return {
      name,
      kind,
      keys: [],
      rowKeys: ["KAFKA_PARTITION", "KAFKA_OFFSET"],
      newest: ["KAFKA_OFFSET", "KAFKA_PARTITION"],
    };
  }
  const keys = output.kind === "append" ? [] : output.keyNames;
  // A merged row is of all partitions.
  const rowKeys = key.keyColumns.filter((column) => view === undefined || column !== "KAFKA_PARTITION");
  const newest = (first: readonly string[]) => [...first, ...rowKeys.filter((column) => !first.includes(column))];
  const table = { name, kind, keys, rowKeys };
  switch (output.kind) {
    case "windows":
      return {
        ...table,
        newest: newest(["WINDOW_START"]),
        windows: { everyMs: output.everyMs, sizeMs: output.sizeMs },
      };
    case "sessions":
      return { ...table, newest: newest(["WINDOW_START"]), windows: {} };
    case "episodes":
      return { ...table, newest: newest(["LAST_SEEN_AT"]) };
    default:
      return { ...table, newest: newest(key.guardColumns ?? ["UPDATED_AT"]) };
  }
}
