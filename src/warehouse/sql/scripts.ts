// Reads SQL scripts: splits text into statements and into numbered sections, and knows which sections are still to apply.
// Pure functions over text, for every adapter. Must not know any driver.

import { WarehouseRefusedError } from "../../errors.ts";
import type { MigrationStep, Script } from "../warehouse.ts";

/** Where the warehouses' lexers differ. */
export interface Dialect {
  /** Whether a backslash escapes the next character in a plain '…' string (Snowflake). In E'…' it always does. */
  readonly backslashEscapes: boolean;
  /** Whether block comments nest (DuckDB). */
  readonly nestedComments: boolean;
  /** Whether `//` begins a line comment (Snowflake). */
  readonly slashComments: boolean;
}

export const duckDbDialect: Dialect = { backslashEscapes: false, nestedComments: true, slashComments: false };
export const snowflakeDialect: Dialect = { backslashEscapes: true, nestedComments: false, slashComments: true };

/** A span of SQL text; tokens follow each other without gaps. */
export interface Token {
  readonly kind: "space" | "comment" | "string" | "identifier" | "word" | "semicolon" | "symbol";
  readonly text: string;
}

const SPACE = /\s+/y;
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const NUMBER = /\d[\p{L}\p{N}_.]*/uy;
const DOLLAR_TAG = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const LINE_END = /[\r\n]/g;

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** End of a quoted span that begins at `at`; a doubled quote stands for itself. Unclosed: the end of the text. */
function quotedEnd(text: string, at: number, backslash: boolean): number {
  const quote = text[at];
  for (let i = at + 1; i < text.length; i++) {
    if (backslash && text[i] === "\\") i++;
    else if (text[i] === quote) {
      if (text[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return text.length;
}

function lineCommentEnd(text: string, at: number): number {
  LINE_END.lastIndex = at;
  return LINE_END.exec(text)?.index ?? text.length;
}

function blockCommentEnd(text: string, at: number, nested: boolean): number {
  let depth = 1;
  for (let i = at + 2; i < text.length; i++) {
    if (text.startsWith("*/", i)) {
      if (--depth === 0) return i + 2;
      i++;
    } else if (nested && text.startsWith("/*", i)) {
      depth++;
      i++;
    }
  }
  return text.length;
}

function dollarEnd(text: string, at: number, tag: string): number {
  const end = text.indexOf(tag, at + tag.length);
  return end < 0 ? text.length : end + tag.length;
}

/** The token that begins at `at`: its kind and where it ends. */
function scan(text: string, at: number, dialect: Dialect): [Token["kind"], number] {
  const char = text[at]!;
  if (char === ";") return ["semicolon", at + 1];
  if (char === "'") return ["string", quotedEnd(text, at, dialect.backslashEscapes)];
  if (char === '"') return ["identifier", quotedEnd(text, at, false)];
  if (text.startsWith("--", at)) return ["comment", lineCommentEnd(text, at)];
  if (dialect.slashComments && text.startsWith("//", at)) return ["comment", lineCommentEnd(text, at)];
  if (text.startsWith("/*", at)) return ["comment", blockCommentEnd(text, at, dialect.nestedComments)];
  if ((char === "e" || char === "E") && text[at + 1] === "'") return ["string", quotedEnd(text, at + 1, true)];
  const tag = char === "$" ? match(DOLLAR_TAG, text, at) : undefined;
  if (tag !== undefined) return ["string", dollarEnd(text, at, tag)];
  const space = match(SPACE, text, at);
  if (space !== undefined) return ["space", at + space.length];
  const word = match(WORD, text, at);
  if (word !== undefined) return ["word", at + word.length];
  return ["symbol", at + (match(NUMBER, text, at)?.length ?? 1)];
}

/** The text as tokens; joined they are the text again. */
export function* tokens(text: string, dialect: Dialect): Generator<Token, void, undefined> {
  for (let at = 0; at < text.length;) {
    const [kind, end] = scan(text, at, dialect);
    yield { kind, text: text.slice(at, end) };
    at = end;
  }
}

/** The statements of a script, trimmed and without their semicolons. Spans of only space and comments are left out. */
export function splitStatements(text: string, dialect: Dialect): string[] {
  const statements: string[] = [];
  let statement = "";
  let substance = false;
  const end = () => {
    if (substance) statements.push(statement.trim());
    statement = "";
    substance = false;
  };
  for (const token of tokens(text, dialect)) {
    if (token.kind === "semicolon") {
      end();
      continue;
    }
    if (token.kind !== "space" && token.kind !== "comment") substance = true;
    statement += token.text;
  }
  end();
  return statements;
}

/** A statement without comments and layout, to compare and not to run: equal for texts that differ only in those. */
export function normalizeStatement(statement: string, dialect: Dialect): string {
  let text = "";
  let last: Token["kind"] = "symbol";
  let apart = false;
  for (const { kind, text: part } of tokens(statement, dialect)) {
    if (kind === "space" || kind === "comment") {
      apart = true;
      continue;
    }
    text += apart && kind !== "symbol" && last !== "symbol" ? ` ${part}` : part;
    [last, apart] = [kind, false];
  }
  return text;
}

/** Replaces words (never strings, comments or quoted identifiers), for type names that a warehouse lacks. Keys in upper case. */
export function replaceWords(statement: string, words: ReadonlyMap<string, string>, dialect: Dialect): string {
  let text = "";
  for (const token of tokens(statement, dialect)) {
    text += (token.kind === "word" ? words.get(token.text.toUpperCase()) : undefined) ?? token.text;
  }
  return text;
}

/** A step and the checksum that tells whether it changed since it was applied. */
export interface Section extends MigrationStep {
  /** SHA-256 of the normalized statements, hexadecimal. */
  readonly checksum: string;
}

const HEADING = /^--\s*version\s+(\d+)\s*:\s*(\S.*?)\s*$/i;

async function checksumOf(statements: readonly string[], dialect: Dialect): Promise<string> {
  const text = statements.map((statement) => normalizeStatement(statement, dialect)).join(";\n");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The sections of a script, in order.
 *
 * Errors: `WarehouseRefusedError` when statements stand before the first `-- version N: title` line, when the numbers are
 * not 1, 2, 3 …, or when a section has no statement.
 */
export async function readSections(script: Script, dialect: Dialect): Promise<readonly Section[]> {
  const drafts: { version: number; title: string; text: string }[] = [];
  let preface = "";
  for (const token of tokens(script.text, dialect)) {
    const heading = token.kind === "comment" ? HEADING.exec(token.text) : null;
    const last = drafts.at(-1);
    if (heading) drafts.push({ version: Number(heading[1]), title: heading[2]!, text: "" });
    else if (last) last.text += token.text;
    else preface += token.text;
  }
  const refuse = (what: string) => new WarehouseRefusedError(`SQL script "${script.name}": ${what}`);
  if (splitStatements(preface, dialect).length > 0) {
    throw refuse('statements stand before the first "-- version 1: title" line: move them below it');
  }
  const sections: Section[] = [];
  for (const [index, draft] of drafts.entries()) {
    if (draft.version !== index + 1) {
      throw refuse(`expected version ${index + 1} where version ${draft.version} stands: number the sections 1, 2, 3`);
    }
    const statements = splitStatements(draft.text, dialect);
    if (statements.length === 0) throw refuse(`version ${draft.version} has no statement`);
    const checksum = await checksumOf(statements, dialect);
    sections.push({ name: script.name, version: draft.version, title: draft.title, statements, checksum });
  }
  return sections;
}

/** A section that FRESHET_MIGRATIONS says was applied. */
export interface AppliedSection {
  readonly name: string;
  readonly version: number;
  readonly checksum: string;
}

/**
 * The sections of the scripts that are still to apply, in order.
 *
 * Errors: `WarehouseRefusedError` when an applied section has changed, or when the warehouse has sections that the script
 * does not (it was migrated by a newer Freshet).
 */
export async function pendingSections(
  scripts: readonly Script[],
  applied: readonly AppliedSection[],
  dialect: Dialect,
): Promise<readonly Section[]> {
  const pending: Section[] = [];
  for (const script of scripts) {
    const sections = await readSections(script, dialect);
    const known = new Map(applied.filter((it) => it.name === script.name).map((it) => [it.version, it.checksum]));
    for (const section of sections) {
      const checksum = known.get(section.version);
      known.delete(section.version);
      if (checksum === undefined) pending.push(section);
      else if (checksum !== section.checksum) {
        throw new WarehouseRefusedError(
          `SQL script "${script.name}": version ${section.version} (${section.title}) changed after it was applied: ` +
            `restore it, and put the change into a new section "-- version ${sections.length + 1}: …"`,
        );
      }
    }
    const newest = Math.max(0, ...known.keys());
    if (newest > 0) {
      throw new WarehouseRefusedError(
        `SQL script "${script.name}": the warehouse has version ${newest}, this Freshet only knows ${sections.length}: ` +
          `run the newer Freshet that migrated it`,
      );
    }
  }
  return pending;
}
