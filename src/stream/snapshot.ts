// A snapshot of keyed state: bytes one after the other, and how JSON and arrays of words lie in them. Words are in the
// machine's own order: whoever reads it is on the machine that wrote it.

/** Takes bytes one after the other. */
export interface ByteSink {
  /** Takes all of them before it returns. Throws when there is no room. */
  write(bytes: Uint8Array): void;
}

/** Gives bytes one after the other. */
export interface ByteSource {
  /** Fills `into`. Throws when there are not as many any more. */
  read(into: Uint8Array): void;
}

/** Values of a list that are written at once. */
const PAGE = 1000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const bytesOf = (words: Uint32Array) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** Writes what {@link SnapshotReader} reads, in the same order. */
export class SnapshotWriter {
  constructor(private readonly sink: ByteSink) {}

  json(value: unknown): void {
    const bytes = encoder.encode(JSON.stringify(value));
    this.#length(bytes.length);
    this.sink.write(bytes);
  }

  /** Values one after the other, never all of them in memory. */
  list(values: Iterable<unknown>): void {
    let page: unknown[] = [];
    for (const value of values) {
      if (page.push(value) < PAGE) continue;
      this.json(page);
      page = [];
    }
    if (page.length > 0) this.json(page);
    this.json([]);
  }

  words(words: Uint32Array): void {
    this.#length(words.length);
    this.sink.write(bytesOf(words));
  }

  #length(length: number): void {
    this.sink.write(bytesOf(Uint32Array.of(length)));
  }
}

/** Reads what {@link SnapshotWriter} wrote. Throws where there is something else. */
export class SnapshotReader {
  constructor(private readonly source: ByteSource) {}

  json<T>(): T {
    const bytes = new Uint8Array(this.#length());
    this.source.read(bytes);
    return JSON.parse(decoder.decode(bytes)) as T;
  }

  *list<T>(): Generator<T> {
    for (let page = this.json<T[]>(); page.length > 0; page = this.json<T[]>()) yield* page;
  }

  words(): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(this.#length());
    this.source.read(bytesOf(words));
    return words;
  }

  #length(): number {
    const length = new Uint32Array(1);
    this.source.read(bytesOf(length));
    return length[0]!;
  }
}
