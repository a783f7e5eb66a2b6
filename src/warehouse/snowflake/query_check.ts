// Whether a statement only reads. Snowflake has no read-only transactions, and its parser is not here: it is decided by the
// statement's tokens, each of which must be one that reads. What these cannot tell, the role of SNOWFLAKE_QUERY_ROLE must.

import { QueryRefusedError } from "../../errors.ts";
import { snowflakeDialect, splitStatements, type Token, tokens } from "../sql/scripts.ts";
import { FUNCTIONS, INFORMATION_FUNCTIONS, TABLE_FUNCTIONS, WORDS_BEFORE_BRACKETS } from "./query_names.ts";

/** What a statement may begin with; what EXPLAIN may explain; whose answer can be long. */
const QUERIES: ReadonlySet<string> = new Set(["SELECT", "WITH", "VALUES"]);
const SHOWING: ReadonlySet<string> = new Set(["SHOW", "DESCRIBE", "DESC"]);
const READING = "SELECT, WITH, VALUES, SHOW, DESCRIBE, DESC, and EXPLAIN of a SELECT or WITH";
/** Words that run something, wherever they stand. */
const RUNNING: ReadonlySet<string> = new Set(["CALL", "EXECUTE", "PROCEDURE", "NEXTVAL"]);
/** A table's or a column's name in a text: letters, no escapes. */
const NAME_IN_TEXT = /^'[A-Za-z_0-9."]+'$/;
const TABLE_SOURCES: ReadonlySet<string> = new Set(["FROM", "JOIN"]);
/** Words behind which no table is named. */
const CLAUSES: ReadonlySet<string> = new Set([
  "SELECT",
  "WHERE",
  "ON",
  "BY",
  "HAVING",
  "QUALIFY",
  "VALUES",
  "LIMIT",
  "IN",
]);

export interface Checked {
  /** To be sent: without comments, in which Snowflake could see an end where there is none here. */
  readonly statement: string;
  /** Whether its answer can be long. */
  readonly long: boolean;
}

/** A token that means something. `word` is its text in capitals, as Snowflake reads names without quotes. */
interface Part {
  readonly kind: Token["kind"];
  readonly text: string;
  readonly word: string;
}

/** The one statement in the text. Errors: `QueryRefusedError` when there are more, or it may do more than read. */
export function checkReading(sql: string, binds: number): Checked {
  const statements = splitStatements(sql, snowflakeDialect);
  if (statements.length !== 1) {
    throw new QueryRefusedError(`Expected one statement, got ${statements.length}: send them one by one`);
  }
  const all = [...tokens(statements[0]!, snowflakeDialect)];
  const parts = all.filter(({ kind }) => kind !== "space" && kind !== "comment").map(partOf);
  const statement = all.map(({ kind, text }) => kind === "comment" ? text.replace(/[^\r\n]/g, " ") : text).join("");
  const from = checkBeginning(parts);
  parts.forEach((_, i) => checkPart(parts, i));
  if (!SHOWING.has(parts[0]!.word)) {
    checkTables(parts);
    checkWith(parts, from);
    parts.forEach((_, i) => checkCall(parts, i));
  }
  const places = parts.filter(({ kind, text }) => kind === "symbol" && text === "?").length;
  if (places !== binds) throw new QueryRefusedError(`The query has ${places} places for values, got ${binds}`);
  return { statement, long: from === 0 && !SHOWING.has(parts[0]!.word) };
}

/** Capitals of ASCII only: `ſum` is not SUM. */
function partOf({ kind, text }: Token): Part {
  const word = kind === "word" ? text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()) : text;
  return { kind, text, word };
}

const refuse = (what: string): never => {
  throw new QueryRefusedError(what);
};
const isOpen = (part: Part | undefined) => part?.kind === "symbol" && part.text === "(";

/** Checks what the statement begins with; returns where the query is, behind EXPLAIN. */
function checkBeginning(parts: readonly Part[]): number {
  const first = parts.findIndex((part) => !isOpen(part));
  const { word = "", text = "" } = parts[first] ?? {};
  if (QUERIES.has(word) || (first === 0 && SHOWING.has(word))) return 0;
  if (first !== 0 || word !== "EXPLAIN") {
    return refuse(`Only statements that read are allowed (${READING}), not "${text}"`);
  }
  const from = parts[1]?.word === "USING" ? 3 : 1;
  const explained = parts.slice(from).find((part) => !isOpen(part));
  if (explained?.word !== "SELECT" && explained?.word !== "WITH") {
    return refuse(`EXPLAIN may only explain a SELECT or WITH in a query, not "${explained?.text ?? ""}"`);
  }
  return from;
}

/** One token, and the one or two before it. */
function checkPart(parts: readonly Part[], i: number): void {
  const { kind, text, word } = parts[i]!;
  const before = parts[i - 1];
  if (RUNNING.has(word) || (kind === "identifier" && /^"nextval"$/i.test(text))) {
    refuse(`Only statements that read are allowed, and this one has ${word}`);
  }
  if ((kind === "word" || kind === "identifier") && /SYSTEM\$/i.test(text)) {
    refuse("System functions are not allowed in a query");
  }
  // Only $$…$$ is a text in Snowflake: between $a$ and $a$ stands SQL.
  if (kind === "string" && text.startsWith("$") && !text.startsWith("$$")) {
    refuse("A text between dollar signs must begin with $$ and have no name");
  }
  if (kind !== "symbol") return;
  if (text === "@") refuse("Stages and their files are not allowed in a query");
  if (text === "$" && !/^\d+$/.test(parts[i + 1]?.text ?? "")) {
    refuse("Session variables are not allowed in a query: bind the value, or write it");
  }
  if (text === "!" && parts[i + 1]?.text !== "=") refuse("Methods of objects are not allowed in a query");
  // The pipe operator `->>` puts any statement behind a query.
  if (text === ">" && before?.text === ">" && parts[i - 2]?.text === "-") {
    refuse('Only one statement is allowed, without the pipe operator "->>"');
  }
}

/** No text may stand where a table is named: behind FROM or JOIN, or a comma after one. In one pass, as lists can be long. */
function checkTables(parts: readonly Part[]): void {
  /** By depth of brackets: whether tables are named there. */
  const named: boolean[] = [false];
  for (const [i, { kind, text, word }] of parts.entries()) {
    const last = named.length - 1;
    if (kind === "symbol" && text === "(") named.push(false);
    else if (kind === "symbol" && text === ")") named.length = Math.max(1, last);
    else if (TABLE_SOURCES.has(word)) named[last] = !isFromOfAnExpression(parts, i);
    else if (CLAUSES.has(word)) named[last] = false;
    if (kind !== "string" || !named[last]) continue;
    if (parts[i - 1]?.text === "," || TABLE_SOURCES.has(parts[i - 1]?.word ?? "")) {
      refuse("Files are not allowed in a query: name a table or view behind FROM");
    }
  }
}

/** IS DISTINCT FROM, and EXTRACT(HOUR FROM …). */
function isFromOfAnExpression(parts: readonly Part[], at: number): boolean {
  return parts[at - 1]?.word === "DISTINCT" || (isOpen(parts[at - 2]) && parts[at - 3]?.word === "EXTRACT");
}

/** The end of the brackets that open at `at`: where they close. */
function closing(parts: readonly Part[], at: number): number {
  let depth = 0;
  for (let i = at; i < parts.length; i++) {
    if (isOpen(parts[i])) depth++;
    else if (parts[i]!.kind === "symbol" && parts[i]!.text === ")" && --depth === 0) return i;
  }
  return parts.length;
}

/** Behind the tables that WITH defines there must be a SELECT, and queries in them. */
function checkWith(parts: readonly Part[], from: number): void {
  let at = from;
  while (isOpen(parts[at])) at++;
  if (parts[at]?.word !== "WITH") return;
  at += parts[at + 1]?.word === "RECURSIVE" ? 2 : 1;
  while (at < parts.length) {
    at++; // the name
    if (isOpen(parts[at])) at = closing(parts, at) + 1;
    let query = at + 1;
    while (isOpen(parts[query])) query++;
    if (parts[at]?.word !== "AS" || !isOpen(parts[at + 1]) || !QUERIES.has(parts[query]?.word ?? "")) {
      refuse(`Only queries may stand in WITH, not "${parts[query]?.text ?? ""}"`);
    }
    at = closing(parts, at + 1) + 1;
    if (parts[at]?.text !== ",") break;
    at++;
  }
  while (isOpen(parts[at])) at++;
  if (parts[at]?.word !== "SELECT") refuse(`Only SELECT may follow WITH, not "${parts[at]?.text ?? ""}"`);
}

/** Whatever stands before a bracket is a word of the language, a function of the lists, or a name given to columns. */
function checkCall(parts: readonly Part[], i: number): void {
  if (!isOpen(parts[i]) || i === 0) return;
  const { kind, text, word } = parts[i - 1]!;
  if (kind === "symbol" && text === "." && parts[i - 2]) refuse("A query may not have a bracket behind a dot");
  if (kind === "string") refuse(`A query may not call ${text}`);
  if (kind === "symbol" && text === ")" && isIdentifierCall(parts, i - 1)) {
    refuse("IDENTIFIER may name a table or a column in a query, not a function");
  }
  if (kind === "symbol" && /^\d/.test(text)) refuse(`A query may not call ${text}`);
  if (kind !== "word" && kind !== "identifier") return;
  const qualified = parts[i - 2]?.text === ".";
  if (kind === "word" && !qualified) {
    if (word === "TABLE") return checkTableFunction(parts, i + 1);
    if (word === "IDENTIFIER") return checkIdentifier(parts, i);
    if (word === "LATERAL" || WORDS_BEFORE_BRACKETS.has(word)) return;
    if (parts[i - 2]?.word === "LATERAL" && TABLE_FUNCTIONS.has(word)) return;
    if (FUNCTIONS.has(word)) return;
  }
  if (isInsideTable(parts, i) || namesColumns(parts, i)) return;
  refuse(`Function ${text} is not allowed in a query: it is not on the list of those that only compute`);
}

/** IDENTIFIER may have a plain name in it, or a bound one. */
function checkIdentifier(parts: readonly Part[], at: number): void {
  const name = parts[at + 1];
  const plain = name?.kind === "string" && NAME_IN_TEXT.test(name.text);
  if ((!plain && name?.text !== "?") || closing(parts, at) !== at + 2) {
    refuse("IDENTIFIER may have one plain name in it, such as IDENTIFIER('A_TABLE')");
  }
}

/** Whether the bracket at `end` closes an IDENTIFIER(…). */
function isIdentifierCall(parts: readonly Part[], end: number): boolean {
  return parts[end - 2]?.text === "(" && parts[end - 3]?.word === "IDENTIFIER";
}

/** What stands in TABLE(…): a table function of the lists. */
function checkTableFunction(parts: readonly Part[], at: number): void {
  const path = tablePath(parts, at);
  const name = path.at(-1) ?? "";
  if (path.length === 1 && TABLE_FUNCTIONS.has(name)) return;
  if (path.length > 1 && path.at(-2) === "INFORMATION_SCHEMA" && INFORMATION_FUNCTIONS.has(name)) return;
  refuse(`TABLE(${path.join(".")}) is not allowed in a query: it is not on the list of table functions that only read`);
}

/** The names, with dots between them, that a bracket follows. */
function tablePath(parts: readonly Part[], at: number): readonly string[] {
  const path: string[] = [];
  for (let i = at;; i += 2) {
    const part = parts[i];
    if (part?.kind !== "word" && part?.kind !== "identifier") return [];
    path.push(part.word);
    if (isOpen(parts[i + 1])) return path;
    if (parts[i + 1]?.text !== ".") return [];
  }
}

/** Whether the bracket at `i` is that of the table function in TABLE(…), which was checked as such. */
function isInsideTable(parts: readonly Part[], i: number): boolean {
  let at = i - 1;
  while (parts[at - 1]?.text === ".") at -= 2;
  return isOpen(parts[at - 1]) && parts[at - 2]?.word === "TABLE" && parts[at - 3]?.text !== ".";
}

/** Whether the bracket at `i` names the columns of what stands before it: a table of WITH, or of FROM. */
function namesColumns(parts: readonly Part[], i: number): boolean {
  const end = closing(parts, i);
  const inside = parts.slice(i + 1, end);
  const isName = ({ kind }: Part) => kind === "word" || kind === "identifier";
  if (!inside.every((part, n) => n % 2 === 0 ? isName(part) : part.text === ",") || inside.length % 2 === 0) {
    return false;
  }
  const before = parts[i - 2];
  const alias = before?.word === "AS" || (before?.kind === "symbol" && before.text === ")");
  return alias || (parts[end + 1]?.word === "AS" && isOpen(parts[end + 2]));
}
