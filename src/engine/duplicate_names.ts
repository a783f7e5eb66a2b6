// Objects of a JSON text that hold a name twice. I-JSON forbids it (RFC 7493, section 2.3), because readers differ:
// JSON.parse keeps the last, DuckDB's `->>` takes the first, Snowflake's PARSE_JSON refuses the whole statement.
//
// Ordinary records are cleared by counting. Every name ends in a quote, maybe white space, and a colon. So a text has at most
// as many names as colons after such a character, and it has at least as many as the parsed value has keys: where both are
// equal no name can have been dropped. Only what is left is read name by name.

import { namesAtMost } from "./text.ts";

/** A name that an object has twice. */
export interface DuplicateName {
  readonly name: string;
  /** JSON Pointer (RFC 6901) of the object's first member of that name. */
  readonly pointer: string;
}

/**
 * The first duplicate name of a JSON text that `JSON.parse` has read as `json`. `most` is what {@link namesAtMost} says of
 * the text, where that is known.
 */
export function duplicateName(text: string, json: unknown, most = namesAtMost(text)): DuplicateName | undefined {
  return typeof json !== "object" || json === null || keysIn(json) === most ? undefined : firstDuplicate(text);
}

/** How many keys a parsed value has in all of its objects. */
function keysIn(json: object): number {
  let keys = 0;
  if (Array.isArray(json)) {
    for (const value of json) if (typeof value === "object" && value !== null) keys += keysIn(value);
    return keys;
  }
  for (const name in json) {
    keys++;
    const value = (json as Readonly<Record<string, unknown>>)[name];
    if (typeof value === "object" && value !== null) keys += keysIn(value);
  }
  return keys;
}

/** An object or a list that the reader is in. */
interface Level {
  /** Of an object. */
  readonly names: Set<string> | undefined;
  /** The present member. */
  at: string | number;
}

const [QUOTE, BACKSLASH, COMMA] = [34, 92, 44];
const [BRACE, BRACE_END, BRACKET, BRACKET_END] = [123, 125, 91, 93];

function firstDuplicate(text: string): DuplicateName | undefined {
  const levels: Level[] = [];
  let level: Level | undefined;
  /** Whether a text would be a name. */
  let named = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case BRACE:
      case BRACKET: {
        named = text.charCodeAt(i) === BRACE;
        levels.push(level = { names: named ? new Set() : undefined, at: 0 });
        break;
      }
      case BRACE_END:
      case BRACKET_END:
        levels.pop();
        level = levels.at(-1);
        break;
      case COMMA:
        named = level!.names !== undefined;
        if (!named) level!.at = Number(level!.at) + 1;
        break;
      case QUOTE: {
        const end = textEnd(text, i);
        if (named) {
          const name = nameIn(text, i, end);
          level!.at = name;
          if (level!.names!.has(name)) return { name, pointer: pointerTo(levels) };
          level!.names!.add(name);
          named = false;
        }
        i = end;
      }
    }
  }
  return undefined;
}

/** Where the closing quote is of the text whose opening one is at `start`. */
function textEnd(text: string, start: number): number {
  let i = start + 1;
  for (; text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
  return i;
}

/** The name between two quotes, as JSON.parse makes a key of it. */
function nameIn(text: string, start: number, end: number): string {
  const name = text.slice(start + 1, end);
  return name.includes("\\") ? JSON.parse(text.slice(start, end + 1)) : name;
}

const pointerTo = (levels: readonly Level[]): string =>
  levels.map(({ at }) => `/${String(at).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
