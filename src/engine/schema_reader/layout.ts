// How a record that was accepted is laid out: which bytes lie between its values, and what its values are. Records of one
// producer are laid out alike. Reads only text that is known to be JSON with each name once. Must not know zod.

import type { Branch, ObjectShape, Shape } from "./shape.ts";

/** What comes next in a record. */
export type Step =
  /** These bytes. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** A value of a shape, which is the `index`-th of the record. */
  | { readonly kind: "value"; readonly index: number; readonly shape: Shape; readonly separator: Uint8Array }
  /** Any value. */
  | { readonly kind: "anything"; readonly index: number };

/** What is made of the values. */
export type Result =
  | { readonly kind: "value"; readonly index: number }
  | { readonly kind: "constant"; readonly value: unknown }
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, Result])[] };

export interface Layout {
  readonly steps: readonly Step[];
  readonly result: Result;
  /** Whether the schema must see the result once more. */
  readonly hasOwnRules: boolean;
}

const [QUOTE, BACKSLASH, COMMA, COLON, SPACE] = [34, 92, 44, 58, 32];
const [BRACE, BRACE_END, BRACKET, BRACKET_END] = [123, 125, 91, 93];

/** The layout of a record that fits one of the branches; undefined where the reader cannot follow. */
export function layoutOf(bytes: Uint8Array, json: unknown, branches: readonly Branch[]): Layout | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const fitting = branches.filter((branch) => isOfBranch(json as Readonly<Record<string, unknown>>, branch));
  return fitting.length === 1 ? new Walk(bytes).record(fitting[0]!) : undefined;
}

/** Whether the fields that tell branches apart say that it is this one. */
function isOfBranch(json: Readonly<Record<string, unknown>>, { fields }: ObjectShape): boolean {
  return fields.entries().every(([name, { shape }]) => {
    return shape.kind !== "literal" || json[name] === undefined || shape.values.includes(json[name]);
  });
}

/** Walks through a record's bytes. */
class Walk {
  readonly #steps: Step[] = [];
  #values = 0;
  #at = 0;
  /** Where the bytes begin that no step has yet. */
  #from = 0;

  constructor(private readonly bytes: Uint8Array) {}

  record(branch: Branch): Layout | undefined {
    const result = this.#object(branch);
    if (result === undefined) return undefined;
    this.#bytesUntil(this.bytes.length);
    return { steps: this.#steps, result, hasOwnRules: branch.hasOwnRules };
  }

  #object({ fields, isLoose }: ObjectShape): Result | undefined {
    const known = new Map<string, Result>();
    const others: (readonly [string, Result])[] = [];
    this.#expect(BRACE);
    while (this.#peek() !== BRACE_END) {
      if (this.#peek() === COMMA) this.#at++;
      const name = this.#name();
      if (name === "__proto__") return undefined; // means something else in an object literal
      const field = fields.get(name);
      const value = field ? this.#value(field.shape) : this.#anything();
      if (value === undefined) return undefined;
      if (field) known.set(name, value);
      else if (isLoose) others.push([name, value]);
    }
    this.#expect(BRACE_END);
    for (const [name, { mayBeMissing }] of fields) if (!known.has(name) && !mayBeMissing) return undefined;
    const inOrder = fields.keys().filter((name) => known.has(name)).map((name) => [name, known.get(name)!] as const);
    return { kind: "object", members: [...inOrder, ...others] };
  }

  #value(shape: Shape): Result | undefined {
    const first = this.#peek();
    if (first === BRACE) {
      const object = shape.kind === "either" ? shape.shapes.find(({ kind }) => kind === "object") : shape;
      if (object?.kind === "object") return this.#object(object);
      return shape.kind === "schema" ? this.#read(shape) : undefined;
    }
    if (shape.kind === "literal") return this.#constant(shape.values);
    return shape.kind === "object" ? undefined : this.#read(shape);
  }

  /** One of some values: where there is one only, its bytes are as sure as the names are. */
  #constant(values: readonly unknown[]): Result {
    if (values.length > 1) return this.#read({ kind: "literal", values });
    this.#skipValue();
    return { kind: "constant", value: values[0] };
  }

  #read(shape: Shape): Result {
    this.#bytesUntil(this.#at);
    const index = this.#values++;
    const separator = this.#peek() === BRACKET ? this.#separator() : new Uint8Array(0);
    this.#steps.push({ kind: "value", index, shape, separator });
    this.#skipValue();
    this.#from = this.#at;
    return { kind: "value", index };
  }

  #anything(): Result {
    this.#peek();
    this.#bytesUntil(this.#at);
    const index = this.#values++;
    this.#steps.push({ kind: "anything", index });
    this.#skipValue();
    this.#from = this.#at;
    return { kind: "value", index };
  }

  /** What is between the first two elements of the list that begins here, or what is most usual. */
  #separator(): Uint8Array {
    const start = this.#at;
    this.#at++;
    let separator = new Uint8Array([COMMA]);
    if (this.#peek() !== BRACKET_END) {
      this.#skipValue();
      const end = this.#at;
      if (this.#peek() === COMMA) {
        this.#at++;
        this.#peek();
        separator = this.bytes.slice(end, this.#at);
      }
    }
    this.#at = start;
    return separator;
  }

  #name(): string {
    this.#peek();
    const start = this.#at;
    this.#skipString();
    const name = JSON.parse(new TextDecoder().decode(this.bytes.subarray(start, this.#at)));
    this.#expect(COLON);
    this.#peek();
    return name;
  }

  #skipValue(): void {
    let depth = 0;
    do {
      const byte = this.#peek();
      if (byte === QUOTE) this.#skipString();
      else if (byte === BRACE || byte === BRACKET) [depth, this.#at] = [depth + 1, this.#at + 1];
      else if (byte === BRACE_END || byte === BRACKET_END) [depth, this.#at] = [depth - 1, this.#at + 1];
      else if (byte === COMMA || byte === COLON) this.#at++;
      else while (!isEndOfWord(this.bytes[this.#at])) this.#at++;
    } while (depth > 0);
  }

  #skipString(): void {
    for (this.#at++; this.bytes[this.#at] !== QUOTE; this.#at++) if (this.bytes[this.#at] === BACKSLASH) this.#at++;
    this.#at++;
  }

  #bytesUntil(end: number): void {
    this.#steps.push({ kind: "bytes", bytes: this.bytes.slice(this.#from, end) });
    this.#from = end;
  }

  #expect(byte: number): void {
    if (this.#peek() !== byte) throw new Error(`A layout is made of JSON only; byte ${this.#at} is not ${byte}`);
    this.#at++;
  }

  /** The next byte that is not white space. */
  #peek(): number | undefined {
    while (this.bytes[this.#at]! <= SPACE) this.#at++;
    return this.bytes[this.#at];
  }
}

function isEndOfWord(byte: number | undefined): boolean {
  return byte === undefined || byte <= SPACE || byte === COMMA || byte === BRACE_END || byte === BRACKET_END;
}
