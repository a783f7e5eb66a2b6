// Listens, and stops listening. Must not know what is served.
import { isLoopback } from "../config/mod.ts";
import { ConfigError } from "../errors.ts";

/** A listening server. Disposing lets requests under way finish, for a while. */
export interface HttpServer extends AsyncDisposable {
  /** With the port it really has. */
  readonly url: string;
}

export interface Address {
  readonly hostname: string;
  /** 0 for any free port. */
  readonly port: number;
  /** The setting that a person changes when the port is taken. */
  readonly portSetting: string;
}

/** How long open requests may hold up closing. */
const CLOSE_MS = 2_000;

/** Listens. Throws `ConfigError` when the address cannot be used, naming the setting. */
export function listen(
  address: Address,
  handler: Deno.ServeHandler<Deno.NetAddr>,
): HttpServer {
  const cut = new AbortController();
  const server = serve(address, { signal: cut.signal, handler });
  const { port } = server.addr;
  return {
    url: `http://${urlHost(address.hostname)}:${port}`,
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => cut.abort(), CLOSE_MS);
      await server.shutdown();
      clearTimeout(timer);
    },
  };
}

interface Listening {
  readonly signal: AbortSignal;
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
}

function serve({ hostname, port, portSetting }: Address, { signal, handler }: Listening) {
  try {
    return Deno.serve({ hostname, port, signal, onListen: () => {} }, handler);
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ConfigError(
        `Port ${port} on ${hostname} is taken by another program: set ${portSetting} to another one (0 takes any free one)`,
        { cause },
      );
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(
      `Cannot listen on ${hostname} port ${port} (${why}): check FRESHET_HOST and ${portSetting}`,
      { cause },
    );
  }
}

/** Where a person's browser finds it: an address that means "all" is no place to go to. */
function urlHost(hostname: string): string {
  if (!isLoopback(hostname) && (hostname === "0.0.0.0" || hostname === "::")) return "127.0.0.1";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
