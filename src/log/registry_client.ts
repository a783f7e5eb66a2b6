// Asks a Schema Registry with Confluent's API: logs in, tries again, and gives up for a while when there are no answers. Knows
// nothing of schemas. Repeats no credentials in its messages.

import { circuitBreaker, ConsecutiveBreaker, ExponentialBackoff, handleType, isBrokenCircuitError } from "cockatiel";
import { systemClock } from "../clock.ts";
import { SchemaRegistryRefusedError, SchemaRegistryUnavailableError } from "../errors.ts";

/** How to log in. */
export type RegistryLogin =
  | { readonly kind: "basic"; readonly user: string; readonly password: string }
  | { readonly kind: "bearer"; readonly token: string };

export interface RegistryClientSettings {
  /** Base address, such as `https://psrc-1.aws.confluent.cloud`, without credentials. */
  readonly url: string;
  readonly login?: RegistryLogin;
  /** How long one answer may take, milliseconds. */
  readonly timeoutMs?: number;
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
/** Error codes that Confluent's API gives to what it does not know: subject, version, schema. */
const NOT_FOUND_CODES = new Set([40401, 40402, 40403]);
const MAX_MESSAGE = 300;
const CONTENT_TYPE = "application/vnd.schemaregistry.v1+json";

/** A registry's answer. */
export interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

export class RegistryClient {
  readonly #settings: RegistryClientSettings;
  readonly #closed = new AbortController();
  readonly #breaker = circuitBreaker(handleType(SchemaRegistryUnavailableError), {
    halfOpenAfter: BREAK_MS,
    breaker: new ConsecutiveBreaker(BREAK_AFTER),
  });

  constructor(settings: RegistryClientSettings) {
    this.#settings = { ...settings, url: settings.url.replace(/\/+$/, "") };
  }

  get url(): string {
    return this.#settings.url;
  }

  /** Ends what is under way: it rejects. */
  close(): void {
    this.#closed.abort(new SchemaRegistryUnavailableError("The Schema Registry's client was closed"));
  }

  /** Rejects with `SchemaRegistryUnavailableError`. */
  async request(method: string, path: string, body?: string): Promise<Answer> {
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
      await this.pause(pause.duration);
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

  /** What an answer means that is none of those asked for. */
  refusal({ status, json }: Answer, subject?: string): SchemaRegistryRefusedError {
    const at = `The Schema Registry at ${this.#settings.url}`;
    const said = saidIn(json);
    if (status === 401 || status === 403) {
      const check = "check SCHEMA_REGISTRY_API_KEY and SCHEMA_REGISTRY_API_SECRET (or SCHEMA_REGISTRY_TOKEN)";
      const may = subject ? ` and that they may register "${subject}"` : "";
      return new SchemaRegistryRefusedError(`${at} refused the login (${status}): ${check}${may}`);
    }
    if (subject !== undefined && status === 422) {
      return new SchemaRegistryRefusedError(`${at} takes no such schema for "${subject}" (${status})${said}`);
    }
    return new SchemaRegistryRefusedError(
      `${at} answered ${status} where Confluent's API would not${said}: check SCHEMA_REGISTRY_URL`,
    );
  }

  /** Waits, unless the client is closed. */
  pause(ms: number): Promise<void> {
    return systemClock.sleep(ms, this.#closed.signal);
  }
}

function authorization(login: RegistryLogin): string {
  if (login.kind === "bearer") return `Bearer ${login.token}`;
  return `Basic ${new TextEncoder().encode(`${login.user}:${login.password}`).toBase64()}`;
}

/** Whether the registry itself says that it does not know, rather than that somebody else does not know the path. */
export function isNotFound({ status, json }: Answer): boolean {
  return status === 404 && NOT_FOUND_CODES.has(Number(json?.error_code));
}

/** What the registry says in words, after a colon. */
export function saidIn(json: Answer["json"]): string {
  return typeof json?.message === "string" ? `: ${json.message.slice(0, MAX_MESSAGE)}` : "";
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
