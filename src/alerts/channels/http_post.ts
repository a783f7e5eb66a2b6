// One POST of JSON, and what its answer means for a message.
import { Deadline } from "../../deadline.ts";
import { connectFailure } from "../../errors.ts";
import { MessageRefusedError } from "../channel.ts";

export interface Post {
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Answers that may be others later: of time, of order, of too many. */
const PASSING = [408, 409, 425, 429];
/** Of an answer so many characters are told. */
const MAX_ANSWER = 200;
/** And so many bytes are read: it may have no end. */
const MAX_ANSWER_BYTES = 4 * 1024;

/** Rejects with `MessageRefusedError` for an answer that says never, and with an error for one that does not come or says later. */
export async function post({ url, body, headers, timeoutMs, signal }: Post): Promise<void> {
  using deadline = new Deadline({ signal, timeoutMs, late: () => new Error(`No answer within ${timeoutMs} ms`) });
  const response = await answerTo(url, {
    method: "POST",
    headers: { "content-type": "application/json", "user-agent": "freshet", ...headers },
    body,
    // An address that has moved is mended where it is set: a body that is signed is not sent elsewhere.
    redirect: "manual",
    signal: deadline.signal,
  });
  const text = await textOf(response, deadline);
  if (response.ok) return;
  const said = `The receiver answered ${response.status}${text && `: ${text}`}`;
  if (response.status < 500 && !PASSING.includes(response.status)) throw new MessageRefusedError(said);
  throw new Error(said);
}

async function answerTo(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    request.signal?.throwIfAborted();
    const why = connectFailure(error);
    throw new Error(`The receiver cannot be reached${why ? ` (${why})` : ""}`);
  }
}

async function textOf(response: Response, deadline: Deadline): Promise<string> {
  const text = await deadline.within(beginningOf(response)).catch((error) => {
    if (response.ok) return "";
    throw error;
  });
  return text.replaceAll(/\s+/g, " ").trim().slice(0, MAX_ANSWER);
}

async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  // Leaving the loop ends the connection where there is more.
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    bytes += chunk.length;
    if (bytes >= MAX_ANSWER_BYTES) break;
  }
  return text;
}
