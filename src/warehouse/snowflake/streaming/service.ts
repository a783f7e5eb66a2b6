// The REST API of Snowpipe Streaming, high-performance architecture: one method a request, each with the login that it needs.
// Must not know what a channel's owner does with the answers.
// https://docs.snowflake.com/en/user-guide/snowpipe-streaming/snowpipe-streaming-high-performance-rest-api

import { setTimeout as delay } from "node:timers/promises";
import { Deadline } from "../../../deadline.ts";
import { connectFailure, messageIn } from "../../../errors.ts";
import { isLoginRefused, isPassing, StreamingError, translateStreaming } from "./codes.ts";
import { Streamed } from "./streamed.ts";
import { type Identity, jwtOf, TOKEN_MS } from "./tokens.ts";

export interface ServiceOptions extends Identity {
  /** `https://MYORG-MYACCOUNT.snowflakecomputing.com`. */
  readonly accountUrl: string;
  readonly database: string;
  readonly schema: string;
  readonly limits: StreamingLimits;
}

/** How long things may take. */
export interface StreamingLimits {
  /** How long a request may take, milliseconds. */
  readonly requestMs: number;
  /** How long a request is tried again that may go through later, milliseconds. */
  readonly retryMs: number;
  /** How long rows that the service has taken may need to be stored, milliseconds. */
  readonly storedMs: number;
  /** How long the service may need to count them, or SQL to see them, milliseconds. */
  readonly countedMs: number;
}

/** What the service knows of a channel. */
export interface ChannelStatus {
  /** `ACTIVE`, or a code of what is wrong with it. */
  readonly code: string;
  /** Of the last row that is in the table; `null` before the first. */
  readonly token: number | null;
  /** Rows that came into the table since the channel was made. */
  readonly inserted: number;
  /** Rows that were skipped since then. */
  readonly errors: number;
  /** The last of them. */
  readonly lastError: string | undefined;
}

export interface OpenedChannel {
  readonly status: ChannelStatus;
  /** For the first append. */
  readonly continuation: string;
}

export interface Rows {
  readonly channel: string;
  readonly continuation: string;
  /** Offsets of the first and the last row. */
  readonly first: number;
  readonly last: number;
  /** Newline-delimited JSON, compressed with gzip. */
  readonly body: Uint8Array<ArrayBuffer>;
}

interface Login {
  /** `https://…` of the ingest host. */
  readonly url: string;
  readonly token: string;
  /** When it was made, by the monotonic clock. */
  readonly madeAt: number;
}

interface Request {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** Before a request is sent again, milliseconds; twice as long each time, up to the most. */
const FIRST_PAUSE_MS = 100;
const MOST_PAUSE_MS = 5_000;

const JSON_TYPE = { "content-type": "application/json" };

/** What all who use the service share. */
interface Shared {
  login: Promise<Login> | undefined;
  readonly streamed: Streamed;
}

export class StreamingService {
  readonly #options: ServiceOptions;
  #shared: Shared = { login: undefined, streamed: new Streamed() };
  #stop: AbortSignal | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** The same service for one who may stop: once the signal is aborted, its requests and retries end with the signal's reason. */
  until(signal: AbortSignal): StreamingService {
    const service = new StreamingService(this.#options);
    service.#shared = this.#shared;
    service.#stop = signal;
    return service;
  }

  get streamed(): Streamed {
    return this.#shared.streamed;
  }

  get limits(): StreamingLimits {
    return this.#options.limits;
  }

  /** Logs in, so that a mistake in the settings is told at once. Errors: of the port. */
  async check(): Promise<void> {
    try {
      await this.#patiently(() => this.#loggedIn());
    } catch (error) {
      throw translateStreaming(error, "");
    }
  }

  /** Opens the channel, making it where there is none: whoever had it open before is fenced off, what it had under way is gone. */
  async open(pipe: string, channel: string): Promise<OpenedChannel> {
    const answer = await this.#ask({
      method: "PUT",
      path: this.#channelPath(pipe, channel),
      headers: JSON_TYPE,
      body: "{}",
    });
    const { next_continuation_token: continuation, channel_status: status } = objectOf(answer);
    if (typeof continuation !== "string") throw unexpected("opening a channel", answer);
    return { continuation, status: statusOf(status) };
  }

  /** Resolves with the continuation token for the rows that come next. The rows are not stored yet. */
  async append(pipe: string, { channel, continuation, first, last, body }: Rows): Promise<string> {
    const query = new URLSearchParams({
      continuationToken: continuation,
      startOffsetToken: String(first),
      endOffsetToken: String(last),
    });
    const answer = await this.#ask({
      method: "POST",
      path: `/v2/streaming/data${this.#channelPath(pipe, channel).slice("/v2/streaming".length)}/rows?${query}`,
      headers: { "content-type": "application/x-ndjson", "content-encoding": "gzip" },
      body,
    });
    const { next_continuation_token: next } = objectOf(answer);
    if (typeof next !== "string") throw unexpected("appending rows", answer);
    return next;
  }

  /** Of the channels that there are. */
  async statuses(pipe: string, channels: readonly string[]): Promise<ReadonlyMap<string, ChannelStatus>> {
    const body = JSON.stringify({ channel_names: channels });
    const path = `${this.#pipePath(pipe)}:bulk-channel-status`;
    const answer = await this.#ask({ method: "POST", path, headers: JSON_TYPE, body });
    const statuses = objectOf(objectOf(answer).channel_statuses);
    return new Map(Object.entries(statuses).map(([name, status]) => [name, statusOf(status)]));
  }

  async drop(pipe: string, channel: string): Promise<void> {
    await this.#ask({ method: "DELETE", path: this.#channelPath(pipe, channel), headers: {} });
  }

  #pipePath(pipe: string): string {
    const { database, schema } = this.#options;
    const [d, s, p] = [database, schema, pipe].map(encodeURIComponent);
    return `/v2/streaming/databases/${d}/schemas/${s}/pipes/${p}`;
  }

  #channelPath(pipe: string, channel: string): string {
    return `${this.#pipePath(pipe)}/channels/${encodeURIComponent(channel)}`;
  }

  /** A request to the ingest host, sent again where that may help. */
  async #ask({ path, ...request }: Omit<Request, "url"> & { readonly path: string }): Promise<unknown> {
    return await this.#patiently(async () => {
      const login = await this.#loggedIn();
      try {
        const headers = { ...request.headers, authorization: `Bearer ${login.token}` };
        return await this.#send({ ...request, url: login.url + path, headers });
      } catch (error) {
        // The token may have expired before its time: once more with a new one.
        if (!(error instanceof StreamingError) || !isLoginRefused(error)) throw error;
        const again = await this.#loggedIn(login);
        const headers = { ...request.headers, authorization: `Bearer ${again.token}` };
        return await this.#send({ ...request, url: again.url + path, headers });
      }
    });
  }

  /** The login of now; another than `spent`, if that is given. */
  async #loggedIn(spent?: Login): Promise<Login> {
    const login = await this.#shared.login?.catch(() => undefined);
    if (login !== undefined && login !== spent && performance.now() - login.madeAt < TOKEN_MS) return login;
    const making = this.#logIn();
    this.#shared.login = making;
    return await making;
  }

  async #logIn(): Promise<Login> {
    const { accountUrl } = this.#options;
    const jwt = await jwtOf(this.#options, Date.now());
    const authorization = `Bearer ${jwt}`;
    const asked = await this.#send({
      method: "GET",
      url: `${accountUrl}/v2/streaming/hostname`,
      headers: { authorization, "x-snowflake-authorization-token-type": "KEYPAIR_JWT" },
    });
    const host = textIn(asked, "hostname").replaceAll("_", "-");
    const exchanged = await this.#send({
      method: "POST",
      url: `${accountUrl}/oauth/token`,
      headers: { authorization, "content-type": "application/x-www-form-urlencoded" },
      body: `${new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", scope: host })}`,
    });
    const { protocol } = new URL(accountUrl);
    return { url: `${protocol}//${host}`, token: textIn(exchanged, "token"), madeAt: performance.now() };
  }

  /** Sends again what may go through later, until the time is up. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const until = performance.now() + this.#options.limits.retryMs;
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        this.#stop?.throwIfAborted();
        if (!(error instanceof StreamingError) || !isPassing(error)) throw error;
        // One that asks for no pause at all gets one.
        const waitMs = error.retryAfterMs || pauseMs * (0.5 + Math.random() / 2);
        if (performance.now() + waitMs > until) throw error;
        await this.#pause(waitMs);
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    using pause = new Deadline(this.#stop === undefined ? {} : { signal: this.#stop });
    await pause.within(delay(ms, undefined, { signal: pause.signal }));
  }

  /** The answer's body: JSON, or a text. Errors: `StreamingError`. */
  async #send(request: Request): Promise<unknown> {
    const { streamed } = this.#shared;
    try {
      const answer = await this.#answerTo(request);
      // Counted by its end only: a counter must not go down where one under way fails.
      streamed.accepted++;
      return answer;
    } catch (error) {
      streamed.refused++;
      throw error;
    }
  }

  async #answerTo({ method, url, headers, body }: Request): Promise<unknown> {
    const { requestMs } = this.#options.limits;
    using deadline = new Deadline({
      ...(this.#stop === undefined ? {} : { signal: this.#stop }),
      timeoutMs: requestMs,
      late: () => new Error(`no answer within ${requestMs / 1000} s`),
    });
    const what = `${method} ${new URL(url).pathname}`;
    let status = 0;
    let retryAfter: string | null = null;
    let text: string;
    try {
      const init = { method, headers: { ...headers, "user-agent": "Freshet" }, body: body ?? null };
      const response = await fetch(url, { ...init, redirect: "manual", signal: deadline.signal });
      status = response.status;
      retryAfter = response.headers.get("retry-after");
      text = await response.text();
    } catch (cause) {
      throw new StreamingError(0, "", `${what}: ${connectFailure(cause) ?? messageIn(cause)}`, { cause });
    }
    if (status >= 200 && status < 300) return jsonOr(text);
    const { code, error_code, message } = objectOf(jsonOr(text));
    const named = [code, error_code].find((it) => typeof it === "string") ?? "";
    const said = typeof message === "string" ? message : text.slice(0, 200);
    throw new StreamingError(status, String(named), `${what}: HTTP ${status} ${named} ${said}`.trimEnd(), {
      retryAfterMs: retryAfter !== null && Number(retryAfter) >= 0 ? Number(retryAfter) * 1000 : undefined,
    });
  }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

/** The reference shows an object, the tutorial a bare text: either. */
function textIn(answer: unknown, name: string): string {
  const text = typeof answer === "string" ? answer.trim() : objectOf(answer)[name];
  if (typeof text === "string" && text !== "") return text;
  throw unexpected(`asking for the ${name}`, answer);
}

function unexpected(doing: string, answer: unknown): StreamingError {
  const said = JSON.stringify(answer)?.slice(0, 200);
  return new StreamingError(0, "", `Snowpipe Streaming answered something else than documented when ${doing}: ${said}`);
}

/** Opening says `rows_error_count` where the bulk status says `rows_errors`. */
function statusOf(status: unknown): ChannelStatus {
  const { channel_status_code, last_committed_offset_token: token, rows_inserted, last_error_message, ...counts } =
    objectOf(
      status,
    );
  return {
    code: String(channel_status_code ?? ""),
    token: token === null || token === undefined || token === "" ? null : Number(token),
    inserted: Number(rows_inserted ?? 0),
    errors: Number(counts.rows_errors ?? counts.rows_error_count ?? 0),
    lastError: typeof last_error_message === "string" && last_error_message !== "" ? last_error_message : undefined,
  };
}
