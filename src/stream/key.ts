// What elements are grouped by: named parts, so that a result can say them.

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

/** Makes the text a key is filed under and reads its parts back. */
export class Keys<T> {
  readonly names: readonly string[];
  readonly #selectors: readonly ((value: T) => KeyPart | undefined)[];

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
    if (this.#selectors.length === 1) return textOfOne(this.#selectors[0]!(value));
    return JSON.stringify(this.#selectors.map((select) => select(value) ?? null));
  }

  /** The parts by name. */
  partsOf(text: string): Key {
    const parts: KeyPart[] = text.charCodeAt(0) === BRACKET ? JSON.parse(text) : [text];
    return Object.fromEntries(this.names.map((name, i) => [name, parts[i] ?? null]));
  }
}

const BRACKET = "[".charCodeAt(0);

/** A string that could be taken for a JSON array is written as one. */
function textOfOne(part: KeyPart | undefined): string {
  return typeof part === "string" && part.charCodeAt(0) !== BRACKET ? part : JSON.stringify([part ?? null]);
}

/** The text that a key of these parts is filed under. */
export function keyTextOf(parts: readonly KeyPart[]): string {
  return parts.length === 1 ? textOfOne(parts[0]) : JSON.stringify(parts);
}
