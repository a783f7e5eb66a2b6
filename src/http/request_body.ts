// Takes in a request's body as JSON: bytes counted against a limit, in bounded time, strictly UTF-8, nested no deeper than
// the pipeline takes. Knows nothing of what the JSON is about.
import { Buffer } from "node:buffer";
import { DUPLICATE_NAME, parseJson } from "../engine/decode.ts";
import { Deadlines } from "./deadlines.ts";
import type { Refusal } from "./problem.ts";

export interface BodyLimits {
  readonly maxBytes: number;
  /** From the first look at the body to its last byte. */
  readonly timeoutMs: number;
}

/** Reads the bodies of requests, all with the same limits. */
export class BodyReader {
  readonly #deadlines: Deadlines;

  constructor(readonly limits: BodyLimits) {
    this.#deadlines = new Deadlines(limits.timeoutMs);
  }

  /** Reads the body as JSON. Never rejects for what a client did. */
  async json(request: Request): Promise<Body> {
    const { limits } = this;
    const { headers } = request;
    const encoding = headers.get("content-encoding");
    if (encoding !== null && encoding.trim().toLowerCase() !== "identity") {
      return refused("unsupported_media_type", "The body has a Content-Encoding: send it as it is");
    }
    const declared = headers.get("content-length");
    if (Number(declared ?? NaN) > limits.maxBytes) return tooLarge(limits);
    const bytes = request.body === null ? NOTHING : await this.#bytes(request, declared !== null);
    if (bytes === "too_large") return tooLarge(limits);
    if (bytes === "too_slow") {
      return refused("body_timeout", `The body was not complete after ${limits.timeoutMs / 1000} s`);
    }
    if (bytes === "broken") return refused("malformed_body", "The body broke off");
    return bytes.length === 0 ? { kind: "none" } : jsonOf(bytes, headers.get("content-type"));
  }

  /** The body's bytes, or why not. A declared length is held to by the server; without one, what really comes is counted. */
  async #bytes(request: Request, isDeclared: boolean): Promise<Bytes> {
    const late = Promise.withResolvers<"too_slow">();
    const reader = isDeclared ? undefined : request.body!.getReader();
    const done = this.#deadlines.start(() => late.resolve("too_slow"));
    try {
      return await Promise.race([reader ? count(reader, this.limits.maxBytes) : request.bytes(), late.promise]);
    } catch {
      return "broken";
    } finally {
      done();
      // What still comes of the body is of no interest.
      reader?.cancel().catch(() => {});
    }
  }
}

/** A body: none at all, JSON with its bytes, or why it is refused. */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly bytes: Uint8Array; readonly text: string; readonly json: unknown }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const refused = (code: Refusal["code"], detail: string): Body => ({ kind: "refused", refusal: { code, detail } });

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

type Bytes = Uint8Array | "too_large" | "too_slow" | "broken";

async function count(reader: ReadableStreamDefaultReader<Uint8Array>, maxBytes: number): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    size += read.value.length;
    if (size > maxBytes) return "too_large";
    chunks.push(read.value);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}
