// A record's headers, as they are read: a name may be there several times.

import type { HeaderValue, LogRecord } from "./log.ts";

export class HeadersBuilder {
  readonly #headers = new Map<string, HeaderValue | HeaderValue[]>();

  add(name: string, value: HeaderValue): void {
    const before = this.#headers.get(name);
    const isRepeated = before !== undefined;
    this.#headers.set(name, isRepeated ? [...Array.isArray(before) ? before : [before], value] : value);
  }

  build(): LogRecord["headers"] {
    return Object.fromEntries(this.#headers);
  }
}

/** One value after the other, those of a repeated name too. */
export function* eachHeader(headers: LogRecord["headers"]): Generator<readonly [name: string, value: HeaderValue]> {
  for (const name in headers) {
    const value = headers[name]!;
    if (value === null || value instanceof Uint8Array) yield [name, value];
    else for (const one of value) yield [name, one];
  }
}
