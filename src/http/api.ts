// The HTTP API's routes, put together: what every request passes through, then each concern in a file beside this one.
// Knows the statuses, sources and queries it is handed, nothing of engines, logs or warehouses.
import type { Context } from "hono";
import { OpenAPIHono } from "@hono/zod-openapi";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Clock } from "../clock.ts";
import type { DomainStatus } from "../engine/status.ts";
import { loggerFor } from "../logging.ts";
import type { Metrics } from "../metrics/mod.ts";
import type { QueryOptions, QueryResult } from "../warehouse/warehouse.ts";
import { answerHeaders } from "./answer_headers.ts";
import { isGuarded, ownCheck, requireToken, type Tokens } from "./auth.ts";
import type { BodyMemory } from "./body_memory.ts";
import { clientAddress, proxyCheck } from "./client_address.ts";
import { docsRoutes } from "./docs_routes.ts";
import { Guesses } from "./guesses.ts";
import { healthRoutes } from "./health.ts";
import { checkHost, type Names } from "./host_check.ts";
import { describeIngest } from "./ingest_description.ts";
import { ingestRoute, type IngestSource } from "./ingest_route.ts";
import { metricsRoute } from "./metrics_route.ts";
import { checkOrigin } from "./origin_check.ts";
import { problem } from "./problem.ts";
import { limitRate } from "./rate_limit.ts";
import { type BodyLimits, BodyReader } from "./request_body.ts";
import { countRequests } from "./request_metrics.ts";
import { pathOf, readRoute, type ReadSource } from "./read_route.ts";
import { queryRoute } from "./query_route.ts";
import { skipRoute, type SkipRouteOptions } from "./skip_route.ts";
import { statusRoutes } from "./status_route.ts";

export interface ApiOptions extends Names {
  readonly pid: number;
  readonly version: string;
  readonly tokens: Tokens;
  readonly statuses: () => readonly DomainStatus[];
  /** Whether the log answers, within a bounded time. */
  readonly isLogReachable: () => Promise<boolean>;
  /** Whether the warehouse answers, within a bounded time. */
  readonly isWarehouseReachable: () => Promise<boolean>;
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly query: (sql: string, options: QueryOptions) => Promise<QueryResult>;
  readonly skip: SkipRouteOptions["skip"];
  /** The domains' ways in. */
  readonly ingest: readonly IngestSource[];
  /** The domains' ways to read over HTTP. */
  readonly reads: readonly ReadSource[];
  /** Whether the cache can be reached; left out when that is no question. */
  readonly isCacheReachable?: () => boolean;
  /** Requests per second and address; `Infinity` for no limit. */
  readonly rateLimit: number;
  /** Addresses and subnets of proxies in front, whose word is taken for whom they ask. */
  readonly trustedProxies?: readonly string[];
  readonly body?: BodyLimits;
  /** Of all bodies together. */
  readonly bodyMemory?: BodyMemory;
}

/** A record of the log has at most 1 MiB, its key and headers among it. */
export const BODY_LIMITS: BodyLimits = { maxBytes: 1_000_000, timeoutMs: 10_000 };

/** Health is asked by those who must not be kept waiting, and is cheap. */
const UNLIMITED = /^\/(health|livez|readyz)$/;
/** The text of all metrics takes milliseconds to write: so many a second for one address, where requests are limited. */
const SCRAPES_PER_SECOND = 10;

/** The routes, without a server. */
export function createApi(options: ApiOptions): OpenAPIHono {
  const { tokens, clock } = options;
  const now = () => clock.now();
  const api = new OpenAPIHono();
  api.use(countRequests(options.metrics.http));
  api.use(answerHeaders(new Set(options.ingest.map(({ path }) => path))));
  api.use(methodNotAllowed({
    app: api,
    onMethodNotAllowed(c, methods) {
      c.header("allow", methods.join(", "));
      return problem(c, { code: "method_not_allowed", detail: `${c.req.path} takes ${methods.join(", ")}` });
    },
  }));
  api.use(checkHost(options));
  api.use(checkOrigin(options));
  const addressOf = clientAddress(proxyCheck(options.trustedProxies ?? []));
  const bodies = new BodyReader(options.body ?? BODY_LIMITS, { memory: options.bodyMemory, addressOf });
  const isOwn = ownCheck(tokens);
  const spares = (c: Context) => UNLIMITED.test(c.req.path) || isOwn(c);
  api.use(limitRate({ perSecond: options.rateLimit, now: () => clock.monotonic(), spares }, addressOf));
  const scrapes = options.rateLimit === Infinity ? Infinity : SCRAPES_PER_SECOND;
  api.use("/metrics", limitRate({ perSecond: scrapes, now: () => clock.monotonic() }, addressOf));
  guard(api, options, new Guesses({ now: () => clock.monotonic(), addressOf }));

  for (const source of options.ingest) {
    describeIngest(api, source, isGuarded("ingest", tokens));
    ingestRoute(api, source, { bodies, now, metrics: options.metrics.http });
  }
  const guarded = isGuarded("read", tokens);
  for (const source of options.reads) readRoute(api, source, { now, guarded });
  healthRoutes(api, options);
  metricsRoute(api, { ...options, now, guarded });
  statusRoutes(api, { ...options, guarded });
  queryRoute(api, { query: options.query, bodies, addressOf });
  skipRoute(api, { skip: options.skip, bodies });
  docsRoutes(api, options.version);
  api.get("/", (c) => c.redirect("/docs"));
  api.notFound((c) => problem(c, { code: "not_found", detail: `There is nothing at ${c.req.path.slice(0, 200)}` }));
  api.onError((error, c) => {
    loggerFor("http").error("A request failed", { path: c.req.path, request_id: c.get("requestId"), error });
    return problem(c, { code: "internal", detail: "The request failed: the log says why" });
  });
  return api;
}

/** On loopback everybody on the machine may look and send where no token says who may; a query always needs one. */
function guard(api: OpenAPIHono, { tokens, reads, ingest }: ApiOptions, guesses: Guesses): void {
  const paths = {
    ingest: isGuarded("ingest", tokens) ? ingest.map(({ path }) => path) : [],
    read: isGuarded("read", tokens) ? ["/metrics", "/api/status", ...reads.map(pathOf)] : [],
    all: ["/api/query", "/api/skip", "/api/instance"],
  } as const;
  for (const right of ["ingest", "read", "all"] as const) {
    const known = requireToken(right, tokens, guesses);
    for (const path of paths[right]) api.use(path, known);
  }
}
