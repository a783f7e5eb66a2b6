// Asking the server: an answer is kept on the page while the next one is on its way. What panels answer comes by the stream, as
// it changes; all else, and panels while there is no stream, is asked for again with each tick. Panels that are asked for
// together are one question, so that all of a page is about one moment; each is answered as soon as its line is there. Of our
// own: @tanstack/query-core would bring a cache, retries and timers; the server keeps the answers, and one tick asks for all.
import { createContext } from "preact";
import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Answer, LiveEvents, PanelLine, PipelinePanels } from "../protocol.ts";
import { AnswerError, errorOf } from "./answer_error.ts";
import { type LiveNews, type LivePlan, type LiveState, LiveStream } from "./live_stream.ts";
import { paced } from "./pace.ts";

/** What the page as a whole knows of its server. */
export interface Connection {
  /** Grows when everything is to be asked again. */
  readonly tick: number;
  /** Has everything asked again now. */
  readonly again: () => void;
  /** What panels answer comes by it. */
  readonly stream: LiveStream | undefined;
  /** Grows when the stream has failed. */
  readonly failures: number;
  /** Told how each question went, and of an answer when the warehouse was asked. */
  readonly report: (outcome: "ok" | "lost" | "locked", askedAt?: string) => void;
}

export const ConnectionContext = createContext<Connection>({
  tick: 0,
  again: () => {},
  stream: undefined,
  failures: 0,
  report: () => {},
});

export interface PagePlan extends Omit<LivePlan, "isOpen"> {
  /** Whether somebody sees the page. */
  readonly isSeen: boolean;
  /** It is not to move: what its topics say it is told once. */
  readonly isPaused: boolean;
}

/** The page's one stream, and what its topics say. */
export function useLive(plan: PagePlan): LiveNews & { readonly stream: LiveStream; readonly failures: number } {
  const [state, setState] = useState<LiveState>("connecting");
  const [news, setNews] = useState<Partial<LiveEvents>>({});
  const [failures, setFailures] = useState(0);
  const made = useRef<LiveStream>(undefined);
  made.current ??= new LiveStream(
    setState,
    (topic, data) => setNews((before) => ({ ...before, [topic]: data })),
    (tell) => paced(tell, requestAnimationFrame),
  );
  const stream = made.current;
  stream.onFailure = () => setFailures((n) => n + 1);
  const { topics, everyS, isSeen, isPaused } = plan;
  const isOpen = isSeen && (!isPaused || topics.some((topic) => !(topic in news)));
  // Before the parts of the page follow anything, so that nobody asks what the stream will tell.
  useEffectBefore(() => stream.plan = { topics, everyS, isOpen }, [topics.join(" "), everyS, isOpen]);
  useEffect(() => () => stream.close(), []);
  return { state, news, stream, failures };
}

/** Runs while the page is made, when something has changed: before the effects of its parts. */
function useEffectBefore(effect: () => void, inputs: readonly unknown[]): void {
  const before = useRef<readonly unknown[]>(undefined);
  if (before.current !== undefined && inputs.every((input, i) => input === before.current![i])) return;
  before.current = inputs;
  effect();
}

export interface QueryState<T> {
  readonly answer: Answer<T> | undefined;
  /** Why there is no new answer. */
  readonly error: string | undefined;
  /** The answer is to another question: the new one is on its way. */
  readonly outdated: boolean;
}

/** The answer to `path` with these parameters; nothing is asked for `undefined`. */
export function useAnswer<T>(path: string | undefined, params?: URLSearchParams): QueryState<T> {
  return useQuestion<T>(path && withParams(path, params), { send: ask });
}

function withParams(path: string, params?: URLSearchParams): string {
  return params === undefined || params.size === 0 ? path : `${path}?${params}`;
}

interface Sender<T> {
  readonly send: (question: string, signal: AbortSignal) => Promise<Answer<T>>;
  /** Whether the stream tells the answers, too. */
  readonly isPanel?: boolean;
}

/** The newest answer to a question, which is told by the stream, or sent again with each tick. */
function useQuestion<T>(question: string | undefined, { send, isPanel = false }: Sender<T>): QueryState<T> {
  const { tick, report, stream, failures } = useContext(ConnectionContext);
  const [state, setState] = useState<{ question?: string; answer?: Answer<T>; error?: string }>({});
  const asking = useRef<{ readonly question: string; readonly abort: AbortController } | undefined>(undefined);
  const panel = isPanel ? question : undefined;
  const take = (answer: Answer<T>) => {
    asking.current = undefined;
    report("ok", answer.asked_at);
    setState((before) => ({ question, answer: unchanged(before.answer, answer) }));
  };
  const refuse = (error: unknown) => {
    asking.current = undefined;
    report(error instanceof AnswerError ? (error.status === 401 ? "locked" : "ok") : "lost");
    const message = error instanceof AnswerError ? error.message : "Freshet does not answer";
    setState((before) => ({ ...before, error: message }));
  };
  // At once, so that the stream is opened with all panels of a page.
  useLayoutEffect(() => {
    if (panel === undefined || stream === undefined) return;
    return stream.follow(panel, (told) => {
      asking.current?.abort.abort();
      if ("answer" in told) take(told.answer as Answer<T>);
      else refuse(new AnswerError(told.failure.status, told.failure.detail));
    });
  }, [panel, stream]);
  useEffect(() => {
    // A question that takes longer than the time between two ticks is not asked twice.
    if (question === asking.current?.question) return;
    asking.current?.abort.abort();
    asking.current = undefined;
    if (question === undefined || panel !== undefined && stream?.carries(panel)) return;
    const abort = new AbortController();
    asking.current = { question, abort };
    send(question, abort.signal)
      .then((answer) => abort.signal.aborted || take(answer), (error) => abort.signal.aborted || refuse(error));
  }, [question, tick, failures]);
  useEffect(() => () => asking.current?.abort.abort(), []);
  return { answer: state.answer, error: state.error, outdated: state.question !== question };
}

/** The same data as before stays the very same, so that nothing is drawn anew. */
function unchanged<T>(before: Answer<T> | undefined, answer: Answer<T>): Answer<T> {
  if (before?.data === answer.data) return answer;
  const isSame = before !== undefined && JSON.stringify(before.data) === JSON.stringify(answer.data);
  return isSame ? { ...answer, data: before.data } : answer;
}

/** Asks a panel by its name; nothing is asked for `undefined`. `A` is the map of what panels answer. */
export type PanelHook<A> = <N extends keyof A & string>(
  name: N | undefined,
  params?: URLSearchParams,
) => QueryState<A[N]>;

/** How the panels of a domain are asked: `A` is the map that its server's side is typed by. */
export function panelHook<A>(domain: string): PanelHook<A> {
  return <N extends keyof A & string>(name: N | undefined, params?: URLSearchParams) =>
    useQuestion<A[N]>(name && withParams(`${domain}/${name}`, params), { send: askPanel, isPanel: true });
}

/** Asks a panel about the pipelines themselves. */
export const usePipelinePanel = panelHook<PipelinePanels>("pipeline");

interface Waiting {
  readonly ask: string;
  readonly signal: AbortSignal;
  readonly resolve: (answer: Answer<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** In one question; the server takes more. */
const MAX_ASKED = 20;

let waiting: Waiting[] = [];

/** The answer to `domain/panel?parameters`. Panels that are asked for together are one question. */
function askPanel<T>(ask: string, signal: AbortSignal): Promise<Answer<T>> {
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

export async function ask<T>(question: string, signal?: AbortSignal): Promise<Answer<T>> {
  return await askPlain<Answer<T>>(question, signal);
}

/** As JSON, of any shape. */
export async function askPlain<T>(question: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(question, { signal, headers: { accept: "application/json" } });
  if (response.ok) return await response.json() as T;
  throw await errorOf(response);
}

/** Sends `body` as JSON; the answer's data is of any shape. */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (response.ok) return await response.json() as T;
  throw await errorOf(response);
}

/** Lines of an answer as they come, without waiting for its end. */
export async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (text + value).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}
