// The text of a query: that it is one statement, and what stands behind its EXPLAIN. What that does is decided by
// query_check.ts, on what DuckDB's own parser makes of it.

import { QueryRefusedError } from "../../errors.ts";
import { duckDbDialect, splitStatements, type Token, tokens } from "../sql/scripts.ts";

/** For messages. */
export const READING = "SELECT, WITH, VALUES, FROM, TABLE, PIVOT, UNPIVOT, DESCRIBE, SHOW, SUMMARIZE, " +
  "and EXPLAIN or EXPLAIN ANALYZE of those";

/** Statements that can stand in brackets; the others answer with few rows. */
const LIMITED = new Set(["SELECT", "WITH", "VALUES", "FROM", "TABLE", "PIVOT", "PIVOT_WIDER", "UNPIVOT"]);
/** What EXPLAIN may be asked for in brackets. */
const EXPLAIN_OPTIONS = new Set([
  "ANALYZE",
  "ANALYSE",
  "FORMAT",
  "TEXT",
  "JSON",
  "HTML",
  "GRAPHVIZ",
  "YAML",
  "MERMAID",
]);
/** What ends the columns that PIVOT makes. */
const PIVOT_ENDS = new Set(["USING", "GROUP", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT"]);

/** One statement: what is explained, if anything, and how. */
export interface Statement {
  /** `EXPLAIN …` written anew, or nothing. */
  readonly explain: string;
  /** The statement, or the one that is explained. */
  readonly body: string;
}

const isSubstance = ({ kind }: Token) => kind !== "space" && kind !== "comment";
const upper = (token: Token | undefined) => token?.kind === "word" ? token.text.toUpperCase() : token?.text;

/**
 * The one statement in the text. Errors: `QueryRefusedError` when there are more or none, or it has what DuckDB's client
 * and its parser may read differently.
 */
export function readStatement(sql: string): Statement {
  // The client ends the text here, the parser might not.
  if (sql.includes("\0")) throw new QueryRefusedError("The query has a NUL character: write chr(0) in its place");
  const statements = splitStatements(sql, duckDbDialect);
  const [statement] = statements;
  if (statement === undefined || statements.length > 1) {
    throw new QueryRefusedError(`Expected one statement, got ${statements.length}: send them one by one`);
  }
  return withoutExplain(statement);
}

/** EXPLAIN runs whatever stands behind it with ANALYZE: it is taken off, and comes back in words of ours. */
function withoutExplain(statement: string): Statement {
  const all = [...tokens(statement, duckDbDialect)];
  const at = all.flatMap((token, i) => isSubstance(token) ? [i] : []);
  const word = (n: number) => at[n] === undefined ? undefined : upper(all[at[n]]);
  const from = (n: number) => all.slice(at[n] ?? all.length).map(({ text }) => text).join("");
  if (word(0) !== "EXPLAIN") return { explain: "", body: statement };
  if (word(1) === "ANALYZE" || word(1) === "ANALYSE") return { explain: "EXPLAIN ANALYZE ", body: from(2) };
  if (word(1) !== "(" || !EXPLAIN_OPTIONS.has(word(2) ?? "")) return { explain: "EXPLAIN ", body: from(1) };
  const options: string[] = [];
  for (let n = 2;; n++) {
    const option = word(n);
    if (option === ")") return { explain: `EXPLAIN (${options.join(" ")}) `, body: from(n + 1) };
    if (option !== "," && !EXPLAIN_OPTIONS.has(option ?? "")) {
      throw new QueryRefusedError("Of EXPLAIN's options a query may use ANALYZE and FORMAT with the name of a format");
    }
    options.push(option!);
  }
}

/** The first word, behind any brackets: for messages, and to know whether it can be limited. */
export function firstWord(body: string): string {
  for (const token of tokens(body, duckDbDialect)) {
    if (isSubstance(token) && token.text !== "(") return upper(token)!;
  }
  return "";
}

/** The statement as it runs, with at most one row more than asked for. */
export function limited({ explain, body }: Statement, maxRows: number): string {
  if (explain !== "") return explain + body;
  if (!LIMITED.has(firstWord(body)) || maxRows === Infinity) return body;
  return `SELECT * FROM (${body}\n) LIMIT ${maxRows + 1}`;
}

/**
 * The text with `IN (NULL)` behind each column that PIVOT makes of the values that it finds, or `undefined` where it makes
 * none. To be parsed, not to be run: DuckDB makes two statements of such a PIVOT, and shows the tree of one statement only.
 * No quote is added, so nothing in the text can change its meaning by it.
 */
export function withPivotValues(body: string): string | undefined {
  let text = "";
  let depth = 0;
  let added = false;
  /** Depths at which a PIVOT goes on, and whether it is in its columns, which of them have their IN. */
  const pivots = new Map<number, { columns: boolean; hasIn: boolean }>();
  const endColumn = () => {
    const pivot = pivots.get(depth);
    if (!pivot?.columns) return;
    if (!pivot.hasIn) {
      // Before the space, and before a line comment above all.
      text = `${text} IN (NULL) `;
      added = true;
    }
    pivot.hasIn = false;
  };
  let pending = "";
  for (const token of tokens(body, duckDbDialect)) {
    if (!isSubstance(token)) {
      pending += token.text;
      continue;
    }
    const word = upper(token)!;
    const pivot = pivots.get(depth);
    if (word === "PIVOT" || word === "PIVOT_WIDER") pivots.set(depth, { columns: false, hasIn: false });
    else if (pivot && word === "IN") pivot.hasIn = true;
    else if (pivot && word === "ON") {
      // The ON before may have been a join's.
      endColumn();
      pivot.columns = true;
    } else if (pivot && (word === "," || word === ")" || PIVOT_ENDS.has(word))) {
      endColumn();
      if (word !== ",") pivot.columns = false;
    }
    if (word === ")") pivots.delete(depth--);
    else if (word === "(") depth++;
    text += pending + token.text;
    pending = "";
  }
  endColumn();
  return added ? text + pending : undefined;
}
