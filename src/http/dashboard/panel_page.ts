// Panels that are asked for together: all those of a domain are about one moment. Must not know how they are sent.
import * as z from "zod";
import { type DataTimes, dataTimes, type PanelContext, type Question } from "../../panels/mod.ts";
import type { AnswerCache } from "./answer_cache.ts";
import { failureOf } from "./failure.ts";
import type { Answer, LivePanel } from "./protocol.ts";
import type { ShownPanels } from "./shown.ts";

export interface PanelPageOptions {
  readonly shown: readonly ShownPanels[];
  readonly answers: AnswerCache;
  /** Settings of the domains by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** How old answers may be, milliseconds, instead of what holds for all; with 0 only those that nothing has changed are taken. */
  readonly freshMs?: number;
}

/** Nobody reads it. */
const GONE = { status: 503, code: "gone", detail: "Nobody waits for the answer any more" } as const;

export class PanelPage {
  readonly #options: PanelPageOptions;
  readonly #signal: AbortSignal | undefined;
  /** By domain, so that all its panels are about the same. */
  readonly #moments = new Map<string, Promise<Answer<DataTimes | null>>>();

  /** `signal`: whether somebody still waits for any of them. */
  constructor(options: PanelPageOptions, signal?: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** What `domain/panel?parameters` answers; it is given up when nobody waits for it any more. */
  async answerTo(ask: string, signal: AbortSignal): Promise<LivePanel> {
    const [path, query = ""] = [ask.split("?", 1)[0]!, ask.slice(ask.indexOf("?") + 1 || ask.length)];
    const [domain = "", name = ""] = path.split("/");
    const panels = this.#options.shown.find((one) => one.domain === domain)?.panels;
    const panel = panels !== undefined && Object.hasOwn(panels, name) ? panels[name] : undefined;
    if (panel === undefined) {
      return { failure: { status: 404, code: "not_found", detail: `There is no panel ${path.slice(0, 200)}` } };
    }
    const params = new URLSearchParams(query);
    const question = panel.read(listed([...new Set(params.keys())].map((key) => [key, params.getAll(key)])));
    if ("error" in question) {
      return { failure: { status: 400, code: "bad_request", detail: z.prettifyError(question.error) } };
    }
    try {
      return { answer: await this.#answer(question, { domain, key: `${name} ${question.key}`, signal }) };
    } catch (error) {
      return { failure: signal.aborted ? GONE : failureOf(error as Error, path) };
    }
  }

  async #answer(
    question: Question<unknown>,
    { domain, key, signal }: { readonly domain: string; readonly key: string; readonly signal: AbortSignal },
  ): Promise<Answer<unknown>> {
    const { answers, settings, freshMs } = this.#options;
    const context: Omit<PanelContext, "ask"> = { settings, domain, times: await this.#moment(domain) };
    const at = context.times === undefined ? key : `${key} @${context.times?.now}`;
    return await answers.shared(domain, at, (ask) => question.answer({ ...context, ask }), { signal, freshMs });
  }

  /** Event time of the domain, the same for all its panels; `undefined` for what has none. */
  async #moment(domain: string): Promise<DataTimes | null | undefined> {
    const { answers, settings, shown, freshMs } = this.#options;
    if (!shown.some((one) => one.domain === domain && one.hasEventTime)) return undefined;
    const known = this.#moments.get(domain) ??
      answers.shared(domain, "moment", (ask) => dataTimes({ ask, settings, domain }, domain), {
        signal: this.#signal,
        freshMs,
      });
    this.#moments.set(domain, known);
    return (await known).data;
  }
}

/** Query parameters; those that are repeated are lists. */
export function listed(
  entries: readonly (readonly [string, readonly string[]])[],
): Record<string, string | string[]> {
  return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? values[0]! : [...values]]));
}
