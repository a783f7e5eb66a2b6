// What the rules take from the files that make Snowflake's Dynamic Tables (sql/snowflake/06_*): their SELECTs say what each
// derived table is, in SQL of their own, and the rules run the same text on DuckDB, over events that they read themselves.
// Those SELECTs keep to what both know. DATEADD, which DuckDB lacks, is put into its words here. What only Snowflake has
// (VARIANT paths, TARGET_LAG, SYSDATE, TO_CHAR) stands in other SELECTs, which the rules do not take.

import { withNumbers } from "../warehouse/sql/numbers.ts";
import { snowflakeDialect, splitStatements, type Token, tokens } from "../warehouse/sql/scripts.ts";
import type { Settings } from "./rules.ts";

/** A named SELECT: a table, or a step towards one. */
interface Step {
  readonly name: string;
  readonly sql: string;
}

/** A table, or what leads to it. */
export interface Taken {
  readonly table: string;
  /** A step of the table's SELECT, in place of its end. */
  readonly upTo?: string;
  /** Conditions on the rows of steps, by the step's name: what was too late. */
  readonly where?: Readonly<Record<string, string>>;
}

const MADE = /CREATE (?:DYNAMIC TABLE|OR REPLACE VIEW) (\w+)\b[\s\S]*?\bAS\s+(?=WITH\b|SELECT\b)/;

/** The SELECTs of a file of Dynamic Tables. */
export class DynamicTables {
  readonly #steps: ReadonlyMap<string, readonly Step[]>;

  constructor(text: string) {
    const made = splitStatements(text, snowflakeDialect).flatMap((statement) => {
      const head = MADE.exec(statement);
      return head === null ? [] : [[head[1]!, steps(head[1]!, statement.slice(head.index + head[0].length))] as const];
    });
    this.#steps = new Map(made);
  }

  /**
   * Common table expressions, to be put after WITH and what they read, by the names that they are to have there: those of
   * the tables, which then are not what is there, or others. Numbers that are settings are those of `settings`.
   */
  take(settings: Settings, tables: Readonly<Record<string, Taken>>): string {
    const number = (setting: string) => numberOf(settings, setting);
    return Object.entries(tables).map(([name, taken]) =>
      `${name} AS (\n${forDuckDb(withNumbers(this.#select(taken), number))}\n)`
    ).join(",\n");
  }

  #select({ table, upTo = table, where = {} }: Taken): string {
    const all = this.#steps.get(table);
    const end = all?.findIndex(({ name }) => name === upTo) ?? -1;
    if (all === undefined || end < 0) throw new Error(`No Dynamic Table ${table} with a step ${upTo}`);
    const [last, ...before] = all.slice(0, end + 1).map(({ name, sql }) => ({
      name,
      sql: where[name] === undefined ? sql : `SELECT * FROM (\n${sql}\n) WHERE ${where[name]}`,
    })).toReversed();
    if (before.length === 0) return last!.sql;
    return `WITH ${before.toReversed().map(({ name, sql }) => `${name} AS (\n${sql}\n)`).join(",\n")}\n${last!.sql}`;
  }
}

function numberOf(settings: Settings, setting: string): number {
  const value = settings[setting];
  if (typeof value !== "number") throw new Error(`The setting ${setting} is not a number`);
  return value;
}

/** `WITH a AS (…), b AS (…) SELECT …` as `a`, `b`, and the table. */
function steps(table: string, query: string): readonly Step[] {
  const all = [...tokens(query, snowflakeDialect)];
  const found: Step[] = [];
  let at = 0;
  for (let hasMore = all[0]!.text === "WITH"; hasMore;) {
    const name = all.findIndex(({ kind, text }, i) => i >= at && kind === "word" && text !== "WITH");
    const open = all.findIndex(({ text }, i) => i > name && text === "(");
    const close = closing(all, open);
    found.push({ name: all[name]!.text, sql: textOf(all.slice(open + 1, close)) });
    hasMore = all[close + 1]?.text === ",";
    at = close + 1;
  }
  return [...found, { name: table, sql: textOf(all.slice(at)) }];
}

const textOf = (some: readonly Token[]) => some.map(({ text }) => text).join("").trim();

/** Where the parenthesis at `open` closes. */
function closing(all: readonly Token[], open: number): number {
  let depth = 0;
  return all.findIndex(({ text }, i) => {
    if (i < open) return false;
    if (text === "(") depth++;
    if (text === ")") depth--;
    return depth === 0;
  });
}

/** What makes an interval of a number, by the unit. */
const INTERVALS: Readonly<Record<string, string>> = {
  "'millisecond'": "TO_MILLISECONDS",
  "'minute'": "TO_MINUTES",
  "'hour'": "TO_HOURS",
};

/** With `DATEADD(unit, number, time)` as DuckDB says it. */
function forDuckDb(sql: string): string {
  const all = [...tokens(sql, snowflakeDialect)];
  let text = "";
  for (let i = 0; i < all.length; i++) {
    if (all[i]!.text !== "DATEADD") {
      text += all[i]!.text;
      continue;
    }
    const close = closing(all, i + 1);
    const [unit, number, time] = separated(all.slice(i + 2, close)).map(textOf);
    const interval = INTERVALS[unit!];
    if (interval === undefined) throw new Error(`DATEADD by ${unit} is not known here`);
    text += `(${forDuckDb(time!)} + ${interval}(${forDuckDb(number!)}))`;
    i = close;
  }
  return text;
}

/** What stands between the commas of a list. */
function separated(list: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of list) {
    if (token.text === "(") depth++;
    if (token.text === ")") depth--;
    if (token.text === "," && depth === 0) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}
