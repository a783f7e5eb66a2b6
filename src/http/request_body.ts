// Takes in a request's body as JSON: bytes counted against a limit, in bounded time and memory, strictly UTF-8, nested no
// deeper than the pipeline takes. Knows nothing of what the JSON is about.
import { Buffer } from "node:buffer";
import type { Context } from "hono";
import { DUPLICATE_NAME, parseJson } from "../engine/decode.ts";
import { BodyMemory } from "./body_memory.ts";
import { Deadlines } from "./deadlines.ts";
import type { Refusal } from "./problem.ts";

export interface BodyLimits {
  readonly maxBytes: number;
  /** From the first look at the body to its last byte. */
  readonly timeoutMs: number;
}

/** Bodies up to this many bytes are read at once: as there are so many connections, they need no other limit. */
const SMALL_BYTES = 16 * 1024;
/** What a larger body gets at first. It doubles as bytes come, whatever length was declared. */
const FIRST_BYTES = 4 * 1024;
/** Room for a read: into very little Deno reads nothing, though there is something. */
const ROOM_BYTES = 1024;

export interface BodyReaderOptions {
  readonly memory?: BodyMemory;
  /** Whose share of the memory a body takes. */
  readonly addressOf: (c: Context) => string;
}

/** Reads the bodies of requests, all with the same limits. */
export class BodyReader {
  readonly memory: BodyMemory;
  readonly #deadlines: Deadlines;
  readonly #addressOf: (c: Context) => string;

  constructor(readonly limits: BodyLimits, { memory = new BodyMemory(), addressOf }: BodyReaderOptions) {
    this.#deadlines = new Deadlines(limits.timeoutMs);
    this.memory = memory;
    this.#addressOf = addressOf;
  }

  /** Reads the body as JSON. Never rejects for what a client did. */
  async json(c: Context): Promise<Body> {
    const { limits } = this;
    const request = c.req.raw;
    const { headers } = request;
    const encoding = headers.get("content-encoding");
    if (encoding !== null && encoding.trim().toLowerCase() !== "identity") {
      return refused("unsupported_media_type", "The body has a Content-Encoding: send it as it is");
    }
    const declared = headers.get("content-length");
    if (Number(declared ?? NaN) > limits.maxBytes) return tooLarge(limits);
    const isSmall = declared !== null && Number(declared) <= SMALL_BYTES;
    const bytes = request.body === null
      ? NOTHING
      : await this.#bytes(request, isSmall ? undefined : this.#addressOf(c));
    if (bytes === "too_large") return tooLarge(limits);
    if (bytes === "too_slow") {
      return refused("body_timeout", `The body was not complete after ${limits.timeoutMs / 1000} s`);
    }
    if (bytes === "no_memory") {
      return refused(
        "too_many_bodies",
        "Bodies that are being read take all the memory that they may have",
        RETRY_SECONDS,
      );
    }
    if (bytes === "broken") return refused("malformed_body", "The body broke off");
    return bytes.length === 0 ? { kind: "none" } : jsonOf(bytes, headers.get("content-type"));
  }

  /**
   * The body's bytes, or why not. One of a small declared length, to which the server holds it, has no client: it takes no
   * share of the memory. Of others what really comes is counted.
   */
  async #bytes(request: Request, client: string | undefined): Promise<Bytes> {
    const late = Promise.withResolvers<"too_slow">();
    const growing = client === undefined ? undefined : new GrowingBody(request.body!, client, this);
    const done = this.#deadlines.start(() => late.resolve("too_slow"));
    try {
      return await Promise.race([growing ? growing.read() : request.bytes(), late.promise]);
    } catch {
      return "broken";
    } finally {
      done();
      growing?.giveUp();
    }
  }
}

/** A body that takes memory as its bytes come. */
class GrowingBody {
  readonly #reader: ReadableStreamBYOBReader | ReadableStreamDefaultReader<Uint8Array>;
  #lent = 0;
  #isGivenUp = false;

  constructor(
    body: ReadableStream<Uint8Array>,
    private readonly client: string,
    private readonly shared: Pick<BodyReader, "limits" | "memory">,
  ) {
    this.#reader = readerOf(body);
  }

  read(): Promise<Bytes> {
    return this.#reader instanceof ReadableStreamBYOBReader ? this.#fill(this.#reader) : this.#gather(this.#reader);
  }

  /** What still comes of the body is of no interest, and its memory is free again: it is parsed at once. */
  giveUp(): void {
    this.shared.memory.takeBack(this.client, this.#lent);
    this.#isGivenUp = true;
    this.#reader.cancel().catch(() => {});
  }

  /** Into one buffer, which doubles when it is full. */
  async #fill(reader: ReadableStreamBYOBReader): Promise<Bytes> {
    const { maxBytes } = this.shared.limits;
    let buffer = new ArrayBuffer(0);
    let size = 0;
    while (true) {
      if (buffer.byteLength - size < ROOM_BYTES) {
        const more = Math.min(Math.max(FIRST_BYTES, size), maxBytes + FIRST_BYTES - buffer.byteLength);
        if (!this.#borrow(more)) return "no_memory";
        buffer = buffer.transfer(buffer.byteLength + more);
      }
      const { done, value } = await reader.read(new Uint8Array(buffer, size));
      if (value === undefined) return "broken";
      buffer = value.buffer;
      size += value.byteLength;
      if (size > maxBytes) return "too_large";
      if (done) return new Uint8Array(buffer, 0, size);
    }
  }

  /** Of pieces that are there already. */
  async #gather(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Bytes> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      size += read.value.length;
      if (size > this.shared.limits.maxBytes) return "too_large";
      if (!this.#borrow(read.value.length)) return "no_memory";
      chunks.push(read.value);
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
  }

  #borrow(bytes: number): boolean {
    if (this.#isGivenUp || !this.shared.memory.lend(this.client, bytes)) return false;
    this.#lent += bytes;
    return true;
  }
}

/** One that fills a buffer of ours, where the bytes still come from a connection. */
function readerOf(body: ReadableStream<Uint8Array>) {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return body.getReader();
  }
}

/** A body: none at all, JSON with its bytes, or why it is refused. */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly bytes: Uint8Array; readonly text: string; readonly json: unknown }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const refused = (code: Refusal["code"], detail: string, retryAfter?: number): Body => ({
  kind: "refused",
  refusal: { code, detail, retryAfter },
});

function jsonOf(bytes: Uint8Array, type: string | null): Body {
  if (type === null) {
    return refused("unsupported_media_type", 'The request has no Content-Type: send "Content-Type: application/json"');
  }
  if (!isJson(type)) {
    const detail = `The Content-Type is "${type.slice(0, 100)}": send "Content-Type: application/json"`;
    return refused("unsupported_media_type", detail);
  }
  const parsed = parseJson(bytes);
  if ("stage" in parsed) {
    const { reason, detail, pointer } = parsed;
    if (reason !== DUPLICATE_NAME) return refused("malformed_body", detail);
    // It is JSON, with a field that is wrong.
    const errors = [{ pointer: pointer!, code: reason, detail }];
    return { kind: "refused", refusal: { code: "invalid_request", detail, errors } };
  }
  return { kind: "json", bytes, ...parsed };
}

const RETRY_SECONDS = 1;
const NOTHING = new Uint8Array(0);
const JSON_TYPE = /^application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)\s*(?:;(.*))?$/i;

/** Whether the media type is JSON in UTF-8. */
function isJson(type: string): boolean {
  if (type === "application/json") return true;
  const match = JSON_TYPE.exec(type.trim());
  if (!match) return false;
  const charset = /(?:^|;)\s*charset\s*=\s*"?([^";\s]*)/i.exec(match[1] ?? "")?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset);
}

function tooLarge({ maxBytes }: BodyLimits): Body {
  return refused("body_too_large", `The body has more than ${maxBytes} bytes`);
}

type Bytes = Uint8Array | "too_large" | "too_slow" | "no_memory" | "broken";
