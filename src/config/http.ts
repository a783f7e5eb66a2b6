// Settings of the two HTTP servers: who may do what, how often, and over how many connections.
import type * as z from "zod";
import * as s from "./setting.ts";

/** Shorter ones are found by guessing. */
const TOKEN = {
  form: "a bearer token of 16 characters or more, without spaces (such as `openssl rand -hex 24` makes)",
  pattern: /^[\x21-\x7e]{16,}$/,
  secret: true,
};

export const HTTP_SETTINGS = {
  FRESHET_API_TOKEN: s.textOrNone(TOKEN, "Bearer token that HTTP clients must send; it opens everything."),
  FRESHET_INGEST_TOKEN: s.textOrNone(TOKEN, "Bearer token that opens the routes for events, and nothing else."),
  FRESHET_READ_TOKEN: s.textOrNone(
    TOKEN,
    "Bearer token that opens what reads (/metrics, /api/status, the domains' read routes, the dashboard), and nothing else.",
  ),
  FRESHET_RATE_LIMIT: s.whole(
    { min: 0, unit: "requests", default: 5_000 },
    "HTTP requests per second that one address may send, the others are answered 429; 0 for no limit.",
  ),
  FRESHET_MAX_CONNECTIONS: s.whole(
    { min: 1, max: 100_000, unit: "connections", default: 1_000 },
    "HTTP connections at a time, of both servers together; fewer where the system's limit of open files (ulimit -n) is low.",
  ),
  FRESHET_MAX_CONNECTIONS_PER_ADDRESS: s.wholeOrNone(
    { min: 1, max: 100_000, unit: "connections" },
    "HTTP connections at a time from one address; by default a quarter of all, or 16 where that is more.",
  ),
  FRESHET_TRUSTED_PROXIES: s.addressesOrNone(
    "Addresses of proxies in front, such as 10.0.0.0/8: limits count by the address that they write into X-Forwarded-For.",
  ),
};

export interface HttpConfig {
  readonly apiToken: string | undefined;
  /** Opens the routes for events. */
  readonly ingestToken: string | undefined;
  /** Opens what reads. */
  readonly readToken: string | undefined;
  /** Requests per second and address; `Infinity` for no limit. */
  readonly rateLimit: number;
  readonly maxConnections: number;
  /** `undefined` leaves it to how many there may be in all. */
  readonly maxConnectionsPerAddress: number | undefined;
  /** Addresses and subnets. */
  readonly trustedProxies: readonly string[];
}

type Values = { readonly [Name in keyof typeof HTTP_SETTINGS]: z.output<(typeof HTTP_SETTINGS)[Name]> };

export function httpConfig(v: Values): HttpConfig {
  return {
    apiToken: v.FRESHET_API_TOKEN,
    ingestToken: v.FRESHET_INGEST_TOKEN,
    readToken: v.FRESHET_READ_TOKEN,
    rateLimit: v.FRESHET_RATE_LIMIT === 0 ? Infinity : v.FRESHET_RATE_LIMIT,
    maxConnections: v.FRESHET_MAX_CONNECTIONS,
    maxConnectionsPerAddress: v.FRESHET_MAX_CONNECTIONS_PER_ADDRESS,
    trustedProxies: v.FRESHET_TRUSTED_PROXIES ?? [],
  };
}
