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
  const server = serve(address, handler);
  const { port } = server.addr;
  return {
    url: `http://${urlHost(address.hostname)}:${port}`,
    async [Symbol.asyncDispose]() {
      // What is open for longer goes with the process: once a server shuts down, Deno cannot cut off what is left.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, CLOSE_MS);
      server.unref();
      await Promise.race([server.shutdown(), late.promise]);
      clearTimeout(timer);
    },
  };
}

function serve({ hostname, port, portSetting }: Address, handler: Deno.ServeHandler<Deno.NetAddr>) {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
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
