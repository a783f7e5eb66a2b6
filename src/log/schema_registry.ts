// Client of a Schema Registry with Confluent's API: what type a schema is that a record names, and the id of a schema that
// records are written by. Remembers both, so that a registry that is down stops new schemas, not known ones. Knows nothing of
// records. Repeats no credentials in its messages.

import { circuitBreaker, ConsecutiveBreaker, ExponentialBackoff, handleType, isBrokenCircuitError } from "cockatiel";
import { SchemaRegistryRefusedError, SchemaRegistryUnavailableError } from "../errors.ts";
import type { SchemaTypes } from "./log.ts";
import type { SchemaRef } from "./wire_format.ts";

/** How to log in. */
export type RegistryLogin =
  | { readonly kind: "basic"; readonly user: string; readonly password: string }
  | { readonly kind: "bearer"; readonly token: string };

export interface SchemaRegistrySettings {
  /** Base address, such as `https://psrc-1.aws.confluent.cloud`, without credentials. */
  readonly url: string;
  readonly login?: RegistryLogin;
  /** How long one answer may take, milliseconds. */
  readonly timeoutMs?: number;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Of HTTP; for tests. */
  readonly fetch?: typeof fetch;
}

const TIMEOUT_MS = 5_000;
/** Tries of one request, and the pause before the second, milliseconds. */
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;
/** After so many failures in a row it is not asked for a while: whoever waits for an answer learns at once. */
const BREAK_AFTER = 6;
const BREAK_MS = 2_000;
/** A registry's replica may not know yet what was just registered at another: unknown ids are asked for once more. */
const ASK_AGAIN_MS = 500;
/** How long an unknown id is not asked for again, and how many are remembered. */
const UNKNOWN_MS = 60_000;
const MAX_UNKNOWN = 10_000;
/** Error codes that Confluent's API gives to what it does not know: subject, version, schema. */
const NOT_FOUND_CODES = new Set([40401, 40402, 40403]);
const MAX_MESSAGE = 300;
const CONTENT_TYPE = "application/vnd.schemaregistry.v1+json";

/** A registry's answer. */
interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

export class SchemaRegistry implements SchemaTypes {
  readonly #settings: SchemaRegistrySettings;
  readonly #types = new Map<SchemaRef, string>();
  /** When each was found to be unknown, epoch milliseconds. */
  readonly #unknown = new Map<SchemaRef, number>();
  readonly #asked = new Map<SchemaRef, Promise<void>>();
  readonly #ids = new Map<string, Promise<number>>();
  readonly #closed = new AbortController();
  readonly #breaker = circuitBreaker(handleType(SchemaRegistryUnavailableError), {
    halfOpenAfter: BREAK_MS,
    breaker: new ConsecutiveBreaker(BREAK_AFTER),
  });

  constructor(settings: SchemaRegistrySettings) {
    this.#settings = { ...settings, url: settings.url.replace(/\/+$/, "") };
  }

  /** For people: the address. */
  get description(): string {
    return this.#settings.url;
  }

  typeOf(schema: SchemaRef): string | undefined {
    return this.#types.get(schema);
  }

  /** Whether {@link learn} would ask the registry. */
  mustAsk(schema: SchemaRef): boolean {
    if (this.#types.has(schema)) return false;
    const unknownSince = this.#unknown.get(schema);
    return unknownSince === undefined || this.#now() - unknownSince > UNKNOWN_MS;
  }

  /**
   * Asks for the types of schemas: {@link typeOf} knows them afterwards, or they are unknown to the registry, too.
   * Rejects with `SchemaRegistryUnavailableError` or `SchemaRegistryRefusedError`.
   */
  async learn(schemas: Iterable<SchemaRef>): Promise<void> {
    const asking = [...schemas].filter((schema) => this.mustAsk(schema)).map((schema) => {
      let asked = this.#asked.get(schema);
      if (!asked) {
        asked = this.#ask(schema).finally(() => this.#asked.delete(schema));
        this.#asked.set(schema, asked);
      }
      return asked;
    });
    const failed = (await Promise.allSettled(asking)).find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  /**
   * The id of the schema (JSON Schema as text) under the subject, registered when it is not there yet. Rejects as
   * {@link learn} does, also when the registry finds the schema incompatible with its predecessor.
   */
  idOf(subject: string, schema: string): Promise<number> {
    const key = JSON.stringify([subject, schema]);
    let id = this.#ids.get(key);
    if (!id) {
      id = this.#register(subject, schema);
      this.#ids.set(key, id);
      // What failed is tried again by whoever asks next.
      id.catch(() => this.#ids.delete(key));
    }
    return id;
  }

  /** Ends what is under way: it rejects. */
  close(): void {
    this.#closed.abort(new SchemaRegistryUnavailableError("The Schema Registry's client was closed"));
  }

  async #ask(schema: SchemaRef): Promise<void> {
    const path = typeof schema === "number" ? `/schemas/ids/${schema}` : `/schemas/guids/${schema}`;
    for (let again = true;; again = false) {
      const answer = await this.#request("GET", path);
      if (answer.status === 200 && answer.json !== undefined) {
        // A schema without a type is Avro, the type that was there first.
        const { schemaType = "AVRO" } = answer.json;
        this.#types.set(schema, String(schemaType).toUpperCase());
        this.#unknown.delete(schema);
        return;
      }
      // Registries before GUIDs do not know the path at all.
      if (!isNotFound(answer) && !(typeof schema === "string" && answer.status === 404)) throw this.#refusal(answer);
      if (!again) break;
      await this.#pause(ASK_AGAIN_MS);
    }
    if (this.#unknown.size >= MAX_UNKNOWN) this.#unknown.delete(this.#unknown.keys().next().value!);
    this.#unknown.set(schema, this.#now());
  }

  /** Looks first, so that a login that may only read will do when the schema is there already. */
  async #register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}`;
    const body = JSON.stringify({ schemaType: "JSON", schema });
    let answer = await this.#request("POST", path, body);
    if (isNotFound(answer)) answer = await this.#request("POST", `${path}/versions`, body);
    const id = answer.json?.id;
    if (answer.status !== 200 || !Number.isSafeInteger(id)) throw this.#refusal(answer, subject);
    this.#types.set(id as number, "JSON");
    return id as number;
  }

  async #request(method: string, path: string, body?: string): Promise<Answer> {
    // Not cockatiel's retry: its pauses outlast a signal, and hold the process up.
    let pause = new ExponentialBackoff({ initialDelay: FIRST_PAUSE_MS }).next();
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#breaker.execute(() => this.#send(method, path, body));
      } catch (error) {
        if (this.#closed.signal.aborted) throw this.#closed.signal.reason;
        if (isBrokenCircuitError(error)) throw this.#unavailable("it has not answered lately", error);
        if (attempt === ATTEMPTS || !(error instanceof SchemaRegistryUnavailableError)) throw error;
      }
      await this.#pause(pause.duration);
      pause = pause.next({});
    }
  }

  /** One request. Rejects when there is no answer, or one that says that there will be another later. */
  async #send(method: string, path: string, body?: string): Promise<Answer> {
    const { url, login, timeoutMs = TIMEOUT_MS, fetch = globalThis.fetch } = this.#settings;
    const headers: Record<string, string> = { accept: `${CONTENT_TYPE}, application/json` };
    if (body !== undefined) headers["content-type"] = CONTENT_TYPE;
    if (login) headers.authorization = authorization(login);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    const signal = AbortSignal.any([this.#closed.signal, deadline.signal]);
    try {
      const response = await fetch(url + path, { method, headers, body, signal });
      const text = await response.text();
      const { status } = response;
      if (status === 408 || status === 429 || status >= 500) throw this.#unavailable(`it answered ${status}`);
      return { status, json: objectOf(text) };
    } catch (error) {
      if (error instanceof SchemaRegistryUnavailableError) throw error;
      const why = deadline.signal.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error);
      throw this.#unavailable(why, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #unavailable(why: string, cause?: unknown): SchemaRegistryUnavailableError {
    return new SchemaRegistryUnavailableError(`The Schema Registry at ${this.#settings.url} does not answer: ${why}`, {
      cause,
    });
  }

  #refusal({ status, json }: Answer, subject?: string): SchemaRegistryRefusedError {
    const at = `The Schema Registry at ${this.#settings.url}`;
    const said = typeof json?.message === "string" ? `: ${json.message.slice(0, MAX_MESSAGE)}` : "";
    if (status === 401 || status === 403) {
      const check = "check SCHEMA_REGISTRY_API_KEY and SCHEMA_REGISTRY_API_SECRET (or SCHEMA_REGISTRY_TOKEN)";
      const may = subject ? ` and that they may register "${subject}"` : "";
      return new SchemaRegistryRefusedError(`${at} refused the login (${status}): ${check}${may}`);
    }
    if (subject !== undefined && (status === 409 || status === 422)) {
      return new SchemaRegistryRefusedError(
        `${at} refused the schema of "${subject}" (${status})${said}. Change the subject's compatibility or the schema`,
      );
    }
    return new SchemaRegistryRefusedError(
      `${at} answered ${status} where Confluent's API would not${said}: check SCHEMA_REGISTRY_URL`,
    );
  }

  #now(): number {
    return (this.#settings.now ?? Date.now)();
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closed;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

function authorization(login: RegistryLogin): string {
  if (login.kind === "bearer") return `Bearer ${login.token}`;
  return `Basic ${new TextEncoder().encode(`${login.user}:${login.password}`).toBase64()}`;
}

/** Whether the registry itself says that it does not know, rather than that somebody else does not know the path. */
function isNotFound({ status, json }: Answer): boolean {
  return status === 404 && NOT_FOUND_CODES.has(Number(json?.error_code));
}

function objectOf(text: string): Answer["json"] {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? json as Answer["json"] : undefined;
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  const { message, cause } = error as { readonly message?: string; readonly cause?: { readonly message?: string } };
  return cause?.message ?? message ?? String(error);
}
