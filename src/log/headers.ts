// A record's headers, as they are read: a name may be there several times.

import type { LogRecord } from "./log.ts";

export class HeadersBuilder {
  readonly #headers = new Map<string, Uint8Array | Uint8Array[]>();

  add(name: string, value: Uint8Array): void {
    const before = this.#headers.get(name);
    const isRepeated = before !== undefined;
    this.#headers.set(name, isRepeated ? [...Array.isArray(before) ? before : [before], value] : value);
  }

  build(): LogRecord["headers"] {
    return Object.fromEntries(this.#headers);
  }
}
