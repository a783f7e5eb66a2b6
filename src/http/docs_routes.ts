// `/openapi.json` and the page about the API at `/docs`.
import type { OpenAPIHono } from "@hono/zod-openapi";
import css from "./docs_page.css" with { type: "text" };
import { docsPage } from "./docs_page.ts";
import { describe, documentOf, type OpenApiDocument } from "./openapi.ts";

/** Adds the routes. The document is made when it is first asked for, when every other route has been described. */
export function docsRoutes(api: OpenAPIHono, version: string): void {
  let made: OpenApiDocument | undefined;
  const document = () => made ??= documentOf(api, version);
  const tag = "description";
  describe(api, {
    method: "get",
    path: "/openapi.json",
    tag,
    summary: "This API as OpenAPI 3.1",
    guarded: false,
    answers: { 200: { description: "The document", schema: { type: "object" } } },
  });
  describe(api, {
    method: "get",
    path: "/docs",
    tag,
    summary: "This API as a page",
    guarded: false,
    answers: { 200: { description: "The page", type: "text/html" } },
  });
  api.get("/openapi.json", (c) => c.json(document()));
  api.get("/docs", (c) => c.html(docsPage(document(), new URL(c.req.url).origin)));
  api.get("/docs.css", (c) => c.body(css, 200, { "content-type": "text/css; charset=utf-8" }));
}
