// The double's face: an HTTP server that speaks what Snowflake's drivers speak. Logs in, keeps sessions and tokens,
// passes statements to the SQL side, answers retries of a request, and lets faults happen.

import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import { cut, ok, refuse, send, sleep } from "./answers.ts";
import { Chunks } from "./chunks.ts";
import type { LoginData, User } from "./credentials.ts";
import type { Engine, EngineAnswer } from "./engine.ts";
import { type Fault, Faults } from "./faults.ts";
import { loginAnswer, openSession } from "./login.ts";
import { type LoggedStatement, sqlTextOf, StatementLog } from "./log.ts";
import { StreamingRoutes } from "./streaming/routes.ts";
import { EXPIRED, GONE, type ProxySession, type Refusal, Sessions } from "./sessions.ts";

export interface ProxyOptions {
  readonly account: string;
  readonly tokenSeconds: number;
  readonly masterTokenSeconds: number;
  /** A statement that takes longer is answered with "in progress" and a place to ask again. Snowflake: 45 s. */
  readonly inProgressAfterMs: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Of the body as it came, maybe compressed. */
  readonly sentBytes: number;
}

const text = new TextDecoder();
const isRefusal = (found: ProxySession | Refusal): found is Refusal => "code" in found;

export class Proxy implements AsyncDisposable {
  readonly faults = new Faults();
  readonly log = new StatementLog();
  readonly chunks = new Chunks();
  readonly loginFailures: { readonly user: string; readonly code: string; readonly reason: string }[] = [];
  readonly sessions: Sessions;
  users: User[];
  latencyMs = 0;
  /** A body that is longer, as it is sent, is answered with 413, as by a proxy before Snowflake. */
  maxRequestBytes = Infinity;
  clockOffsetMs = 0;
  /** Snowpipe Streaming. */
  streaming?: StreamingRoutes;
  /** Answers paths of the double's own, when it runs as a process of its own. */
  ownPaths?: (exchange: { path: string; method: string; body: string }) => Promise<unknown>;
  readonly #engine: Engine;
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #results = new Map<string, Promise<EngineAnswer | undefined>>();
  #sessionNumber = 1000;
  #origin = "";

  constructor(engine: Engine, users: readonly User[], options: ProxyOptions) {
    this.#engine = engine;
    this.users = [...users];
    this.#options = options;
    this.sessions = new Sessions(options, () => this.now());
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => {
        console.error("The Snowflake double failed:", error);
        response.destroy();
      });
    });
    this.#server.keepAliveTimeout = 0;
  }

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    const bound = (this.#server.address() as { port: number }).port;
    this.#origin = `http://127.0.0.1:${bound}`;
    return bound;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** The session is gone for its client, its transaction rolled back. */
  async endSession(session: ProxySession): Promise<void> {
    session.gone = true;
    await this.#engine.close(session.id);
  }

  /** Of the server's clock, epoch milliseconds. */
  now(): number {
    return Date.now() + this.clockOffsetMs;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part);
    let body = new Uint8Array(Buffer.concat(parts));
    const sentBytes = body.length;
    const isStreaming = StreamingRoutes.owns(new URL(request.url ?? "/", "http://double").pathname);
    if (request.headers["content-encoding"] === "gzip" && !isStreaming) body = new Uint8Array(gunzipSync(body));
    const url = new URL(request.url ?? "/", "http://double");
    const exchange = { request, response, url, body, sentBytes };
    if (this.ownPaths && url.pathname.startsWith("/double/")) {
      const answer = await this.ownPaths({
        path: url.pathname,
        method: request.method ?? "GET",
        body: text.decode(body),
      });
      return send(response, JSON.stringify(answer ?? null));
    }
    if (this.latencyMs > 0) await sleep(this.latencyMs);
    await this.#route(exchange);
  }

  async #route(exchange: Exchange): Promise<void> {
    const { request, response, url } = exchange;
    const path = url.pathname;
    if (this.streaming && StreamingRoutes.owns(path)) return await this.#stream(exchange, this.streaming);
    if (path === "/session/v1/login-request") return await this.#login(exchange);
    if (path === "/session/token-request") return await this.#renew(exchange);
    if (path === "/telemetry/send") {
      return send(response, JSON.stringify({ success: true, code: null, data: "Logged" }));
    }
    const chunk = this.chunks.part(path);
    if (chunk !== undefined) return await this.#chunk(exchange, chunk);
    const session = this.sessions.authenticate(request.headers.authorization);
    this.log.request({ at: Date.now(), path, session: isRefusal(session) ? undefined : session.id });
    if (isRefusal(session)) return refuse(response, session);
    if (path === "/queries/v1/query-request") return await this.#query(exchange, session);
    const result = /^\/queries\/([^/]+)\/result$/.exec(path)?.[1];
    if (result !== undefined) return await this.#result(exchange, result);
    const cancelled = /^\/queries\/([^/]+)\/abort-request$/.exec(path)?.[1];
    if (cancelled !== undefined) return await this.#cancel(exchange, session, cancelled);
    if (path === "/session/heartbeat") {
      if (
        await this.#meet(this.faults.take({ request: "heartbeat", text: "", session: session.id }), exchange, session)
      ) return;
      return ok(response);
    }
    if (path === "/session" && url.searchParams.get("delete") === "true") {
      if (await this.#meet(this.faults.take({ request: "close", text: "", session: session.id }), exchange, session)) {
        return;
      }
      await this.endSession(session);
      return ok(response);
    }
    response.writeHead(404).end();
  }

  async #stream({ request, response, url, body }: Exchange, routes: StreamingRoutes): Promise<void> {
    this.log.request({ at: Date.now(), path: url.pathname });
    const answer = await routes.answer({ method: request.method ?? "GET", url, headers: request.headers, body });
    if (answer === "cut") return cut(response);
    const content = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers }).end(content);
  }

  async #chunk(exchange: Exchange, chunk: string): Promise<void> {
    const path = exchange.url.pathname;
    this.log.request({ at: Date.now(), path });
    const fault = this.faults.take({ request: "chunk", text: path, session: "" });
    if (fault?.kind === "torn") return tear(exchange.response, chunk, fault);
    if (fault?.kind === "silent" || await this.#meet(fault, exchange)) return;
    exchange.response.writeHead(200, { "content-type": "text/plain" }).end(chunk);
  }

  async #login(exchange: Exchange): Promise<void> {
    const { response, url, body } = exchange;
    this.log.request({ at: Date.now(), path: url.pathname });
    const data = (JSON.parse(text.decode(body)) as { data: LoginData }).data;
    if (await this.#meet(this.faults.take({ request: "login", text: data.LOGIN_NAME ?? "", session: "" }), exchange)) {
      return;
    }
    const outcome = await openSession(data, url, {
      account: this.#options.account,
      users: this.users,
      nowMs: this.now(),
      id: String(++this.#sessionNumber),
      engine: this.#engine,
    });
    if (outcome === "unknown account") return void response.writeHead(403).end();
    if ("code" in outcome) {
      this.loginFailures.push({ user: data.LOGIN_NAME ?? "", code: outcome.code, reason: outcome.reason });
      return refuse(response, outcome);
    }
    const session = this.sessions.open(outcome.id, outcome.user, outcome.place);
    send(response, JSON.stringify(loginAnswer(session, data, this.#options)));
  }

  async #renew(exchange: Exchange): Promise<void> {
    const { request, response, url } = exchange;
    this.log.request({ at: Date.now(), path: url.pathname });
    if (await this.#meet(this.faults.take({ request: "renew", text: "", session: "" }), exchange)) return;
    const session = this.sessions.renew(request.headers.authorization);
    if (isRefusal(session)) return refuse(response, session);
    const data = {
      sessionToken: session.token,
      validityInSecondsST: this.#options.tokenSeconds,
      masterToken: session.masterToken,
      validityInSecondsMT: this.#options.masterTokenSeconds,
      sessionId: Number(session.id),
    };
    send(response, JSON.stringify({ data, code: null, message: null, success: true }));
  }

  async #query(exchange: Exchange, session: ProxySession): Promise<void> {
    const { response, url, body, sentBytes } = exchange;
    const sql = sqlTextOf(text.decode(body));
    const requestId = url.searchParams.get("requestId") ?? crypto.randomUUID();
    const textBytes = new TextEncoder().encode(sql).length;
    const known = session.requests.get(requestId);
    const entry = this.log.statement({
      at: Date.now(),
      session: session.id,
      user: session.user.name,
      requestId,
      queryId: known?.queryId ?? crypto.randomUUID(),
      sql,
      textBytes,
      bindBytes: body.length - textBytes,
      sentBytes,
      retry: Number(url.searchParams.get("retryCount") ?? 0),
      executed: false,
      rows: 0,
      ms: 0,
    });
    const fault = this.faults.take({ request: "statement", text: sql, session: session.id });
    if (fault) entry.fault = fault.kind;
    if (await this.#meet(fault, exchange, session)) return finish(entry);
    if (sentBytes > this.maxRequestBytes) {
      entry.fault = "too large";
      response.writeHead(413).end();
      return finish(entry);
    }
    const again = known !== undefined && known.retry === "answered";
    const answer = again ? known.answer : this.#execute(exchange, session, entry, fault);
    if (!again) {
      const retry = fault?.kind === "cut_after" && fault.retry === "run_again" ? "run_again" : "answered";
      this.sessions.remember(session, requestId, { queryId: entry.queryId, answer, retry });
      this.#results.set(entry.queryId, answer);
    }
    if (fault?.kind === "cut_after") {
      await answer;
      if (fault.retry === "dead_session") await this.endSession(session);
      finish(entry);
      return cut(response);
    }
    const found = await this.#answer(response, answer, entry.queryId);
    // Told to be in progress, as it is on a busy machine: it ends all the same.
    if (found) entry.code = found.code;
    else answer.then((late) => void (late && (entry.code = late.code)), () => {});
    finish(entry);
  }

  async #execute(
    { body }: Exchange,
    session: ProxySession,
    entry: LoggedStatement,
    fault: Fault | undefined,
  ): Promise<EngineAnswer | undefined> {
    entry.executed = true;
    const delayMs = fault?.kind === "slow" ? fault.ms : 0;
    const answer = await this.#engine.execute(session.id, body, { queryId: entry.queryId, delayMs });
    entry.rows = answer?.rows ?? 0;
    return answer;
  }

  /** Answers with the result, or that it is still being made. */
  async #answer(
    response: ServerResponse,
    answer: Promise<EngineAnswer | undefined>,
    queryId: string,
  ): Promise<EngineAnswer | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) =>
      timer = setTimeout(() => resolve("late"), this.#options.inProgressAfterMs)
    );
    const found = await Promise.race([answer, late]);
    clearTimeout(timer);
    if (found === "late") {
      const data = {
        queryId,
        getResultUrl: `/queries/${queryId}/result`,
        queryAbortsAfterSecs: 300,
        progressDesc: null,
      };
      send(response, JSON.stringify({ data, code: "333334", message: "Query execution in progress.", success: true }));
      return undefined;
    }
    if (found === undefined) refuse(response, GONE);
    else send(response, this.chunks.split(found.body, this.#origin));
    return found;
  }

  /** By its query id, or by its request's where the client does not know that; what is not running stays as it is. */
  async #cancel({ response, body }: Exchange, session: ProxySession, id: string): Promise<void> {
    const requestId = id === "v1" ? (JSON.parse(text.decode(body)) as { requestId: string }).requestId : undefined;
    const queryId = requestId === undefined ? id : session.requests.get(requestId)?.queryId;
    if (queryId !== undefined) await this.#engine.stopStatement(session.id, queryId);
    ok(response);
  }

  async #result({ response }: Exchange, queryId: string): Promise<void> {
    const answer = this.#results.get(queryId);
    if (answer === undefined) return refuse(response, { code: "000709", message: `Statement ${queryId} not found` });
    await this.#answer(response, answer, queryId);
  }

  /** Lets a fault happen that replaces the answer; says whether one did. */
  async #meet(fault: Fault | undefined, { response }: Exchange, session?: ProxySession): Promise<boolean> {
    switch (fault?.kind) {
      case "status": {
        const after = fault.retryAfterSeconds;
        response.writeHead(fault.status, after === undefined ? {} : { "retry-after": String(after) }).end();
        return true;
      }
      case "cut_before":
        cut(response);
        return true;
      case "token_expired":
      case "master_token_expired":
        if (session) session.tokenUntilMs = 0;
        if (session && fault.kind === "master_token_expired") session.masterUntilMs = 0;
        refuse(response, EXPIRED);
        return true;
      case "session_gone":
        if (session) await this.endSession(session);
        refuse(response, GONE);
        return true;
      case "error":
        refuse(response, fault);
        return true;
      case "transaction_aborted":
        if (session) await this.#engine.abortTransaction(session.id);
        return false;
      case "slow":
        if (session === undefined) await sleep(fault.ms);
        return false;
      default:
        return false;
    }
  }
}

/** Sends half of it. */
function tear(response: ServerResponse, content: string, { isCut }: { readonly isCut: boolean }): void {
  response.writeHead(200, { "content-type": "text/plain", "content-length": String(content.length) });
  response.write(content.slice(0, content.length / 2), () => isCut && response.socket?.destroy());
}

function finish(entry: LoggedStatement): void {
  entry.ms = Date.now() - entry.at;
}
