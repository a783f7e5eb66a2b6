// The connections that both servers share, as the settings say and the process has descriptors for.
import type { HttpConfig } from "../config/mod.ts";
import { addGauge, type Metrics } from "../metrics/mod.ts";
import { proxyCheck } from "./client_address.ts";
import { CONNECTION_LIMITS, Connections } from "./connections.ts";
import { connectionsWithin } from "./descriptors.ts";

/** A browser opens a dozen. */
const MIN_PER_ADDRESS = 16;

export interface ConnectionBudgetOptions {
  readonly config: HttpConfig;
  readonly metrics: Metrics;
  /** A folder that may be read, and is there. */
  readonly dataDir: string;
}

/** Made when log and warehouse are open: what they hold is theirs. */
export function connectionBudget({ config, metrics, dataDir }: ConnectionBudgetOptions): Connections {
  const total = connectionsWithin(config.maxConnections, dataDir);
  const perAddress = config.maxConnectionsPerAddress ?? Math.max(MIN_PER_ADDRESS, Math.floor(total / 4));
  const isShared = proxyCheck(config.trustedProxies);
  const connections = new Connections({
    limits: { ...CONNECTION_LIMITS, total, perAddress, isShared },
    onClose: (reason) => metrics.http.closed.inc({ reason }),
  });
  addGauge(metrics, {
    name: "freshet_http_connections",
    help: "Connections to the API and the dashboard",
    read: () => connections.size,
  });
  return connections;
}
