// The HTTP server: puts the routes together and listens. Each concern is a file beside this one.
// Knows the statuses and queries it is handed, nothing of engines or adapters.
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { isLoopback } from "../config.ts";
import type { DomainStatus } from "../engine/status.ts";
import { ConfigError } from "../errors.ts";
import { loggerFor } from "../logging.ts";
import type { Metrics } from "../metrics.ts";
import type { QueryOptions, QueryResult } from "../warehouse/warehouse.ts";
import { requireToken, type Tokens } from "./auth.ts";
import { healthRoutes } from "./health.ts";
import { checkHost } from "./host_check.ts";
import { metricsRoute } from "./metrics_route.ts";
import { queryRoute } from "./query_route.ts";
import { statusRoute } from "./status_route.ts";

export interface HttpOptions {
  readonly hostname: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly pid: number;
  readonly tokens: Tokens;
  readonly statuses: () => readonly DomainStatus[];
  readonly metrics: Metrics;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly query: (sql: string, options: QueryOptions) => Promise<QueryResult>;
}

/** A listening server. Disposing lets requests under way finish. */
export interface HttpServer extends AsyncDisposable {
  /** With the port it really has. */
  readonly url: string;
}

const MAX_BODY_BYTES = 1_000_000;
/** How long open requests may hold up closing. */
const CLOSE_MS = 2_000;

/** The routes, without a server. */
export function createApi(options: HttpOptions): Hono {
  const { tokens } = options;
  const api = new Hono();
  api.use(secureHeaders());
  api.use(checkHost(options.hostname));
  api.use(bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (c) =>
      c.json({ error: { code: "body_too_large", message: `The body exceeds ${MAX_BODY_BYTES} bytes` } }, 413),
  }));
  healthRoutes(api, options);
  // On loopback without a token everybody on the machine may look; a query always needs one.
  const look = tokens.api === undefined ? [] : [requireToken([tokens.api, tokens.run])];
  for (const path of ["/metrics", "/api/status"]) api.use(path, ...look);
  const ask = requireToken([tokens.api, tokens.run]);
  for (const path of ["/api/query", "/api/instance"]) api.use(path, ask);
  metricsRoute(api, options);
  statusRoute(api, options);
  queryRoute(api, options.query);
  api.get("/api/instance", (c) => c.json({ pid: options.pid }));
  api.notFound((c) => c.json({ error: { code: "not_found", message: `Nothing at ${c.req.path}` } }, 404));
  api.onError((error, c) => {
    loggerFor("http").error("A request failed", { path: c.req.path, error });
    return c.json({ error: { code: "internal", message: "The request failed: the log says why" } }, 500);
  });
  return api;
}

/** Listens. Throws `ConfigError` when the address cannot be used, naming the setting. */
export function startHttp(options: HttpOptions): HttpServer {
  const api = createApi(options);
  const cut = new AbortController();
  const server = listen(options, { signal: cut.signal, handler: (request) => api.fetch(request) });
  const { port } = server.addr;
  return {
    url: `http://${urlHost(options.hostname)}:${port}`,
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => cut.abort(), CLOSE_MS);
      await server.shutdown();
      clearTimeout(timer);
    },
  };
}

interface Listening {
  readonly signal: AbortSignal;
  readonly handler: (request: Request) => Response | Promise<Response>;
}

function listen({ hostname, port }: HttpOptions, { signal, handler }: Listening): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, signal, onListen: () => {} }, handler);
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ConfigError(
        `Port ${port} on ${hostname} is taken by another program: set FRESHET_API_PORT to another one (0 takes any free one)`,
        { cause },
      );
    }
    throw new ConfigError(
      `Cannot listen on ${hostname} port ${port} (${
        cause instanceof Error ? cause.message : cause
      }): check FRESHET_HOST and FRESHET_API_PORT`,
      { cause },
    );
  }
}

function urlHost(hostname: string): string {
  if (!isLoopback(hostname) && (hostname === "0.0.0.0" || hostname === "::")) return "127.0.0.1";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
