// From a record's bytes to a JSON value, refusing what JSON.parse would take or choke on.

import type { LogRecord } from "../log/log.ts";
import type { Verdict } from "./dead_letter.ts";
import { textOf } from "./text.ts";

/** A decoded record: its JSON text as it came, and what it says. */
export interface Decoded {
  readonly text: string;
  readonly json: unknown;
}

/** Deeper nesting is refused: parsers and warehouses give up at different depths. */
export const MAX_DEPTH = 500;
/** Larger values are refused, in bytes: a VARIANT holds 16 MiB on older Snowflake accounts, and text may grow there. */
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;

const dead = (reason: string, detail: string): Verdict => ({ stage: "decode", reason, detail });

/** Reads a record's value as JSON, or says why it cannot be. */
export function decodeJson(record: LogRecord): Decoded | Verdict {
  const { value } = record;
  return value === null ? dead("tombstone", "The record has a key and no value") : parseJson(value);
}

/** Reads bytes as JSON, or says why they cannot be. */
export function parseJson(value: Uint8Array): Decoded | Verdict {
  if (value.length === 0) return dead("empty_value", "The value has no bytes");
  if (value.length > MAX_VALUE_BYTES) {
    return dead("too_large", `The value has ${value.length} bytes, more than ${MAX_VALUE_BYTES}`);
  }
  const text = textOf(value);
  if (text === undefined) return dead("invalid_utf8", "The value is not UTF-8");
  if (text.length > 2 * MAX_DEPTH && nestedDeeperThan(text, MAX_DEPTH)) {
    return dead("nested_too_deep", `The value is nested deeper than ${MAX_DEPTH} levels`);
  }
  try {
    return { text, json: JSON.parse(text) };
  } catch (error) {
    return dead("invalid_json", (error as Error).message);
  }
}

function nestedDeeperThan(text: string, limit: number): boolean {
  const [quote, backslash, bracket, brace, bracketEnd, braceEnd] = [34, 92, 91, 123, 93, 125];
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (quoted) {
      if (char === backslash) i++;
      else if (char === quote) quoted = false;
    } else if (char === quote) quoted = true;
    else if (char === bracket || char === brace) {
      if (++depth > limit) return true;
    } else if (char === bracketEnd || char === braceEnd) depth--;
  }
  return false;
}
