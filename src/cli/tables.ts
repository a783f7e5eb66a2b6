// `tables`: which tables and views the domains have, what is in them, and how many rows; of one its columns. What they mean is
// read from the comments of their SQL.
import type { Domain } from "../domains/domain.ts";
import { scriptsOf } from "../parts.ts";
import { closest } from "../suggest.ts";
import { duckDbDialect, normalizeStatement, splitStatements } from "../warehouse/sql/scripts.ts";
import { type Context, UsageError, type Verb } from "./context.ts";
import { JSON_ARRAY, jsonText } from "./json.ts";
import { isNotThereYet } from "./not_there_yet.ts";
import { textTable, widthOf, wrapped } from "./rows.ts";
import { openQueryTarget, type QueryTarget } from "./warehouse_access.ts";

const QUERY_MS = 60_000;
const MADE = /^CREATE (?:OR REPLACE )?(TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)/i;
const COMMENT = /^COMMENT ON (?:TABLE|VIEW|COLUMN) (\w+(?:\.\w+)?) IS '((?:[^']|'')*)'/i;

/** A table or view of a domain, as its SQL says. */
export interface KnownTable {
  readonly name: string;
  readonly kind: "table" | "view";
  /** `null` for Freshet's own. */
  readonly domain: string | null;
  readonly meaning: string;
}

interface Known {
  readonly tables: readonly KnownTable[];
  /** Meanings by `TABLE.COLUMN`. */
  readonly columns: ReadonlyMap<string, string>;
}

export const addTables: Verb = (program, context) => {
  program.command("tables")
    .summary("list tables and views, or the columns of one")
    .description(
      "Lists the tables and views of the domains: what they hold, and how many rows. With a name its columns: their types, and " +
        "what they mean. Works while `run` is up, too.",
    )
    .argument("[name]", "one of them")
    .option(...JSON_ARRAY)
    .action((name: string | undefined, flags: { readonly json?: boolean }) => tables(context, name, flags));
};

async function tables(context: Context, name: string | undefined, { json }: { readonly json?: boolean }) {
  const { stdout } = context.host;
  const known = knownTables(context.domains());
  const one = name === undefined ? undefined : tableNamed(name, known);
  await using target = await openQueryTarget(context);
  if (one) {
    const columns = await columnsOf(target, one, known);
    stdout.write(json ? jsonText(columns) : meaningOf(context, one) + tableText(context, columns));
  } else {
    const rows = [];
    for (const table of known.tables) {
      const { name, domain, kind, meaning } = table;
      rows.push({ name, domain, kind, rows: await rowsIn(target, table), meaning });
    }
    stdout.write(json ? jsonText(rows) : tableText(context, rows));
  }
}

/** All that the SQL of the domains makes, Freshet's own last. */
export function knownTables(domains: readonly Domain[]): Known {
  const [own, ...scripts] = scriptsOf(domains);
  const found: Omit<KnownTable, "meaning">[] = [];
  const meanings = new Map<string, string>();
  for (const { name: script, text } of [...scripts, own!]) {
    for (const statement of splitStatements(text, duckDbDialect)) {
      const plain = normalizeStatement(statement, duckDbDialect);
      const [, what, name] = MADE.exec(plain) ?? [];
      const domain = script === own!.name ? null : script;
      if (name && !found.some((table) => table.name === name)) {
        found.push({ name, domain, kind: what!.toUpperCase() === "VIEW" ? "view" : "table" });
      }
      const [, of, meaning] = COMMENT.exec(plain) ?? [];
      if (of) meanings.set(of, meaning!.replaceAll("''", "'"));
    }
  }
  return { tables: found.map((table) => ({ ...table, meaning: meanings.get(table.name) ?? "" })), columns: meanings };
}

function tableNamed(name: string, { tables }: Known): KnownTable {
  const upper = name.toUpperCase();
  const found = tables.find((table) => table.name === upper);
  if (found) return found;
  const near = closest(upper, tables.map((table) => table.name));
  throw new UsageError(
    `There is no table "${name}"${near ? `, did you mean "${near}"?` : `: "freshet tables" lists them`}`,
  );
}

/** `null` for one that is not there yet. */
async function rowsIn(target: QueryTarget, { name }: KnownTable): Promise<number | null> {
  try {
    const { rows } = await target.query(`SELECT COUNT(*) FROM ${name}`, { maxRows: 1, timeoutMs: QUERY_MS });
    return Number(rows[0]![0]);
  } catch (error) {
    if (isNotThereYet(error)) return null;
    throw error;
  }
}

async function columnsOf(target: QueryTarget, { name }: KnownTable, { columns: meanings }: Known) {
  const { columns } = await target.query(`SELECT * FROM ${name} LIMIT 0`, { maxRows: 1, timeoutMs: QUERY_MS });
  return columns.map((column) => ({
    name: column.name,
    type: column.type,
    meaning: meanings.get(`${name}.${column.name}`) ?? "",
  }));
}

/** What the table holds, in lines above its columns. */
const meaningOf = ({ host: { stdout } }: Context, { name, meaning }: KnownTable): string =>
  wrapped(`${name}: ${meaning}`, widthOf(stdout)).map((line) => `${line}\n`).join("") + "\n";

/** Without the meanings where there are none. */
function tableText(context: Context, rows: readonly Readonly<Record<string, unknown>>[]): string {
  const names = Object.keys(rows[0] ?? { name: "" }).filter((name) => rows.some((row) => row[name] !== ""));
  const cells = rows.map((row) => names.map((name) => cellOf(row[name])));
  const right = names.map((name) => name === "rows");
  return textTable(names.map((name) => name.toUpperCase()), cells, { right, width: widthOf(context.host.stdout) });
}

const cellOf = (value: unknown) =>
  value === null ? "-" : typeof value === "number" ? value.toLocaleString("en") : String(value);
