// The page's files: a fixed map, so that no path of the asker reaches the disk. The script is bundled by `deno task page`.
import type { Hono } from "hono";
import css from "./page/page.css" with { type: "text" };
import icon from "./page/icon.svg" with { type: "text" };
import html from "./page/page.html" with { type: "text" };

/** Paths of the page beside those of domains; which of them is shown is the script's business. */
const PAGES = ["/", "/pipeline", "/explore"];

const NOT_BUNDLED = `document.getElementById("app").textContent =
  "The page's script is not bundled: run \\"deno task page\\" once, then start Freshet again.";`;

/** Adds the files. They hold no data, so they need no token. */
export function pageFiles(app: Hono, domains: readonly string[]): void {
  for (const path of [...PAGES, ...domains.map((name) => `/${name}`)]) app.get(path, (c) => c.html(html));
  app.get("/page.css", (c) => c.body(css, 200, { "content-type": "text/css; charset=utf-8" }));
  app.get("/icon.svg", (c) => c.body(icon, 200, { "content-type": "image/svg+xml" }));
  app.get("/page.js", async (c) => c.body(await script(), 200, { "content-type": "text/javascript; charset=utf-8" }));
}

let bundled: Promise<string> | undefined;

/** Read when it is first asked for: a run without an onlooker has no use for a megabyte of text. */
function script(): Promise<string> {
  return bundled ??= import("../../../dist/page/page.js", { with: { type: "text" } })
    .then((module: { readonly default: string }) => module.default, () => NOT_BUNDLED);
}
