// Whether a statement only reads, decided on the tree that DuckDB's own parser makes of it: every node in it must be of a kind
// that reads, every function in it one of query_names.ts. Must not know who asks, nor how the statement is run.

import type { DuckDBConnection } from "@duckdb/node-api";
import { QueryRefusedError } from "../../errors.ts";
import { isOutOfMemory } from "./errors.ts";
import {
  FUNCTIONS,
  refusalOf,
  REFUSED_VIEWS,
  SHOWN,
  SYSTEM_PREFIX,
  SYSTEM_VIEWS,
  TABLE_FUNCTIONS,
} from "./query_names.ts";
import { firstWord, READING, withPivotValues } from "./query_statement.ts";

/** Bytes of a tree as JSON, about a hundred for each character of its statement: its objects take several times as many. */
const MAX_TREE_BYTES = 16_000_000;
/** Characters from which a statement is what takes the memory that is missing. */
const LONG = 50_000;
/** DuckDB serializes what is a SELECT in the end and nothing else; it parses the text and runs none of it. */
const PARSE = `SELECT CASE WHEN strlen(TREE) <= ${MAX_TREE_BYTES} THEN TREE END FROM (SELECT
  json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true, skip_default := true) AS TREE)`;

/** Kinds of expressions. */
const EXPRESSIONS: ReadonlySet<string> = new Set([
  "BETWEEN",
  "CASE",
  "CAST",
  "COLLATE",
  "COLUMN_REF",
  "COMPARISON",
  "CONJUNCTION",
  "CONSTANT",
  "FUNCTION",
  "LAMBDA",
  "OPERATOR",
  "PARAMETER",
  "POSITIONAL_REFERENCE",
  "STAR",
  "SUBQUERY",
  "WINDOW",
]);

/** Kinds of everything else: queries, what stands in FROM, modifiers, directions of ordering; types of casts end as below. */
const NODES: ReadonlySet<string> = new Set([
  "SELECT_NODE",
  "SET_OPERATION_NODE",
  "RECURSIVE_CTE_NODE",
  "CTE_NODE",
  "BASE_TABLE",
  "EMPTY",
  "EXPRESSION_LIST",
  "JOIN",
  "PIVOT",
  "SHOW_REF",
  "SUBQUERY",
  "TABLE_FUNCTION",
  "DISTINCT_MODIFIER",
  "LIMIT_MODIFIER",
  "LIMIT_PERCENT_MODIFIER",
  "ORDER_MODIFIER",
  "ASCENDING",
  "DESCENDING",
  "ORDER_DEFAULT",
]);
const TYPE_INFO = /_TYPE_INFO$/;

/**
 * Functions that make a value as large as an argument says, all in one go: DuckDB neither counts such values nor can be interrupted
 * while it makes some thousands of them.
 */
const SIZED: ReadonlySet<string> = new Set([
  ...["repeat", "lpad", "rpad", "range", "generate_series", "list_resize", "array_resize", "bitstring", "bar"],
]);
const MAX_SIZE = 100_000;

/** Texts whose trees have been looked at; the dashboard asks the same few again and again. */
const MAX_REMEMBERED = 200;
const MAX_REMEMBERED_LENGTH = 10_000;

/** A node of the tree. Whatever it says is looked at, whether its name is known here or not. */
type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;
const textOf = (value: unknown) => typeof value === "string" ? value : "";

/** What DuckDB's parser makes of the text. */
interface Parsed {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly statements?: readonly unknown[];
}

/** What a statement is, other than harmless. */
export interface Checked {
  /** Whether DuckDB makes a type for it first, of the values that PIVOT finds. */
  readonly makesType: boolean;
}

export class ReadingCheck {
  readonly #remembered = new Map<string, Checked>();

  /** Errors: `QueryRefusedError` when the statement may do anything but read; DuckDB's own when it cannot be parsed. */
  async check(body: string, connection: DuckDBConnection): Promise<Checked> {
    const known = this.#remembered.get(body);
    if (known) return known;
    const checked = await checkReading(body, connection);
    if (body.length <= MAX_REMEMBERED_LENGTH) {
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
      this.#remembered.set(body, checked);
    }
    return checked;
  }
}

async function checkReading(body: string, connection: DuckDBConnection): Promise<Checked> {
  const parsed = await parse(body, connection);
  if (!parsed.error) {
    checkTree(parsed);
    return { makesType: false };
  }
  // The client's own message shows where.
  if (parsed.error_type === "parser") await connection.extractStatements(body);
  const pivot = withPivotValues(body);
  const asOne = pivot === undefined ? undefined : await parse(pivot, connection);
  if (asOne === undefined || asOne.error) throw notReading(body);
  checkTree(asOne);
  return { makesType: true };
}

async function parse(text: string, connection: DuckDBConnection): Promise<Parsed> {
  let json: unknown;
  try {
    const rows = await (await connection.run(PARSE, [text])).getRows();
    json = rows[0]?.[0];
  } catch (error) {
    if (text.length < LONG || !isOutOfMemory(error)) throw error;
    json = null;
  }
  if (typeof json === "string") return parsedTree(json);
  // Not an error of memory to the caller: run again while nobody writes, it would come again.
  throw new QueryRefusedError(
    `The statement is too long to be checked, ${text.length} characters: ask for a range, or in parts, instead of by a list`,
  );
}

/** DuckDB writes numbers that JSON does not have as they are. Texts are passed over, whatever they hold. */
const NOT_IN_JSON = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:Infinity|NaN)\b/g;

function parsedTree(json: string): Parsed {
  try {
    return JSON.parse(json);
  } catch {
    return JSON.parse(json.replaceAll(NOT_IN_JSON, (found) => found.startsWith('"') ? found : "null"));
  }
}

function notReading(body: string): QueryRefusedError {
  const first = firstWord(body);
  if (first.startsWith("PIVOT")) {
    return new QueryRefusedError("What this PIVOT reads cannot be checked: write the values in PIVOT's IN (…) out");
  }
  return new QueryRefusedError(
    `Only statements that read are allowed (${READING}), and this one is not: it begins with "${first}"`,
  );
}

/** Looks at every node. With a list of its own and no recursion, as thousands of UNIONs are as many levels. */
function checkTree({ statements }: Parsed): void {
  if (statements?.length !== 1) {
    throw new QueryRefusedError(`Expected one statement, got ${statements?.length ?? 0}: send them one by one`);
  }
  const open: unknown[] = [...statements];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) { for (const item of next) open.push(item); }
    else if (isNode(next)) open.push(...checkNode(next));
  }
}

/** Checks one node; returns what is still to be looked at in it. */
function checkNode(node: Node): readonly unknown[] {
  const { type } = node;
  const kind = textOf(node.class) || textOf(type);
  if (kind !== "" && !(node.class === undefined ? NODES.has(kind) || TYPE_INFO.test(kind) : EXPRESSIONS.has(kind))) {
    throw new QueryRefusedError(`A query may not have this in it: ${kind}`);
  }
  if (node.export_state === true) throw new QueryRefusedError("A query may not have EXPORT_STATE in it");
  if (type === "BASE_TABLE") checkTable(node);
  if (type === "SHOW_REF") checkShown(node);
  if (type === "TABLE_FUNCTION" && isNode(node.function)) {
    const { function_name: name, ...rest } = node.function;
    checkFunction(textOf(name), TABLE_FUNCTIONS);
    return [
      ...Object.values(rest),
      ...Object.entries(node).flatMap(([key, value]) => key === "function" ? [] : [value]),
    ];
  }
  if (node.function_name !== undefined) {
    checkFunction(textOf(node.function_name), FUNCTIONS);
    checkSize(node);
  }
  return Object.values(node);
}

function checkFunction(name: string, allowed: ReadonlySet<string>): void {
  const known = name.toLowerCase();
  if (allowed.has(known)) return;
  const reason = refusalOf(known) ??
    (allowed === TABLE_FUNCTIONS
      ? "it is not on the list of those that only read tables"
      : "it is not on the list of those that only compute");
  throw new QueryRefusedError(`Function ${name} is not allowed in a query: ${reason}`);
}

/** Of sizes that are written out: who means harm may calculate one. */
function checkSize({ function_name: name, children }: Node): void {
  if (!SIZED.has(textOf(name).toLowerCase()) || !Array.isArray(children)) return;
  for (const child of children) {
    if (!isNode(child) || child.class !== "CONSTANT" || !isNode(child.value)) continue;
    if (typeof child.value.value !== "number" || child.value.value <= MAX_SIZE) continue;
    throw new QueryRefusedError(
      `Function ${name} makes values of up to ${MAX_SIZE} in a query, not of ${child.value.value}: ask for less, or FROM range(…)`,
    );
  }
}

function checkTable({ schema_name, table_name }: Node): void {
  const name = textOf(table_name).toLowerCase();
  if (SYSTEM_VIEWS.has(name) || textOf(schema_name).toLowerCase() === "information_schema") return;
  if (!SYSTEM_PREFIX.test(name)) return;
  const why = REFUSED_VIEWS.has(name) ? "it shows settings or logs" : "it is not on the list of system views";
  throw new QueryRefusedError(`View ${name} is not allowed in a query: ${why}`);
}

/** SHOW and DESCRIBE of a query or a table have it as a node of its own. */
function checkShown({ table_name }: Node): void {
  const name = textOf(table_name);
  if (name === "" || SHOWN.has(name.toLowerCase())) return;
  throw new QueryRefusedError(`SHOW ${name} is not allowed in a query: use SHOW TABLES, or DESCRIBE with a table`);
}
