// Listens, and stops listening: accepts connections within their limits, and goes on accepting whatever goes wrong with one.
// Must not know what is served.
import { isLoopback } from "../config/mod.ts";
import { endedWithin } from "../deadline.ts";
import { ConfigError } from "../errors.ts";
import { loggerFor } from "../logging.ts";
import { type Client, clientGroup } from "./client_address.ts";
import { Connections } from "./connections.ts";
import { serveConnection, type Serving } from "./serve_connection.ts";
import { turnAway } from "./turn_away.ts";

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

/** Answers a request of a client. */
export type Handler = (request: Request, client: Client) => Response | Promise<Response>;

/** How long open requests may hold up closing. */
const CLOSE_MS = 2_000;
/** After accepting has failed: what made it fail is seldom over at once. */
const PAUSE_MS = 100;
const WARN_EVERY_MS = 60_000;

export interface ListenOptions {
  readonly connections?: Connections;
  /** Paths whose requests are answered also where every connection is being answered. */
  readonly spared?: readonly string[];
}

/** Listens. Throws `ConfigError` when the address cannot be used, naming the setting. */
export function listen(address: Address, handler: Handler, options: ListenOptions = {}): HttpServer {
  const listener = listenOn(address);
  const { connections = new Connections(), spared = [] } = options;
  const server = new Server(listener, handler, { connections, spared });
  server.accept();
  return {
    url: `http://${urlHost(address.hostname)}:${listener.addr.port}`,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

class Server {
  readonly #served = new Set<Serving>();
  #isClosing = false;
  #warnedAt = -Infinity;

  private readonly connections: Connections;
  readonly #spared: readonly string[];

  constructor(
    private readonly listener: Deno.TcpListener,
    private readonly handler: Handler,
    { connections, spared }: Required<ListenOptions>,
  ) {
    this.connections = connections;
    this.#spared = spared;
  }

  /** Ends when the server is closed; never rejects. */
  async accept(): Promise<void> {
    while (!this.#isClosing) {
      try {
        this.#take(await this.listener.accept());
        await this.connections.closed();
      } catch (error) {
        if (this.#isClosing) return;
        this.#failed(error);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  #take(connection: Deno.TcpConn): void {
    const { hostname: remoteAddress } = connection.remoteAddr;
    let begun: Serving | undefined;
    const ended = Promise.withResolvers<void>();
    const cut = () => {
      begun?.cut();
      return ended.promise;
    };
    const admitted = this.connections.admit(remoteAddress, cut);
    const group = clientGroup(remoteAddress);
    if (typeof admitted === "string") {
      return turnAway(connection, admitted, (request) => {
        const isSpared = this.#spared.includes(new URL(request.url).pathname);
        return isSpared ? Promise.resolve(this.handler(request, { remoteAddress, group })) : undefined;
      });
    }
    const client: Client = { remoteAddress, group, connection: admitted };
    try {
      connection.setNoDelay(true);
      const serving = begun = serveConnection(connection, {
        answer: async (request) => {
          admitted.begin();
          try {
            return await this.handler(request, client);
          } finally {
            admitted.end();
          }
        },
        onError: failed,
      });
      const end = () => {
        this.#served.delete(serving);
        this.connections.remove(admitted);
        ended.resolve();
      };
      this.#served.add(serving);
      serving.finished.then(end, end);
    } catch {
      // Its client has gone already.
      this.connections.remove(admitted);
      connection.close();
      ended.resolve();
    }
  }

  #failed(error: unknown): void {
    if (isOutOfDescriptors(error)) this.connections.makeRoom();
    if (performance.now() - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = performance.now();
    loggerFor("http").warn("A connection could not be accepted ({error}): accepting goes on", {
      error,
      connections: this.connections.size,
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.listener.close();
    const all = Promise.allSettled([...this.#served].map((serving) => serving.shutdown()));
    // What is open for longer goes with the process: once it is to end in good order, Deno cannot cut it off any more.
    await endedWithin(all, CLOSE_MS);
  }
}

/** Whether the process, or the machine, has no descriptor left. */
function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof Error && /^(EMFILE|ENFILE)$/.test(String(Reflect.get(error, "code")));
}

/** The routes answer what goes wrong in them: what comes here is a fault of theirs. */
function failed(error: unknown): Response {
  loggerFor("http").error("A request failed outside of its route: {error}", { error });
  return new Response(null, { status: 500 });
}

function listenOn({ hostname, port, portSetting }: Address): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port });
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
