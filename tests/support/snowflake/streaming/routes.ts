// Snowpipe Streaming by HTTP, as Snowflake documents it: the host name, the scoped token, channels, rows. Checks who asks,
// how much, and how often.

import { gunzipSync } from "node:zlib";
import { sleep } from "../answers.ts";
import { checkLogin, type User } from "../credentials.ts";
import type { Fault, Faults, StreamingRequest } from "../faults.ts";
import { ServiceRefusal, type StreamChannel, type StreamingDouble, type TablePlace } from "./service.ts";

export interface StreamingRoutesOptions {
  readonly account: string;
  readonly users: () => readonly User[];
  readonly faults: Faults;
  /** Epoch milliseconds of the server. */
  readonly now: () => number;
  /** How long a scoped token is good for. */
  readonly tokenSeconds: number;
}

export interface StreamingAsked {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As it came. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** `cut`: no answer at all. */
export type StreamingAnswer =
  | { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  | "cut";

/** A request, after it was answered. */
export interface LoggedStreaming {
  readonly at: number;
  readonly kind: StreamingRequest;
  readonly status: number;
  /** Of the body, as it came. */
  readonly bytes: number;
  /** In the body. */
  readonly rows: number;
}

const MOST_BODY_BYTES = 4_000_000;
const MOST_REQUESTS_A_SECOND = 10;
const MOST_BYTES_A_SECOND = 20_000_000;

const PIPE =
  /^\/v2\/streaming\/databases\/([^/]+)\/schemas\/([^/]+)\/pipes\/([^/]+?)(:bulk-channel-status|\/channels\/([^/]+))$/;
const ROWS = /^\/v2\/streaming\/data\/databases\/([^/]+)\/schemas\/([^/]+)\/pipes\/([^/]+)\/channels\/([^/]+)\/rows$/;

const text = new TextDecoder("utf-8", { fatal: true });

export class StreamingRoutes {
  readonly #options: StreamingRoutesOptions;
  readonly #service: StreamingDouble;
  readonly #tokens = new Map<string, number>();
  /** When requests of a channel came, and how much they held, of the last second. */
  readonly #recent = new Map<string, { readonly at: number; readonly bytes: number }[]>();
  #log: LoggedStreaming[] = [];

  constructor(service: StreamingDouble, options: StreamingRoutesOptions) {
    this.#service = service;
    this.#options = options;
  }

  static owns(path: string): boolean {
    return path.startsWith("/v2/streaming/") || path === "/oauth/token";
  }

  log(): readonly LoggedStreaming[] {
    return this.#log;
  }

  clearLog(): void {
    this.#log = [];
  }

  /** All scoped tokens are expired. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  async answer(asked: StreamingAsked): Promise<StreamingAnswer> {
    const kind = kindOf(asked);
    if (kind === undefined) return { status: 404, body: { code: "NOT_FOUND", message: asked.url.pathname } };
    const target = { request: kind, text: decodeURIComponent(asked.url.pathname), session: "" } as const;
    const fault = this.#options.faults.take(target);
    const instead = await this.#meet(fault);
    let rows = 0;
    let answer = instead;
    if (answer === undefined) {
      try {
        const done = await this.#do(kind, asked);
        rows = done.rows ?? 0;
        answer = { status: 200, body: done.body };
      } catch (error) {
        if (!(error instanceof ServiceRefusal)) throw error;
        const { status, code, message } = error;
        answer = { status, body: { code, message }, ...(status === 429 ? { headers: { "retry-after": "1" } } : {}) };
      }
    }
    if (fault?.kind === "cut_after") answer = "cut";
    if (fault?.kind === "lost_under_way") this.#service.loseUnderWay();
    const status = answer === "cut" ? 0 : answer.status;
    this.#log.push({ at: Date.now(), kind, status, bytes: asked.body.length, rows });
    return answer;
  }

  async #meet(fault: Fault | undefined): Promise<StreamingAnswer | undefined> {
    switch (fault?.kind) {
      case "status": {
        const after = fault.retryAfterSeconds;
        const headers: Record<string, string> = after === undefined ? {} : { "retry-after": String(after) };
        return { status: fault.status, body: "", headers };
      }
      case "cut_before":
        return "cut";
      case "error":
        return { status: 400, body: { code: fault.code, message: fault.message } };
      case "slow":
        await sleep(fault.ms);
        return undefined;
      case "token_expired":
        this.expireTokens();
        return undefined;
      default:
        return undefined;
    }
  }

  async #do(
    kind: StreamingRequest,
    asked: StreamingAsked,
  ): Promise<{ readonly body: unknown; readonly rows?: number }> {
    switch (kind) {
      case "hostname":
        this.#checkJwt(asked);
        // Of the tutorial: a bare text, not JSON.
        return { body: asked.headers.host };
      case "scoped token":
        return { body: this.#exchange(asked) };
      case "open": {
        const { place, channel } = this.#channelIn(asked);
        const opened = await this.#service.open(place, channel!);
        return {
          body: { next_continuation_token: opened.continuation, channel_status: statusOf(opened, "rows_error_count") },
        };
      }
      case "append":
        return this.#append(asked);
      case "channel status": {
        const { place } = this.#channelIn(asked);
        const { channel_names: names } = JSON.parse(text.decode(asked.body)) as { readonly channel_names: string[] };
        const found = this.#service.statuses(place, names);
        return {
          body: { channel_statuses: Object.fromEntries(found.map((it) => [it.name, statusOf(it, "rows_errors")])) },
        };
      }
      case "drop": {
        const { place, channel } = this.#channelIn(asked);
        this.#service.drop(place, channel!);
        return { body: "" };
      }
    }
  }

  #append(asked: StreamingAsked): { readonly body: unknown; readonly rows: number } {
    const { place, channel } = this.#channelIn(asked, ROWS);
    if (asked.body.length > MOST_BODY_BYTES) {
      throw new ServiceRefusal(413, "PAYLOAD_TOO_LARGE", "At most 4 MB a request");
    }
    const isPacked = asked.headers["content-encoding"] === "gzip";
    const body = text.decode(isPacked ? gunzipSync(asked.body) : asked.body);
    if (!body.endsWith("\n")) {
      throw new ServiceRefusal(400, "INVALID_NDJSON", "Each JSON text must end in a line break");
    }
    const lines = body.slice(0, -1).split("\n");
    this.#checkLines(lines);
    this.#checkRate(`${place.schema}/${channel}`, body.length);
    const query = asked.url.searchParams;
    const [first, last] = ["startOffsetToken", "endOffsetToken"].map((name) => Number(query.get(name)));
    const rows = { continuation: query.get("continuationToken") ?? "", first: first!, last: last!, lines };
    return { body: { next_continuation_token: this.#service.append(place, channel!, rows) }, rows: lines.length };
  }

  #checkLines(lines: readonly string[]): void {
    // To read every line takes longer than to store it: where rows are only counted, the first and the last are looked at.
    const looked = this.#service.behaviour.storesRows ? lines : [lines[0]!, lines.at(-1)!];
    for (const line of looked) {
      try {
        JSON.parse(line);
      } catch {
        throw new ServiceRefusal(400, "INVALID_NDJSON", `Not JSON: ${line.slice(0, 80)}`);
      }
    }
  }

  #checkRate(channel: string, bytes: number): void {
    const now = performance.now();
    const recent = (this.#recent.get(channel) ?? []).filter(({ at }) => at > now - 1_000);
    this.#recent.set(channel, recent);
    const sent = recent.reduce((sum, it) => sum + it.bytes, 0);
    if (recent.length >= MOST_REQUESTS_A_SECOND || sent > MOST_BYTES_A_SECOND) {
      throw new ServiceRefusal(429, "TOO_MANY_REQUESTS", "The channel has had its requests of this second");
    }
    recent.push({ at: now, bytes });
  }

  /** The table and the channel that a request names, if its scoped token is good. */
  #channelIn({ url, headers }: StreamingAsked, pattern = PIPE) {
    const until = this.#tokens.get(bearerOf(headers.authorization));
    if (until === undefined || this.#options.now() >= until) {
      throw new ServiceRefusal(401, "390318", "The token is invalid or expired");
    }
    const [, database, schema, pipe, ...rest] = pattern.exec(url.pathname)!.map((part) =>
      decodeURIComponent(part ?? "")
    );
    if (!pipe!.endsWith("-STREAMING")) {
      throw new ServiceRefusal(404, "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", `No pipe ${pipe}`);
    }
    const place: TablePlace = { database: database!, schema: schema!, table: pipe!.slice(0, -"-STREAMING".length) };
    return { place, channel: rest.at(-1) };
  }

  #checkJwt({ headers }: StreamingAsked): void {
    const token = bearerOf(headers.authorization);
    const { account, users, now } = this.#options;
    let subject: string;
    try {
      subject = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))).sub;
    } catch {
      throw new ServiceRefusal(401, "390144", "JWT token is invalid");
    }
    const data = { AUTHENTICATOR: "SNOWFLAKE_JWT", LOGIN_NAME: subject.split(".").at(-1)!, TOKEN: token };
    const outcome = checkLogin(data, { account, users: users(), nowMs: now() });
    if (!("user" in outcome)) throw new ServiceRefusal(401, outcome.code, outcome.message);
  }

  #exchange(asked: StreamingAsked): string {
    this.#checkJwt(asked);
    const form = new URLSearchParams(text.decode(asked.body));
    if (
      form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer" ||
      form.get("scope") !== asked.headers.host
    ) {
      throw new ServiceRefusal(400, "INVALID_REQUEST", "grant_type or scope");
    }
    const token = crypto.randomUUID();
    this.#tokens.set(token, this.#options.now() + this.#options.tokenSeconds * 1000);
    return token;
  }
}

function kindOf({ method, url }: StreamingAsked): StreamingRequest | undefined {
  const path = url.pathname;
  if (path === "/v2/streaming/hostname" && method === "GET") return "hostname";
  if (path === "/oauth/token" && method === "POST") return "scoped token";
  if (ROWS.test(path) && method === "POST") return "append";
  const rest = PIPE.exec(path)?.[4];
  if (rest === ":bulk-channel-status" && method === "POST") return "channel status";
  if (rest === undefined) return undefined;
  return method === "PUT" ? "open" : method === "DELETE" ? "drop" : undefined;
}

function bearerOf(header: string | string[] | undefined): string {
  return String(header ?? "").replace(/^Bearer /, "");
}

function statusOf(channel: StreamChannel, errors: "rows_error_count" | "rows_errors") {
  return {
    database_name: channel.place.database,
    schema_name: channel.place.schema,
    pipe_name: `${channel.place.table}-STREAMING`,
    channel_name: channel.name,
    channel_status_code: channel.status,
    last_committed_offset_token: channel.token === null ? null : String(channel.token),
    created_on_ms: channel.createdAt,
    rows_inserted: channel.inserted,
    rows_parsed: channel.inserted + channel.errors,
    [errors]: channel.errors,
    last_error_offset_upper_bound: channel.lastErrorToken === null ? null : String(channel.lastErrorToken),
    last_error_message: channel.lastError,
  };
}
