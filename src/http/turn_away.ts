// Says to a connection for which there is no place why it is closed, whatever it was about to ask. Must not hold many
// descriptors for it, nor any for long.
import type { CloseReason } from "./connections.ts";
import { PROBLEM_TYPE, PROBLEMS } from "./problem.ts";

/** Why there is no place. */
export type FullReason = Extract<CloseReason, "total" | "address">;

/** How long a client may take to hear it. */
const LINGER_MS = 250;
/** Those beyond are closed without a word. */
const MAX_LINGERING = 8;
let lingering = 0;

const DETAILS = {
  total: "All connections are taken: each of them is being answered",
  address: "This address has as many connections as one may have, and each of them is being answered",
} as const satisfies Record<FullReason, string>;

const CODE = "too_many_connections";
const STATUS = PROBLEMS[CODE].status;
const HEADERS = { "content-type": PROBLEM_TYPE, "retry-after": "1", "connection": "close" };

/** Answers 503 and closes. Never throws. */
export function turnAway(connection: Deno.TcpConn, why: FullReason): void {
  if (lingering >= MAX_LINGERING) return connection.close();
  lingering++;
  const timer = setTimeout(() => close(connection), LINGER_MS);
  tell(connection, ANSWERS[why]).catch(() => {}).finally(() => {
    clearTimeout(timer);
    close(connection);
    lingering--;
  });
}

/** Closing while bytes of the client's are unread would take the answer back: they are read until it has hung up. */
async function tell(connection: Deno.TcpConn, answer: Uint8Array): Promise<void> {
  await connection.write(answer);
  await connection.closeWrite();
  const rest = new Uint8Array(1024);
  while (await connection.read(rest) !== null);
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}

/** The same answer where the request has been read. */
export function fullAnswer(why: FullReason): Response {
  return new Response(bodyOf(DETAILS[why]), { status: STATUS, headers: HEADERS });
}

function bodyOf(detail: string): string {
  return JSON.stringify({ type: `/docs#${CODE}`, title: PROBLEMS[CODE].title, status: STATUS, detail, code: CODE });
}

function answerOf(detail: string): Uint8Array {
  const body = bodyOf(detail);
  const head = [
    `HTTP/1.1 ${STATUS} Service Unavailable`,
    ...Object.entries(HEADERS).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${new TextEncoder().encode(body).length}`,
  ];
  return new TextEncoder().encode([...head, "", body].join("\r\n"));
}

const ANSWERS = { total: answerOf(DETAILS.total), address: answerOf(DETAILS.address) };
