// Says to a connection for which there is no place why it is closed, whatever it was about to ask. Must not hold many
// descriptors for it, nor any for long.
import type { CloseReason } from "./connections.ts";
import { PROBLEM_TYPE, PROBLEMS } from "./problem.ts";

/** How long a client may take to hear it. */
const LINGER_MS = 250;
/** Those beyond are closed without a word. */
const MAX_LINGERING = 8;
let lingering = 0;

const DETAILS = {
  total: "All connections are taken: each of them is being answered",
  address: "This address has as many connections as one may have, and each of them is being answered",
} as const satisfies Partial<Record<CloseReason, string>>;

/** Answers 503 and closes. Never throws. */
export function turnAway(connection: Deno.TcpConn, why: keyof typeof DETAILS): void {
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
