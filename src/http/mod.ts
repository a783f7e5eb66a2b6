// The HTTP API's server. The routes are in api.ts, the listening in listen.ts.
import { type ApiOptions, createApi } from "./api.ts";
import type { Connections } from "./connections.ts";
import { type HttpServer, listen } from "./listen.ts";

export { type ApiOptions, createApi } from "./api.ts";
export type { EventPosition, IngestSource, KeyedEvent } from "./ingest_route.ts";
export { connectionBudget } from "./connection_budget.ts";
export type { HttpServer } from "./listen.ts";
export type { ReadSource } from "./read_route.ts";
export { Reachability } from "./reachability.ts";

export interface HttpOptions extends ApiOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** Those of all servers. */
  readonly connections?: Connections;
}

/** Whether the process should live, and be sent work: strangers must not decide that. */
const HEALTH = ["/livez", "/readyz"];

/** Listens. Throws `ConfigError` when the address cannot be used, naming the setting. */
export function startHttp(options: HttpOptions): HttpServer {
  const api = createApi(options);
  return listen(
    { ...options, portSetting: "FRESHET_API_PORT" },
    (request, client) => api.fetch(request, client),
    { connections: options.connections, spared: HEALTH },
  );
}
