// What elements are grouped by: named parts, so that a result can say them.

import { Recent } from "./recent.ts";

/** A part of a key. */
export type KeyPart = string | number | boolean | null;

/** Selects the parts of a key by name. */
export type KeySelectors<T> = Readonly<Record<string, (value: T) => KeyPart | undefined>>;

/** The parts of a key by name. */
export type Key = Readonly<Record<string, KeyPart>>;

/** A result of a key. State belongs to a partition: a key whose elements are in several has a result of each. */
export interface KeyedResult {
  /** The parts of the key by name. */
  readonly key: Key;
  /** The partition of the elements. */
  readonly partition: number;
}

/** Keys as they were told apart by their parts, one after the other; under the last part is the key's text. */
type Level = Map<KeyPart, Level | string>;

/** Makes the text a key is filed under and reads its parts back. */
export class Keys<T> {
  readonly names: readonly string[];
  readonly #selectors: readonly ((value: T) => KeyPart | undefined)[];
  readonly #texts = new Recent<Level>(() => new Map());
  readonly #parts = new Recent<Map<string, Key>>(() => new Map());

  constructor(private readonly parts: KeySelectors<T>) {
    this.names = Object.keys(parts);
    if (this.names.length === 0) throw new Error("Cannot key by nothing: name at least one part");
    this.#selectors = Object.values(parts);
  }

  /** These parts and more. */
  with(more: KeySelectors<T>): Keys<T> {
    return new Keys({ ...this.parts, ...more });
  }

  /** The key of a value as text: the part itself when it is one string, else a JSON array of the parts. */
  textOf(value: T): string {
    const selectors = this.#selectors;
    if (selectors.length === 1) return textOfOne(selectors[0]!(value));
    let at: Level | string | undefined = this.#texts.known;
    for (let i = 0; i < selectors.length && typeof at === "object"; i++) at = at.get(selectors[i]!(value) ?? null);
    if (typeof at !== "string") return this.#write(value);
    this.#texts.found++;
    return at;
  }

  #write(value: T): string {
    const parts = this.#selectors.map((select) => select(value) ?? null);
    const text = JSON.stringify(parts);
    if (text.length <= MAX_KEPT_LENGTH && this.#texts.takes()) keep(this.#texts.known, parts, text);
    return text;
  }

  /** The parts by name. They are not to be changed. */
  partsOf(text: string): Key {
    const known = this.#parts.known.get(text);
    if (known !== undefined) {
      this.#parts.found++;
      return known;
    }
    const parts: KeyPart[] = text.charCodeAt(0) === BRACKET ? JSON.parse(text) : [text];
    const key = Object.fromEntries(this.names.map((name, i) => [name, parts[i] ?? null]));
    if (text.length <= MAX_KEPT_LENGTH && this.#parts.takes()) this.#parts.known.set(text, key);
    return key;
  }
}

/** Files the text under its parts, unless one of them is an object after all: that could become another. */
function keep(first: Level, parts: readonly KeyPart[], text: string): void {
  if (parts.some((part) => typeof part === "object" && part !== null)) return;
  let level = first;
  for (const part of parts.slice(0, -1)) {
    let next = level.get(part) as Level | undefined;
    if (!next) level.set(part, next = new Map());
    level = next;
  }
  level.set(parts.at(-1)!, text);
}

/** Longer texts are not kept: keys may be as long as a record. */
const MAX_KEPT_LENGTH = 256;
const BRACKET = "[".charCodeAt(0);

/** A string that could be taken for a JSON array is written as one. */
function textOfOne(part: KeyPart | undefined): string {
  return typeof part === "string" && part.charCodeAt(0) !== BRACKET ? part : JSON.stringify([part ?? null]);
}

/** The text that a key of these parts is filed under. */
export function keyTextOf(parts: readonly KeyPart[]): string {
  return parts.length === 1 ? textOfOne(parts[0]) : JSON.stringify(parts);
}
