// The SQL side of the double as a child process, and the calls to it. Knows nothing of Snowflake's protocol.

import { endedWithin } from "../../../src/deadline.ts";
import { pythonWithFakesnow } from "./python.ts";

/** What a role may not do although the rest is allowed. `privilege`: SELECT, INSERT, UPDATE, DELETE, TRUNCATE, USAGE, OWNERSHIP, CREATE TABLE, CREATE VIEW or ALL. */
export interface Denial {
  readonly role: string;
  readonly privilege: string;
  /** A table, view, schema, warehouse or database, or `*`. */
  readonly on: string;
}

export interface EngineSettings {
  readonly databases: readonly string[];
  readonly warehouses: readonly string[];
  readonly roles: readonly string[];
  readonly denied: readonly Denial[];
  /** Largest bind and VARIANT. */
  readonly max_lob_bytes: number;
  readonly max_statement_bytes: number;
  /** A transaction idle for so long is rolled back when another one waits for its lock. Snowflake: 300. */
  readonly idle_transaction_seconds: number;
  /** What a session meets whose transaction was rolled back from outside: undocumented, so both can be had. */
  readonly after_forced_rollback: "silent" | "error";
}

export interface EngineLogin {
  readonly id: string;
  readonly user: string;
  readonly role: string;
  readonly warehouse?: string | undefined;
  readonly database?: string | undefined;
  readonly schema?: string | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Where a session stands. */
export interface Place {
  readonly database: string | null;
  readonly schema: string | null;
  readonly warehouse: string | null;
  readonly role: string;
}

export interface EngineAnswer {
  /** The body of Snowflake's answer, as JSON text. */
  readonly body: string;
  readonly rows: number;
  /** Empty when it went well. */
  readonly code: string;
}

export interface HeldLock {
  readonly table: string;
  readonly session: string;
  readonly status: "HOLDING" | "WAITING";
}

export class Engine implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #url: string;
  readonly #folder: string;

  private constructor(
    child: Deno.ChildProcess,
    stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
    port: number,
    folder: string,
  ) {
    this.#child = child;
    this.#stdin = stdin;
    this.#url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
  }

  static async start(settings: Partial<EngineSettings>): Promise<Engine> {
    const python = await pythonWithFakesnow();
    // fakesnow leaves its temporary files behind.
    const folder = await Deno.makeTempDir({ prefix: "freshet_fakesnow_" });
    const child = new Deno.Command(python, {
      args: ["-W", "ignore", decodeURIComponent(new URL("engine/main.py", import.meta.url).pathname)],
      env: { PYTHONDONTWRITEBYTECODE: "1", TMPDIR: folder },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const stdin = child.stdin.getWriter();
    await stdin.write(new TextEncoder().encode(`${JSON.stringify(settings)}\n`));
    let said = "";
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    while (!said.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`The SQL side of the Snowflake double did not start: ${said}`);
      said += value;
    }
    await reader.cancel();
    return new Engine(child, stdin, Number(said), folder);
  }

  async open(login: EngineLogin): Promise<Place> {
    return await this.#json("POST", "/sessions", login) as Place;
  }

  async close(session: string): Promise<void> {
    await this.#json("DELETE", `/sessions/${session}`);
  }

  /** Runs the statement of a request; undefined when there is no such session. `request` goes on as it came. */
  async execute(
    session: string,
    request: Uint8Array<ArrayBuffer> | string,
    options: { readonly queryId: string; readonly delayMs?: number },
  ): Promise<EngineAnswer | undefined> {
    const query = `queryId=${options.queryId}&delayMs=${options.delayMs ?? 0}`;
    const response = await fetch(`${this.#url}/sessions/${session}/execute?${query}`, {
      method: "POST",
      body: request,
    });
    const body = await response.text();
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`The SQL side of the Snowflake double failed: ${body}`);
    return { body, rows: Number(response.headers.get("x-rows")), code: response.headers.get("x-code") ?? "" };
  }

  /** Cancels the statement if it is running. */
  async stopStatement(session: string, queryId: string): Promise<void> {
    await this.#json("POST", `/sessions/${session}/stop?queryId=${queryId}`);
  }

  /** Rolls the session's transaction back behind its back. */
  async abortTransaction(session: string): Promise<void> {
    await this.#json("POST", `/sessions/${session}/abort`);
  }

  async set(settings: Partial<EngineSettings>): Promise<void> {
    await this.#json("POST", "/settings", settings);
  }

  async locks(): Promise<readonly HeldLock[]> {
    return await this.#json("GET", "/locks") as readonly HeldLock[];
  }

  async #json(method: string, route: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url}${route}`, {
      method,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The SQL side of the Snowflake double failed: ${method} ${route}: ${text}`);
    return JSON.parse(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It ends when its input ends; a session that still waits for something does not hold it up for long.
    await this.#stdin.close().catch(() => {});
    await endedWithin(this.#child.status, 3_000);
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
