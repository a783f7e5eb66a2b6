// Says to a connection for which there is no place why it is closed, whatever it was about to ask; only health is answered, for
// strangers must not decide whether the process lives. Must not hold many descriptors for it, nor any for long.
import { Buffer } from "node:buffer";
import { Deadline } from "../deadline.ts";
import type { CloseReason } from "./connections.ts";
import { PROBLEM_TYPE, PROBLEMS } from "./problem.ts";

/** How long a client may take to ask and to hear the answer, milliseconds. */
const LINGER_MS = 250;
/** So many are heard at a time. The one that came first makes room for another once it has had time to ask, milliseconds. */
const MAX_LINGERING = 8;
const MAY_ASK_MS = 50;
/** So many are told of health at a time, and how long that may take, milliseconds. */
const MAX_SPARED = 8;
const SPARED_MS = 5_000;
/** A request for health has a short head. */
const MAX_HEAD = 4_096;

const DETAILS = {
  total: "All connections are taken: each of them is being answered",
  address: "This address has as many connections as one may have, and each of them is being answered",
} as const satisfies Partial<Record<CloseReason, string>>;

/** What is answered all the same, if a request is. */
export type Spare = (request: Request) => Promise<Response> | undefined;

/** Those that are heard or told, in the order in which they came. */
const lingering = new Set<Refused>();
let spared = 0;

/** Answers 503, or what is spared, and closes; without a word where too many come at once. Never throws. */
export function turnAway(connection: Deno.TcpConn, why: keyof typeof DETAILS, spare: Spare = () => undefined): void {
  const [first] = lingering;
  if (first && lingering.size >= MAX_LINGERING) {
    if (!first.mayLeave) return connection.close();
    first.end();
  }
  void new Refused(connection, ANSWERS[why], spare).run();
}

class Refused {
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #since = performance.now();
  #isTold = false;

  constructor(
    private readonly connection: Deno.TcpConn,
    private readonly answer: Uint8Array,
    private readonly spare: Spare,
  ) {
    lingering.add(this);
    this.#timer = setTimeout(() => this.end(), LINGER_MS);
  }

  /** Whether it has had time to ask, or to hear its answer. */
  get mayLeave(): boolean {
    return performance.now() - this.#since >= MAY_ASK_MS;
  }

  async run(): Promise<void> {
    try {
      const request = await readHead(this.connection);
      const answering = request && spared < MAX_SPARED ? this.spare(request) : undefined;
      if (answering && request) await this.#answerOf(request, answering);
      else await this.#tell(this.answer);
    } catch {
      // It has gone, or its time is up.
    } finally {
      this.#close();
    }
  }

  /** Its time is up, or another needs its place: who has asked nothing is told in a word. */
  end(): void {
    this.#leave();
    if (this.#isTold) return this.#close();
    this.#isTold = true;
    this.connection.write(this.answer).catch(() => {}).finally(() => this.#close());
  }

  /** What is spared is waited for, and holds none of the places of those that are not. */
  async #answerOf(request: Request, answering: Promise<Response>): Promise<void> {
    if (this.#isTold) return;
    this.#leave();
    spared++;
    try {
      using deadline = new Deadline({ timeoutMs: SPARED_MS });
      await deadline.within(
        answering.then((response) => bytesOf(response, request.method)).then((bytes) => this.#tell(bytes)),
      );
    } finally {
      spared--;
    }
  }

  /** Closing while bytes of the client's are unread would take the answer back: they are read until it has hung up. */
  async #tell(answer: Uint8Array): Promise<void> {
    if (this.#isTold) return;
    this.#isTold = true;
    await this.connection.write(answer);
    await this.connection.closeWrite();
    const rest = new Uint8Array(1024);
    while (await this.connection.read(rest) !== null);
  }

  #leave(): void {
    lingering.delete(this);
    clearTimeout(this.#timer);
  }

  #close(): void {
    this.#leave();
    try {
      this.connection.close();
    } catch {
      // It is closed.
    }
  }
}

/** A request without a body, as its head says it; `undefined` for any other, and for what is none. */
async function readHead(connection: Deno.TcpConn): Promise<Request | undefined> {
  const bytes = new Uint8Array(MAX_HEAD);
  for (let length = 0; length < MAX_HEAD;) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) return undefined;
    length += count;
    const text = new TextDecoder().decode(bytes.subarray(0, length));
    // Of others not even the rest of the head is waited for.
    if (/^[^\r\n]*\n/.test(text) && !/^(GET|HEAD) \//.test(text)) return undefined;
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) return requestOf(text.slice(0, end));
  }
}

function requestOf(head: string): Request | undefined {
  const [, method, path] = /^(GET|HEAD) (\/\S*) HTTP\/1\.[01](?:\r\n|$)/.exec(head) ?? [];
  const host = /\r\nhost:[ \t]*([^\s/@]+)/i.exec(head)?.[1] ?? "localhost";
  const url = path === undefined ? null : URL.parse(`http://${host}${path}`);
  return url === null ? undefined : new Request(url, { method });
}

async function bytesOf(response: Response, method: string): Promise<Uint8Array> {
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = [...response.headers].filter(([name]) =>
    !/^(content-length|transfer-encoding|connection)$/.test(name)
  )
    .map(([name, value]) => `${name}: ${value}`);
  const title = response.ok ? "OK" : response.status === 503 ? "Service Unavailable" : "";
  const head = [
    `HTTP/1.1 ${response.status} ${title}`,
    ...headers,
    `content-length: ${body.length}`,
    "connection: close",
    "\r\n",
  ].join("\r\n");
  return Buffer.concat([new TextEncoder().encode(head), method === "HEAD" ? new Uint8Array() : body]);
}

function answerOf(detail: string): Uint8Array {
  const code = "too_many_connections";
  const { status, title } = PROBLEMS[code];
  const body = JSON.stringify({ type: `/docs#${code}`, title, status, detail, code });
  const head = [
    `HTTP/1.1 ${status} Service Unavailable`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${new TextEncoder().encode(body).length}`,
    "retry-after: 1",
    "connection: close",
  ];
  return new TextEncoder().encode([...head, "", body].join("\r\n"));
}

const ANSWERS = { total: answerOf(DETAILS.total), address: answerOf(DETAILS.address) };
