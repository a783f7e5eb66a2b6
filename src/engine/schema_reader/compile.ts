// From a layout to a function that reads records laid out like it. The function's code is put together of names and numbers
// that are made here, and of field names as JSON writes them; nothing of a record gets into it. Must not know zod's definitions.

import type { z } from "zod";
import type { Layout, Result, Step } from "./layout.ts";
import * as scan from "./scan.ts";
import { type JsonKind, jsonKinds, type Shape } from "./shape.ts";

/** What is said of a record that is read by somebody else. */
export const NOT_MINE: unique symbol = Symbol("not mine");

/** Reads a record, or says that it is laid out otherwise, or that it may not be accepted. */
export type Read = (bytes: Uint8Array) => unknown;

/** Things that the code names by their place in a list. */
class Constants {
  readonly list: unknown[] = [];

  add(constant: unknown): string {
    return `c[${this.list.push(constant) - 1}]`;
  }
}

/** The function for a layout. */
export function compile({ steps, result }: Layout): Read {
  const constants = new Constants();
  const lines = steps.map((step) => codeOf(step, constants));
  const isEach = (is: (byte: number) => boolean) =>
    steps.every((step) => step.kind !== "bytes" || step.bytes.every(is));
  const isAscii = isEach((byte) => byte < FIRST_NOT_ASCII);
  const isPlain = isEach((byte) => byte !== BACKSLASH);
  const body = `"use strict";
const { begin, isRead, next, reach, skip, string, number, boolean, nothing, anything, goesOn } = scan;
return (bytes) => {
  const view = begin(bytes, ${isAscii}, ${isPlain});
  let at;
  ${lines.join("\n  ")}
  if (!isRead()) return NOT_MINE;
  return ${expression(result, constants)};
};`;
  return new Function("scan", "c", "NOT_MINE", body)(scan, constants.list, NOT_MINE);
}

function expression(result: Result, constants: Constants): string {
  switch (result.kind) {
    case "value":
      return `v${result.index}`;
    case "constant":
      return constants.add(result.value);
    case "object": {
      const members = result.members.map(([name, of]) => `${JSON.stringify(name)}: ${expression(of, constants)}`);
      return `{ ${members.join(", ")} }`;
    }
  }
}

function codeOf(step: Step, constants: Constants): string {
  switch (step.kind) {
    case "bytes":
      return skipping(step.bytes);
    case "anything":
      return `const v${step.index} = anything();`;
    case "value":
      return `let v${step.index}; ${reading(`v${step.index}`, step.shape, step.separator, constants)}`;
  }
}

/** The code that goes on behind these bytes: it compares them four at a time. */
function skipping(bytes: Uint8Array): string {
  if (bytes.length === 0) return "";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const wholes = Math.floor(bytes.length / 4);
  const words = Array.from(
    { length: wholes },
    (_, i) => `view.getInt32(at + ${4 * i}, true) !== ${view.getInt32(4 * i, true)}`,
  );
  const rest = [...bytes.subarray(4 * wholes)].map((byte, i) => `view.getUint8(at + ${4 * wholes + i}) !== ${byte}`);
  return `at = reach(${bytes.length}); if (${["at < 0", ...words, ...rest].join(" || ")}) return NOT_MINE;`;
}

/** The code that reads a value into a variable. */
function reading(into: string, shape: Shape, separator: Uint8Array, constants: Constants): string {
  const unless = (condition: string) => `if (!(${condition})) return NOT_MINE;`;
  switch (shape.kind) {
    case "string": {
      const lengths = shape.min > 0 || shape.max < Infinity;
      return `${into} = string(); ${lengths ? unless(within(`${into}.length`, shape)) : ""}`;
    }
    case "number": {
      const whole = shape.isWhole ? unless(`Number.isSafeInteger(${into})`) : "";
      return `${into} = number(); ${whole}${shape.bounds.map((b) => unless(`${into} ${b.than} ${b.value}`)).join("")}`;
    }
    case "boolean":
      return `${into} = boolean();`;
    case "null":
      return `${into} = nothing();`;
    case "literal":
      return `${into} = anything(); ${unless(`${constants.add(new Set(shape.values))}.has(${into})`)}`;
    case "schema":
      return `${into} = ${constants.add(taking(shape.schema))}(anything()); if (${into} === NOT_MINE) return NOT_MINE;`;
    case "either":
      return switching(shape.shapes, (of) => reading(into, of, separator, constants));
    case "list": {
      const one = reading("e", shape.of, separator, constants);
      const comma = constants.add(separator);
      const bracket = constants.add(new Uint8Array([OPENING_BRACKET]));
      const more = `while (goesOn(${comma})) { ${one} ${into}.push(e); }`;
      const elements =
        `if (next() === ${CLOSING_BRACKET}) skip(${constants.add(new Uint8Array([CLOSING_BRACKET]))}); ` +
        `else { let e; ${one} ${into}.push(e); ${more} }`;
      return `${into} = []; ${unless(`skip(${bracket})`)} ${elements} ${unless(within(`${into}.length`, shape))}`;
    }
    case "object":
      return "return NOT_MINE;"; // laid out by its fields, where the record has one
  }
}

const [OPENING_BRACKET, CLOSING_BRACKET, BACKSLASH, FIRST_NOT_ASCII] = [91, 93, 92, 128];

function within(value: string, { min, max }: { readonly min: number; readonly max: number }): string {
  return `${value} >= ${min}${max < Infinity ? ` && ${value} <= ${max}` : ""}`;
}

/** Bytes that begin a value of a kind; a number is what begins with any other. */
const FIRST_BYTES: Readonly<Record<Exclude<JsonKind, "number" | "any">, readonly number[]>> = {
  string: [34],
  boolean: [116, 102],
  null: [110],
  object: [123],
  list: [OPENING_BRACKET],
};

/** The code of the shape that the next byte begins. */
function switching(shapes: readonly Shape[], code: (shape: Shape) => string): string {
  const cases: string[] = [];
  let otherwise = "return NOT_MINE;";
  for (const shape of shapes) {
    for (const kind of jsonKinds(shape)) {
      if (kind === "any") continue;
      if (kind === "number") otherwise = code(shape);
      else cases.push(`${FIRST_BYTES[kind].map((byte) => `case ${byte}: `).join("")}{ ${code(shape)} break; }`);
    }
  }
  return `switch (next()) { ${cases.join(" ")} default: ${otherwise} }`;
}

/** So many texts are remembered of a field, none longer than this: names, such as those of time zones, come again and again. */
const REMEMBERED_TEXTS = 256;
const LONGEST_REMEMBERED = 64;

/** What a schema makes of values. It is asked once for a text that it takes as it is: what it says of it does not change. */
function taking(schema: z.core.$ZodType): (value: unknown) => unknown {
  const asTheyAre = new Set<unknown>();
  return (value) => {
    if (asTheyAre.has(value)) return value;
    const taken = take(schema, value);
    if (taken === value && typeof value === "string" && value.length <= LONGEST_REMEMBERED) {
      if (asTheyAre.size >= REMEMBERED_TEXTS) asTheyAre.clear();
      asTheyAre.add(value);
    }
    return taken;
  };
}

/** What a schema makes of a value. A schema's own functions may throw: then it is not taken here. */
export function take(schema: z.core.$ZodType, value: unknown): unknown {
  try {
    const taken = (schema as z.ZodType).safeParse(value);
    return taken.success ? taken.data : NOT_MINE;
  } catch {
    return NOT_MINE;
  }
}
