// Panels over HTTP: one by one, or those of a page in one answer that is about one moment.
import type { Context, Hono } from "hono";
import * as z from "zod";
import { clientOf } from "../client_address.ts";
import { type PlaceLimits, Places } from "../places.ts";
import { failure } from "./failure.ts";
import { listed, MAX_ASKED, PanelPage, type PanelPageOptions } from "./panel_answers.ts";
import type { PanelLine } from "./protocol.ts";

export interface PanelRoutesOptions extends PanelPageOptions {
  /** Who asks. */
  readonly addressOf: (c: Context) => string;
}

/** Answers to several panels at once. A browser has one or two under way. */
const PAGES: PlaceLimits = { total: 100, perAddress: 25, timeoutMs: 60_000 };
const TOO_MANY_PAGES =
  `Panels of at most ${PAGES.total} pages are answered at a time, ${PAGES.perAddress} of one address`;

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
    const lines = linesOf(asked, options, place.signal);
    return c.body(place.stream("", lines), 200, { "content-type": "application/x-ndjson" });
  });
}

/** Query parameters; those that are repeated are lists. */
export function parameters(c: Context): Record<string, string | string[]> {
  return listed(Object.entries(c.req.queries()));
}

/** A line of JSON for each panel, in the order in which they are answered. */
async function* linesOf(asked: readonly string[], options: PanelPageOptions, signal: AbortSignal) {
  const page = new PanelPage(options, signal);
  const lineOf = async (ask: string): Promise<PanelLine> => ({ ask, ...await page.answerTo(ask, signal) });
  const waiting = new Map([...new Set(asked)].map((ask) => [ask, lineOf(ask)]));
  while (waiting.size > 0) {
    const line = await Promise.race(waiting.values());
    waiting.delete(line.ask);
    yield `${JSON.stringify(line)}\n`;
  }
}
