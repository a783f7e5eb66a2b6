// Panels that are asked for together are one question, so that all of a page is about one moment. Each is answered as soon as
// its line is there.
import type { Answer, PanelLine } from "../protocol.ts";
import { AnswerError, errorOf } from "./answer_error.ts";
import { linesOf } from "./json_lines.ts";

interface Waiting {
  readonly ask: string;
  readonly signal: AbortSignal;
  readonly resolve: (answer: Answer<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** In one question; the server takes more. */
const MAX_ASKED = 20;

let waiting: Waiting[] = [];

/** The answer to `domain/panel?parameters`. */
export function askPanel<T>(ask: string, signal: AbortSignal): Promise<Answer<T>> {
  if (waiting.length === 0) setTimeout(send);
  return new Promise<Answer<unknown>>((resolve, reject) => {
    waiting.push({ ask, signal, resolve, reject });
  }) as Promise<Answer<T>>;
}

function send(): void {
  const all = waiting.filter(({ signal }) => !signal.aborted);
  waiting = [];
  for (let i = 0; i < all.length; i += MAX_ASKED) askTogether(all.slice(i, i + MAX_ASKED));
}

async function askTogether(batch: readonly Waiting[]): Promise<void> {
  const abort = new AbortController();
  let left = batch.length;
  for (const { signal } of batch) signal.addEventListener("abort", () => --left === 0 && abort.abort());
  try {
    const query = new URLSearchParams([...new Set(batch.map(({ ask }) => ask))].map((ask) => ["ask", ask]));
    const response = await fetch(`/api/panels?${query}`, { signal: abort.signal });
    if (!response.ok) throw await errorOf(response);
    for await (const text of linesOf(response.body!)) settle(batch, JSON.parse(text) as PanelLine);
    throw new TypeError("The answer ended early");
  } catch (error) {
    // Of those that have their answer already nothing changes.
    for (const { reject } of batch) reject(error);
  }
}

function settle(batch: readonly Waiting[], line: PanelLine): void {
  for (const { ask, resolve, reject } of batch) {
    if (ask !== line.ask) continue;
    if ("answer" in line) resolve(line.answer);
    else reject(new AnswerError(line.failure.status, line.failure.detail));
  }
}
