// Panels over HTTP: one by one, or those of a page in one answer that is about one moment.
import type { Context, Hono } from "hono";
import * as z from "zod";
import { type DataTimes, dataTimes, type PanelContext, type Question } from "../../panels/mod.ts";
import { clientOf } from "../client_address.ts";
import type { AnswerCache } from "./answer_cache.ts";
import { failure, failureOf } from "./failure.ts";
import { type PlaceLimits, Places } from "../places.ts";
import type { Answer, PanelLine } from "./protocol.ts";
import type { ShownPanels } from "./shown.ts";

export interface PanelRoutesOptions {
  readonly shown: readonly ShownPanels[];
  readonly answers: AnswerCache;
  /** Settings of the domains by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Who asks. */
  readonly addressOf: (c: Context) => string;
}

/** Answers to several panels at once. A browser has one or two under way. */
const PAGES: PlaceLimits = { total: 100, perAddress: 25, timeoutMs: 60_000 };
const TOO_MANY_PAGES =
  `Panels of at most ${PAGES.total} pages are answered at a time, ${PAGES.perAddress} of one address`;
/** Nobody reads it. */
const GONE = { status: 503, code: "gone", detail: "Nobody waits for the answer any more" } as const;
/** Panels that may be asked for at once. */
const MAX_ASKED = 30;

export function panelRoutes(app: Hono, options: PanelRoutesOptions): void {
  const { shown, answers, settings } = options;
  pageRoute(app, options);
  for (const { domain, panels } of shown) {
    for (const [name, panel] of Object.entries(panels)) {
      app.get(`/api/panels/${domain}/${name}`, async (c) => {
        const question = panel.read(parameters(c));
        if ("error" in question) return failure(c, 400, "bad_request", z.prettifyError(question.error));
        const key = `${name} ${question.key}`;
        const { signal } = c.req.raw;
        return c.json(
          await answers.shared(domain, key, (ask) => question.answer({ ask, settings, domain }), { signal }),
        );
      });
    }
  }
}

function pageRoute(app: Hono, options: PanelRoutesOptions): void {
  const places = new Places(PAGES);
  app.get("/api/panels", (c) => {
    const asked = c.req.queries("ask") ?? [];
    if (asked.length === 0 || asked.length > MAX_ASKED) {
      return failure(
        c,
        400,
        "bad_request",
        `Say ask=domain/panel?parameters once for each panel, 1 to ${MAX_ASKED} times`,
      );
    }
    const place = places.enter({ address: options.addressOf(c), connection: clientOf(c).connection });
    if (!place) {
      c.header("retry-after", "5");
      return failure(c, 503, "too_many_pages", TOO_MANY_PAGES);
    }
    c.req.raw.signal.addEventListener("abort", () => place.leave(), { once: true });
    const lines = new Page(options, place.signal).lines(asked);
    return c.body(place.stream("", lines), 200, { "content-type": "application/x-ndjson" });
  });
}

/** Query parameters; those that are repeated are lists. */
export function parameters(c: Context): Record<string, string | string[]> {
  return listed(Object.entries(c.req.queries()));
}

function listed(entries: readonly (readonly [string, readonly string[]])[]): Record<string, string | string[]> {
  return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? values[0]! : [...values]]));
}

/** The panels of one question, each answered as soon as it can be. */
class Page {
  readonly #options: PanelRoutesOptions;
  readonly #signal: AbortSignal;
  /** By domain, so that all its panels are about the same. */
  readonly #moments = new Map<string, Promise<Answer<DataTimes | null>>>();

  constructor(options: PanelRoutesOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** A line of JSON for each panel, in the order in which they are answered. */
  async *lines(asked: readonly string[]): AsyncGenerator<string, void> {
    const waiting = new Map([...new Set(asked)].map((ask) => [ask, this.#line(ask)]));
    while (waiting.size > 0) {
      const line = await Promise.race(waiting.values());
      waiting.delete(line.ask);
      yield `${JSON.stringify(line)}\n`;
    }
  }

  async #line(ask: string): Promise<PanelLine> {
    const [path, query = ""] = [ask.split("?", 1)[0]!, ask.slice(ask.indexOf("?") + 1 || ask.length)];
    const [domain = "", name = ""] = path.split("/");
    const panels = this.#options.shown.find((one) => one.domain === domain)?.panels;
    const panel = panels !== undefined && Object.hasOwn(panels, name) ? panels[name] : undefined;
    if (panel === undefined) {
      return { ask, failure: { status: 404, code: "not_found", detail: `There is no panel ${path.slice(0, 200)}` } };
    }
    const params = new URLSearchParams(query);
    const question = panel.read(listed([...new Set(params.keys())].map((key) => [key, params.getAll(key)])));
    if ("error" in question) {
      return { ask, failure: { status: 400, code: "bad_request", detail: z.prettifyError(question.error) } };
    }
    try {
      return { ask, answer: await this.#answer(domain, `${name} ${question.key}`, question) };
    } catch (error) {
      if (this.#signal.aborted) return { ask, failure: GONE };
      return { ask, failure: failureOf(error as Error, path) };
    }
  }

  async #answer(domain: string, key: string, question: Question<unknown>): Promise<Answer<unknown>> {
    const { answers, settings } = this.#options;
    const signal = this.#signal;
    const context: Omit<PanelContext, "ask"> = { settings, domain, times: await this.#moment(domain) };
    const at = context.times === undefined ? key : `${key} @${context.times?.now}`;
    return await answers.shared(domain, at, (ask) => question.answer({ ...context, ask }), { signal });
  }

  /** Event time of the domain, the same for all its panels; `undefined` for what has none. */
  async #moment(domain: string): Promise<DataTimes | null | undefined> {
    const { answers, settings, shown } = this.#options;
    if (!shown.some((one) => one.domain === domain && one.hasEventTime)) return undefined;
    const known = this.#moments.get(domain) ??
      answers.shared(domain, "moment", (ask) => dataTimes({ ask, settings, domain }, domain), { signal: this.#signal });
    this.#moments.set(domain, known);
    return (await known).data;
  }
}
