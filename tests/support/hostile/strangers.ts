// Who means no good, or nothing at all: silent connections, bodies that trickle, readers that stall, guesses at tokens, queries
// that never end. They come from addresses of their own, all of 127.0.0.0/8, and go on until they are told to stop.

import { connect, type Socket } from "node:net";

export interface Victim {
  /** Addresses of the two servers. */
  readonly api: string;
  readonly dashboard: string;
  /** A right token, for the queries and readers of those who have one. */
  readonly token: string;
}

/** How many there are of each kind. */
export interface Crowd {
  readonly silent: number;
  readonly trickling: number;
  readonly stalled: number;
  readonly guessing: number;
  readonly querying: number;
}

/** Few enough that they are not all the connections that there may be: see docs/security.md. */
const ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
/** Where those are who have a token: after wrong ones a right one has to wait as well. */
const TOKEN_ADDRESS = "127.0.0.5";
const AGAIN_MS = 200;
const BYTE_EVERY_MS = 500;
const GUESS_EVERY_MS = 50;
const STALL_MS = 5_000;

const QUERIES = [
  "SELECT list(i) FROM range(1000000000) t(i)",
  "SELECT COUNT(*) FROM ATS_RAW_JSON a, ATS_RAW_JSON b WHERE a.RECORD_CONTENT = b.RECORD_METADATA",
  "SELECT * FROM ATS_RAW_JSON a, range(20) ORDER BY a.RECORD_CONTENT DESC, 1",
  "SELECT * FROM ATS_RAW_JSON",
  "SELECT list(RECORD_CONTENT) FROM ATS_RAW_JSON a, range(100)",
  "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT COUNT(*) FROM t",
];

const PANELS = ["trains/kpis", "trains/timeline", "rides/kpis", "wine/kpis", "actions/kpis", "circadian/users"];
const PAGES = [
  "/api/live?topic=status",
  "/api/tables/ATS_RAW_JSON/csv",
  "/api/tables/ATS_RAW_JSON?size=200",
  `/api/panels?${PANELS.map((name) => `ask=${name}`).join("&")}`,
];

/** What strangers do to it until the signal is aborted; resolves when all have left. Counts the statuses of answers. */
export class Strangers {
  /** Answers by what was done and their status. */
  readonly answers = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  #next = 0;

  constructor(private readonly victim: Victim, private readonly signal: AbortSignal) {}

  async attack({ silent, trickling, stalled, guessing, querying }: Crowd): Promise<void> {
    const many = (count: number, act: (n: number) => Promise<void>) =>
      Array.from({ length: count }, async (_, n) => {
        while (!this.signal.aborted) {
          await act(n);
          await this.#sleep(AGAIN_MS);
        }
      });
    await Promise.all([
      ...many(silent, (n) => this.#beSilent(n)),
      ...many(trickling, (n) => this.#trickle(n)),
      ...many(stalled, (n) => this.#stall(n)),
      ...many(guessing, (n) => this.#guess(n)),
      ...many(querying, (n) => this.#query(n)),
    ]);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connects, and says nothing until it is closed. */
  async #beSilent(n: number): Promise<void> {
    await this.#talk(this.#server(n), () => {});
  }

  /** Announces a megabyte, and sends a byte now and then. */
  async #trickle(n: number): Promise<void> {
    const isLogin = n % 4 === 0;
    const path = isLogin ? "/api/session" : "/events";
    const length = isLogin ? 9_999 : 999_999;
    await this.#talk(isLogin ? this.victim.dashboard : this.victim.api, (socket) => {
      socket.write(this.#head("POST", path, `content-length: ${length}`));
      const timer = setInterval(() => socket.write(" "), BYTE_EVERY_MS);
      socket.once("close", () => clearInterval(timer));
    });
  }

  /** Asks for what is large, and takes nothing of it. */
  async #stall(n: number): Promise<void> {
    await this.#talk(this.victim.dashboard, (socket) => {
      socket.pause();
      socket.write(this.#head("GET", PAGES[n % PAGES.length]!));
      // Who takes nothing does not notice that it was cut off.
      const timer = setTimeout(() => socket.destroy(), STALL_MS * (1 + n % 10));
      socket.once("close", () => clearTimeout(timer));
    });
  }

  async #guess(n: number): Promise<void> {
    const { api, dashboard } = this.victim;
    const token = crypto.randomUUID();
    await this.#ask(
      `guess ${ADDRESSES[n % ADDRESSES.length]}`,
      [
        { url: `${api}/metrics`, init: { headers: { authorization: `Bearer ${token}` } } },
        { url: `${dashboard}/api/session`, init: { method: "POST", body: JSON.stringify({ token }) } },
        {
          url: `${api}/api/query`,
          init: { method: "POST", headers: { authorization: `Bearer ${token}` }, body: "{}" },
        },
      ][n % 3]!,
    );
    await this.#sleep(GUESS_EVERY_MS);
  }

  async #query(n: number): Promise<void> {
    const sql = QUERIES[(n + this.#next++) % QUERIES.length]!;
    await this.#ask(`query ${TOKEN_ADDRESS}`, {
      url: `${this.victim.api}/api/query`,
      init: {
        method: "POST",
        headers: { authorization: `Bearer ${this.victim.token}` },
        body: JSON.stringify({ sql, max_rows: 100_000 }),
      },
    });
  }

  /** `who`: what is done, and the address that it comes from. */
  async #ask(who: string, { url, init }: { readonly url: string; readonly init: RequestInit }): Promise<void> {
    const headers = { "content-type": "application/json", ...init.headers };
    const [what, localAddress] = who.split(" ");
    using client = Deno.createHttpClient({ localAddress, poolMaxIdlePerHost: 0 });
    let status: string;
    try {
      const response = await fetch(url, { ...init, headers, client, signal: this.signal });
      status = String(response.status);
      await response.bytes();
    } catch {
      status = "cut off";
    }
    if (!this.signal.aborted) this.#count(`${what} ${status}`);
  }

  #count(what: string): void {
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
  }

  #server(n: number): string {
    return n % 2 === 0 ? this.victim.api : this.victim.dashboard;
  }

  #head(method: string, path: string, ...headers: readonly string[]): string {
    const all = [`authorization: Bearer ${this.victim.token}`, "content-type: application/json", ...headers];
    return [`${method} ${path} HTTP/1.1`, "host: 127.0.0.1", ...all, "", ""].join("\r\n");
  }

  /** Connects from one of the addresses; resolves when the connection is closed, by either side. */
  async #talk(server: string, say: (socket: Socket) => void): Promise<void> {
    const { port } = new URL(server);
    const localAddress = ADDRESSES[this.#sockets.size % ADDRESSES.length]!;
    const closed = Promise.withResolvers<void>();
    const socket = connect({ host: "127.0.0.1", port: Number(port), localAddress });
    this.#sockets.add(socket);
    const leave = () => socket.destroy();
    this.signal.addEventListener("abort", leave, { once: true });
    socket.on("error", () => {});
    socket.on("end", leave);
    socket.once("close", closed.resolve);
    socket.once("connect", () => say(socket));
    if (this.signal.aborted) leave();
    await closed.promise;
    this.signal.removeEventListener("abort", leave);
    this.#sockets.delete(socket);
  }

  async #sleep(ms: number): Promise<void> {
    if (this.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}
