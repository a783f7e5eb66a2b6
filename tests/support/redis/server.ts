// A real Redis server for tests, on a loopback port of its own, keeping nothing on disk.

/** Why tests with a real Redis cannot run here, or undefined when they can. */
export async function whyNoRedis(): Promise<string | undefined> {
  const wanted = Deno.env.get("TESTS");
  if (wanted !== undefined && wanted !== "redis") return `TESTS=${wanted}`;
  if (Deno.env.get("CI") === "true") return undefined;
  try {
    await new Deno.Command("redis-server", { args: ["--version"], stdout: "null", stderr: "null" }).output();
    return undefined;
  } catch {
    return "redis-server is not installed (tests/support/redis/install.sh)";
  }
}

const START_PATIENCE_MS = 10_000;

export class RedisServer implements AsyncDisposable {
  #process: Deno.ChildProcess | undefined;

  private constructor(readonly port: number, readonly password: string | undefined) {}

  /** A running server; with a password only those who know it may ask. */
  static async start(options: { readonly password?: string } = {}): Promise<RedisServer> {
    const server = new RedisServer(freePort(), options.password);
    await server.resume();
    return server;
  }

  /** With the password, if there is one. */
  get url(): string {
    return `redis://${this.password === undefined ? "" : `:${this.password}@`}127.0.0.1:${this.port}`;
  }

  /** Starts the process again on the same port, empty; waits until it answers. */
  async resume(): Promise<void> {
    const login = this.password === undefined ? [] : ["--requirepass", this.password];
    this.#process = new Deno.Command("redis-server", {
      args: ["--bind", "127.0.0.1", "--port", String(this.port), "--save", "", "--appendonly", "no", ...login],
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const giveUpAt = Date.now() + START_PATIENCE_MS;
    while (!await this.#answers()) {
      if (Date.now() > giveUpAt) throw new Error(`redis-server did not start on port ${this.port}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return;
    process.kill("SIGKILL");
    await process.status;
  }

  /** Lets it stand still: connections stay open, and nobody is answered. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async #answers(): Promise<boolean> {
    try {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
      await connection.write(new TextEncoder().encode("PING\r\n"));
      const answer = new Uint8Array(64);
      const length = await connection.read(answer);
      return /^(\+PONG|-NOAUTH)/.test(new TextDecoder().decode(answer.subarray(0, length ?? 0)));
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
