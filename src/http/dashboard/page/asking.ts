// Asking the server: an answer is kept on the page while the next one is on its way, and asked for again with each tick. Of our
// own: @tanstack/query-core would bring a cache, retries and timers; the server keeps the answers, and one tick asks for all.
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Answer, Failure, PipelinePanels } from "../protocol.ts";

/** What the page as a whole knows of its server. */
export interface Connection {
  /** Grows when everything is to be asked again. */
  readonly tick: number;
  /** Told how each question went. */
  readonly report: (outcome: "ok" | "lost" | "locked") => void;
}

export const ConnectionContext = createContext<Connection>({ tick: 0, report: () => {} });

export interface QueryState<T> {
  readonly answer: Answer<T> | undefined;
  /** Why there is no new answer. */
  readonly error: string | undefined;
  /** The answer is to another question: the new one is on its way. */
  readonly outdated: boolean;
}

/** The answer to `path` with these parameters; nothing is asked for `undefined`. */
export function useAnswer<T>(path: string | undefined, params: URLSearchParams = new URLSearchParams()): QueryState<T> {
  const { tick, report } = useContext(ConnectionContext);
  const question = path === undefined ? undefined : params.size === 0 ? path : `${path}?${params}`;
  const [state, setState] = useState<{ question?: string; answer?: Answer<T>; error?: string }>({});
  const asking = useRef<{ readonly question: string; readonly abort: AbortController } | undefined>(undefined);
  useEffect(() => {
    // A question that takes longer than the time between two ticks is not asked twice.
    if (question === asking.current?.question) return;
    asking.current?.abort.abort();
    asking.current = undefined;
    if (question === undefined) return;
    const abort = new AbortController();
    asking.current = { question, abort };
    ask<T>(question, abort.signal).then((answer) => {
      if (abort.signal.aborted) return;
      asking.current = undefined;
      report("ok");
      setState({ question, answer });
    }, (error: unknown) => {
      if (abort.signal.aborted) return;
      asking.current = undefined;
      report(error instanceof AnswerError ? (error.status === 401 ? "locked" : "ok") : "lost");
      const message = error instanceof AnswerError ? error.message : "Freshet does not answer";
      setState((before) => ({ ...before, error: message }));
    });
  }, [question, tick]);
  useEffect(() => () => asking.current?.abort.abort(), []);
  return { answer: state.answer, error: state.error, outdated: state.question !== question };
}

/** Asks a panel by its name; nothing is asked for `undefined`. `A` is the map of what panels answer. */
export type PanelHook<A> = <N extends keyof A & string>(
  name: N | undefined,
  params?: URLSearchParams,
) => QueryState<A[N]>;

/** How the panels of a domain are asked: `A` is the map that its server's side is typed by. */
export function panelHook<A>(domain: string): PanelHook<A> {
  return (name, params) => useAnswer(name === undefined ? undefined : `/api/panels/${domain}/${name}`, params);
}

/** Asks a panel about the pipelines themselves. */
export const usePipelinePanel = panelHook<PipelinePanels>("pipeline");

/** The server answered, and not with what was asked for. */
export class AnswerError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export async function ask<T>(question: string, signal?: AbortSignal): Promise<Answer<T>> {
  return await askPlain<Answer<T>>(question, signal);
}

/** As JSON, of any shape. */
export async function askPlain<T>(question: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(question, { signal, headers: { accept: "application/json" } });
  if (response.ok) return await response.json() as T;
  const failure = await response.json().catch(() => undefined) as Failure | undefined;
  throw new AnswerError(response.status, failure?.detail ?? `The server answered ${response.status}`);
}
