// The page's files: a fixed map, so that no path of the asker reaches the disk. The script is bundled by `deno task page`.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Context, Hono } from "hono";
import css from "./page/page.css" with { type: "text" };
import icon from "./page/icon.svg" with { type: "text" };
import html from "./page/page.html" with { type: "text" };

/** What every path of the page answers: which page is shown is the script's business. */
export const PAGE_HTML: string = html;

/** Paths of the page beside those of domains. */
const PAGES = ["/", "/pipeline", "/explore", "/explore/sql"];

/** Of brotli: half a second of one thread, once. The next better ones take many times that. */
const QUALITY = 9;

const NOT_BUNDLED = `document.getElementById("app").textContent =
  "The page's script is not bundled: run \\"deno task page\\" once, then start Freshet again.";`;

/** Adds the files. They hold no data, so they need no token. */
export function pageFiles(app: Hono, domains: readonly string[]): void {
  // Below a domain are the pages of its trains, zones, products, users.
  for (const path of [...PAGES, ...domains.flatMap((name) => [`/${name}`, `/${name}/:id`])]) {
    app.get(path, (c) => c.html(html));
  }
  app.get("/page.css", (c) => c.body(css, 200, { "content-type": "text/css; charset=utf-8" }));
  app.get("/icon.svg", (c) => c.body(icon, 200, { "content-type": "image/svg+xml" }));
  app.get("/page.js", (c) => scriptAnswer(c, "page"));
  // What few look for comes when it is needed.
  app.get("/editor.js", (c) => scriptAnswer(c, "editor"));
}

/** Small on the wire, and not sent again to who has it. */
async function scriptAnswer(c: Context, name: keyof typeof SCRIPTS) {
  const { etag, text, br, gzip } = await (bundled[name] ??= script(name));
  const headers = { "content-type": "text/javascript; charset=utf-8", etag, vary: "accept-encoding" };
  if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
  const takes = (c.req.header("accept-encoding") ?? "").split(",").map((one) => one.split(";")[0]!.trim());
  if (takes.includes("br")) return c.body(br, 200, { ...headers, "content-encoding": "br" });
  if (takes.includes("gzip")) return c.body(gzip, 200, { ...headers, "content-encoding": "gzip" });
  return c.body(text, 200, headers);
}

interface Script {
  readonly etag: string;
  readonly text: string;
  readonly br: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

interface TextModule {
  readonly default: string;
}

/** Read when one is first asked for: a run without an onlooker has no use for a megabyte of text. */
const SCRIPTS = {
  page: () => import("../../../dist/page/page.js", { with: { type: "text" } }) as Promise<unknown>,
  editor: () => import("../../../dist/page/editor.js", { with: { type: "text" } }) as Promise<unknown>,
};

const bundled: Partial<Record<keyof typeof SCRIPTS, Promise<Script>>> = {};

async function script(name: keyof typeof SCRIPTS): Promise<Script> {
  const text = await SCRIPTS[name]().then((module) => (module as TextModule).default, () => NOT_BUNDLED);
  const bytes = new TextEncoder().encode(text);
  const params = { [constants.BROTLI_PARAM_QUALITY]: QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const [br, gzipped] = await Promise.all([promisify(brotliCompress)(bytes, { params }), promisify(gzip)(bytes)]);
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  return { etag, text, br: new Uint8Array(br), gzip: new Uint8Array(gzipped) };
}
