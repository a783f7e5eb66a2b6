// Compresses what the driver sends. It means to do so itself, but starts compressing after the request is on its way
// (snowflake-sdk 3.3.0, lib/http/base.js), and so sends every body as it is. Snowflake takes gzip: its connector for Python
// sends every body so (network.py, `_request_exec`). Knows the driver's HTTP client and nothing of statements.

import type { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** Bodies that are smaller fit into a packet or two: compressing them gains nothing. */
const COMPRESS_FROM_BYTES = 2048;
/** Rows as JSON come out at a tenth of their size even so, in a third of the time that the default level takes. */
const LEVEL = 1;

/** What is used here of a request of axios, which the driver is built on. */
interface Request {
  data?: unknown;
  readonly headers: { set(name: string, value: string): unknown };
}

interface HttpClient {
  readonly interceptors: { readonly request: { use(change: (request: Request) => Promise<Request>): unknown } };
}

const compress = promisify<string, { level: number }, Buffer>(gzip);

/** Once for all connections: the driver has one client. */
export async function compressRequests(): Promise<void> {
  // A CommonJS module of the driver's inside, of the pinned version: its types describe what is under `default`.
  const module = await import("snowflake-sdk/dist/lib/http/axios_instance.js") as unknown as {
    readonly default: { readonly default: HttpClient };
  };
  module.default.default.interceptors.request.use(compressed);
}

async function compressed(request: Request): Promise<Request> {
  const { data } = request;
  // A request that is sent once more comes here with the bytes of its first time.
  if (typeof data !== "object" || data === null || data.constructor !== Object) return request;
  const body = JSON.stringify(data);
  if (body.length < COMPRESS_FROM_BYTES) return request;
  request.data = await compress(body, { level: LEVEL });
  request.headers.set("Content-Encoding", "gzip");
  return request;
}
