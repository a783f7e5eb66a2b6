// The HTTP API: puts the routes together. Each concern is a file beside this one.
// Knows the statuses and queries it is handed, nothing of engines or adapters.
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import type { DomainStatus } from "../engine/status.ts";
import { loggerFor } from "../logging.ts";
import type { Metrics } from "../metrics.ts";
import type { QueryOptions, QueryResult } from "../warehouse/warehouse.ts";
import { requireToken, type Tokens } from "./auth.ts";
import { healthRoutes } from "./health.ts";
import { checkHost } from "./host_check.ts";
import { type HttpServer, listen } from "./listen.ts";
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

const MAX_BODY_BYTES = 1_000_000;

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
  return listen({ ...options, portSetting: "FRESHET_API_PORT" }, (request) => api.fetch(request));
}
