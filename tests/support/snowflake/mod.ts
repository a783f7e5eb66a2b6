// A stand-in for Snowflake that the official driver talks to: `startSnowflake()` and what a test may do to it.
// Faithful where Snowflake documents a refusal or an order of things; README.md has what it is not faithful in.

import type { User } from "./credentials.ts";
import { Engine, type EngineSettings, type HeldLock } from "./engine.ts";
import type { Aim, Fault, Injected } from "./faults.ts";
import type { LoggedRequest, LoggedStatement } from "./log.ts";
import type { LoggedStreaming } from "./streaming/routes.ts";
import { Proxy } from "./proxy.ts";
import { StreamingRoutes } from "./streaming/routes.ts";
import { StreamingDouble } from "./streaming/service.ts";
import { tableSide } from "./streaming/tables.ts";

export type { User } from "./credentials.ts";
export type { Denial, EngineSettings, HeldLock } from "./engine.ts";
export type { Aim, Fault, Injected } from "./faults.ts";
export type { LoggedRequest, LoggedStatement } from "./log.ts";
export type { LoggedStreaming } from "./streaming/routes.ts";
export { whyNoSnowflake } from "./python.ts";

export interface SnowflakeOptions extends Partial<EngineSettings> {
  readonly account?: string;
  /** Default: `DEFAULT_USER`. */
  readonly users?: readonly User[];
  /** Default 0: any free port. */
  readonly port?: number;
  readonly tokenSeconds?: number;
  readonly masterTokenSeconds?: number;
  readonly inProgressAfterMs?: number;
}

export const DEFAULT_USER: User = {
  name: "FRESHET",
  password: "test-password",
  roles: ["FRESHET_WRITER", "ACCOUNTADMIN"],
};

/** The program's settings for the double, as its default user; the schema is the double's own unless one is named. */
export function settingsFor(
  { account, accessUrl, warehouse, database, schema }: SnowflakeDouble,
  ownSchema = schema,
): Record<string, string> {
  return {
    SNOWFLAKE_ACCOUNT: account,
    SNOWFLAKE_ACCESS_URL: accessUrl,
    SNOWFLAKE_USER: DEFAULT_USER.name,
    SNOWFLAKE_PASSWORD: DEFAULT_USER.password!,
    SNOWFLAKE_WAREHOUSE: warehouse,
    SNOWFLAKE_DATABASE: database,
    SNOWFLAKE_SCHEMA: ownSchema,
  };
}

export interface SessionView {
  readonly id: string;
  readonly user: string;
}

/** What a test may do to the double while it runs. */
export interface SnowflakeControl {
  inject(fault: Fault, aim?: Aim): Injected;
  clearFaults(): void;
  /** Added to every request, both ways together. */
  setLatency(ms: number): void;
  /** Statements whose body, as it is sent, is longer are answered with 413. */
  setMaxRequestBytes(bytes: number): void;
  /** Results of more rows come in parts of so many, which the driver fetches by requests of their own. */
  setChunkRows(rows: number): void;
  /** Moves the server's clock: tokens and JWTs expire by it. */
  setClockOffset(ms: number): void;
  /** Replaces the user of that name, or adds one. */
  setUser(user: User): void;
  set(settings: Partial<EngineSettings>): Promise<void>;
  /** Why logins were refused, which the client is not told. */
  loginFailures(): readonly { readonly user: string; readonly code: string; readonly reason: string }[];
  sessions(): readonly SessionView[];
  /** The session's next request is answered with 390112 (every session's without an id). */
  expireTokens(session?: string): void;
  /** Scoped tokens of Snowpipe Streaming are expired. */
  expireScopedTokens(): void;
  /** The session is gone (390111) and its transaction rolled back (every session's without an id). */
  endSessions(session?: string): Promise<void>;
  locks(): Promise<readonly HeldLock[]>;
  /**
   * A client that was killed in the middle of its transaction: BEGIN, the statements, and then silence. Its locks stay
   * until it has been idle for `idle_transaction_seconds` and somebody waits, or until it is released here. A first
   * statement may be a BEGIN of its own.
   */
  abandonTransaction(...statements: readonly string[]): Promise<AsyncDisposable>;
  /** Runs a statement beside the driver, without a trace in the log; cells as text or null, as they are on the wire. */
  sql(statement: string): Promise<readonly (readonly (string | null)[])[]>;
}

export interface SnowflakeDouble extends AsyncDisposable {
  readonly accessUrl: string;
  readonly account: string;
  readonly database: string;
  readonly schema: string;
  readonly warehouse: string;
  readonly control: SnowflakeControl;
  /** Snowpipe Streaming, into the same tables. */
  readonly streaming: StreamingDouble;
  /** Every request of it so far. */
  streamingRequests(): readonly LoggedStreaming[];
  /** Every statement so far, oldest first; retries are entries of their own. */
  statements(): readonly LoggedStatement[];
  /** Every request but telemetry: logins, heartbeats, renewals, statements. */
  requests(): readonly LoggedRequest[];
  clearLog(): void;
  stop(): Promise<void>;
}

/** Starts a Snowflake of its own on a free port of loopback. Ask `whyNoSnowflake()` first whether it can be had. */
export async function startSnowflake(options: SnowflakeOptions = {}): Promise<SnowflakeDouble> {
  const account = options.account ?? "FRESHETTEST";
  const databases = options.databases ?? ["FRESHET"];
  const warehouses = options.warehouses ?? ["FRESHET_WH"];
  const users = options.users ?? [DEFAULT_USER];
  const roles = options.roles ?? [...new Set(["PUBLIC", "ACCOUNTADMIN", ...users.flatMap((user) => user.roles)])];
  const engine = await Engine.start({ ...engineSettings(options), databases, warehouses, roles });
  const proxy = new Proxy(engine, users, {
    account,
    tokenSeconds: options.tokenSeconds ?? 3600,
    masterTokenSeconds: options.masterTokenSeconds ?? 14_400,
    inProgressAfterMs: options.inProgressAfterMs ?? 45_000,
  });
  const streaming = new StreamingDouble(
    tableSide(engine, { database: databases[0] ?? "", warehouse: warehouses[0] ?? "" }),
  );
  const routes = new StreamingRoutes(streaming, {
    account,
    users: () => proxy.users,
    faults: proxy.faults,
    now: () => proxy.now(),
    tokenSeconds: options.tokenSeconds ?? 3600,
  });
  proxy.streaming = routes;
  const port = await proxy.listen(options.port);
  const place = { database: databases[0] ?? "", schema: "PUBLIC", warehouse: warehouses[0] ?? "" };
  const stop = async () => {
    await streaming.close();
    await proxy[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  };
  const control = controlOf(proxy, engine, place);
  proxy.ownPaths = async ({ path, body }) => await ownPath(path, body, { proxy, control, streaming });
  return {
    accessUrl: `http://127.0.0.1:${port}`,
    account,
    ...place,
    control,
    streaming,
    streamingRequests: () => routes.log(),
    statements: () => proxy.log.statements(),
    requests: () => proxy.log.requests(),
    clearLog() {
      proxy.log.clear();
      routes.clearLog();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Parts {
  readonly proxy: Proxy;
  readonly control: SnowflakeControl;
  readonly streaming: StreamingDouble;
}

/** The same by HTTP, for a test whose double runs as a process of its own: POST /double/inject and so on. */
async function ownPath(path: string, body: string, { proxy, control, streaming }: Parts): Promise<unknown> {
  const asked = body === "" ? {} : JSON.parse(body);
  switch (path) {
    case "/double/statements":
      return proxy.log.statements();
    case "/double/requests":
      return proxy.log.requests();
    case "/double/clear":
      return proxy.log.clear();
    case "/double/streaming":
      Object.assign(streaming.behaviour, asked);
      return { storedRows: streaming.storedRows, stores: streaming.stores };
    case "/double/streaming-requests":
      return proxy.streaming?.log();
    case "/double/inject":
      return control.inject(asked.fault, asked.aim).hits;
    case "/double/clear-faults":
      return control.clearFaults();
    case "/double/latency":
      return control.setLatency(asked.ms);
    case "/double/locks":
      return await control.locks();
    case "/double/settings":
      return await control.set(asked);
    case "/double/sql":
      return await control.sql(asked.statement);
    default:
      throw new Error(`No such path: ${path}`);
  }
}

function engineSettings(options: SnowflakeOptions): Partial<EngineSettings> {
  const names = [
    "denied",
    "max_lob_bytes",
    "max_statement_bytes",
    "idle_transaction_seconds",
    "after_forced_rollback",
  ] as const;
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}

interface Home {
  readonly database: string;
  readonly schema: string;
  readonly warehouse: string;
}

function controlOf(proxy: Proxy, engine: Engine, place: Home): SnowflakeControl {
  let number = 0;
  const open = async () => {
    const id = String(900_000 + ++number);
    await engine.open({ id, user: "TEST", role: "ACCOUNTADMIN", ...place, parameters: { TIMEZONE: "UTC" } });
    return id;
  };
  const run = async (session: string, sqlText: string) => {
    const answer = await engine.execute(session, JSON.stringify({ sqlText }), { queryId: crypto.randomUUID() });
    const { success, message, data } = JSON.parse(answer?.body ?? "{}");
    if (!success) throw new Error(`${sqlText}: ${message}`);
    return data.rowset as readonly (readonly (string | null)[])[];
  };
  const chosen = (session?: string) => proxy.sessions.all().filter(({ id }) => session === undefined || id === session);
  return {
    inject: (fault, aim) => proxy.faults.add(fault, aim),
    clearFaults: () => proxy.faults.clear(),
    setLatency: (ms) => void (proxy.latencyMs = ms),
    setMaxRequestBytes: (bytes) => void (proxy.maxRequestBytes = bytes),
    setChunkRows: (rows) => void (proxy.chunks.rows = rows),
    setClockOffset: (ms) => void (proxy.clockOffsetMs = ms),
    setUser(user) {
      proxy.users = [...proxy.users.filter(({ name }) => name.toUpperCase() !== user.name.toUpperCase()), user];
    },
    set: (settings) => engine.set(settings),
    loginFailures: () => proxy.loginFailures,
    sessions: () => proxy.sessions.all().map(({ id, user }) => ({ id, user: user.name })),
    expireScopedTokens: () => proxy.streaming?.expireTokens(),
    expireTokens: (session) => chosen(session).forEach((each) => each.tokenUntilMs = 0),
    endSessions: async (session) => void await Promise.all(chosen(session).map((each) => proxy.endSession(each))),
    locks: () => engine.locks(),
    async abandonTransaction(...statements) {
      const session = await open();
      const begin = /^BEGIN\b/i.test(statements[0] ?? "") ? [] : ["BEGIN"];
      for (const statement of [...begin, ...statements]) await run(session, statement);
      return { [Symbol.asyncDispose]: () => engine.close(session) };
    },
    async sql(statement) {
      const session = await open();
      try {
        return await run(session, statement);
      } finally {
        await engine.close(session);
      }
    },
  };
}
