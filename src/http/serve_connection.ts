// Serves HTTP on one connection that was accepted by hand. Deno.serve does the same for all that its own loop accepts, but a
// loop that meets its end when descriptors run out, knows no limit, and closes no silent connection; what it serves each
// connection by is only to be had as one of Deno's internals. node:http has the limits, at a quarter of the speed.
// Must not know who is let in.

/** Serving under way. */
export interface Serving extends Served {
  /** Cuts the connection off, whatever is under way. */
  cut(): void;
}

interface Served {
  /** Settles when the connection is closed, by either side. */
  readonly finished: Promise<void>;
  /** Ends it when the requests under way are answered. */
  shutdown(): Promise<void>;
}

type ServeConnection = (
  connection: Deno.Conn,
  signal: Pick<Cutter, "addEventListener">,
  handler: (request: Request) => Response | Promise<Response>,
  onError: (error: unknown) => Response,
  onListen: () => void,
) => Served;

export interface ConnectionHandlers {
  readonly answer: (request: Request) => Promise<Response>;
  /** The answer when answering throws, which it must not. */
  readonly onError: (error: unknown) => Response;
}

/**
 * What is served by is told by a signal to cut off, and throws out of its listener when the connection has ended just before:
 * of a real signal nobody could catch that.
 */
class Cutter {
  #listener: (() => void) | undefined;

  addEventListener(_type: string, listener: () => void): void {
    this.#listener = listener;
  }

  cut(): void {
    try {
      this.#listener?.();
    } catch {
      // It has ended.
    }
  }
}

/** Serves HTTP/1.1 on the connection, or HTTP/2 where the client begins with it. */
export function serveConnection(connection: Deno.Conn, { answer, onError }: ConnectionHandlers): Serving {
  const cutter = new Cutter();
  const { finished, shutdown } = serveByDeno(connection, cutter, answer, onError, () => {});
  return { finished, shutdown: () => shutdown(), cut: () => cutter.cut() };
}

const serveByDeno = internalServe();

function internalServe(): ServeConnection {
  const name: unknown = Reflect.get(Deno, "internal");
  const internals: unknown = typeof name === "symbol" ? Reflect.get(Deno, name) : undefined;
  const serve: unknown = typeof internals === "object" && internals !== null
    ? Reflect.get(internals, "serveHttpOnConnection")
    : undefined;
  if (typeof serve !== "function") {
    throw new Error(
      `Deno ${Deno.version.deno} cannot serve HTTP on a connection: use the version that README.md names`,
    );
  }
  return serve as ServeConnection;
}
