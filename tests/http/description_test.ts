// The API's description, the page made of it and docs/http.md tell of the same routes, and the page needs nothing that its
// own security policy forbids.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { readConfig } from "../../src/config/mod.ts";
import { defineDomains, domainModules } from "../../src/domains/mod.ts";
import { createApi } from "../../src/http/mod.ts";
import { ingestSources } from "../../src/ingest_sources.ts";
import { BatchedProducer } from "../../src/log/batched_producer.ts";
import { createMetrics } from "../../src/metrics/mod.ts";
import { ManualClock } from "../support/manual_clock.ts";

/** The API with every domain's routes. */
function wholeApi() {
  const config = readConfig({}, domainModules);
  const domains = defineDomains(config.domains);
  const group = new BatchedProducer({ produce: () => Promise.reject(new Error("There is no log")) }, systemClock);
  return createApi({
    hostname: "127.0.0.1",
    pid: 1,
    version: "1.2.3",
    tokens: { api: undefined, run: "run-token" },
    statuses: () => [],
    isLogReachable: () => Promise.resolve(true),
    isWarehouseReachable: () => Promise.resolve(true),
    metrics: createMetrics(),
    clock: new ManualClock(),
    skip: () => Promise.reject(new Error("There is no log")),
    query: () => Promise.reject(new Error("There is no warehouse")),
    ingest: ingestSources(domains, { group, config, makeEvents: () => () => ({}) }),
    reads: domains.flatMap(({ reads = [] }) =>
      reads.map((route) => ({ route, read: () => Promise.resolve(undefined) }))
    ),
    rateLimit: Infinity,
  });
}

async function get(path: string): Promise<Response> {
  return await wholeApi().request(`http://localhost:8000${path}`);
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

async function routes(): Promise<readonly string[]> {
  const { paths } = await (await get("/openapi.json")).json() as Document;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  );
}

Deno.test("docs/http.md names the routes of the description and no others", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/http.md", import.meta.url));
  const named = [...text.matchAll(/^\| `((?:GET|POST) [^`]+)`/gm)].map(([, route]) => route!);
  assertEquals(named.toSorted(), (await routes()).toSorted());
});

Deno.test("every reference in the description leads somewhere", async () => {
  const document = await (await get("/openapi.json")).json() as Document;
  assertEquals(document.openapi, "3.1.0");
  const named = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)]
    .map(([, name]) => name!);
  assert(named.length > 10);
  assertEquals(named.filter((name) => !(name in document.components.schemas)), []);
});

Deno.test("the page has every route, no script, no inline style and nothing from elsewhere", async () => {
  const response = await get("/docs");
  assertStringIncludes(response.headers.get("content-security-policy")!, "default-src 'none'");
  const page = await response.text();
  for (const route of await routes()) assertStringIncludes(page, `<code>${route.split(" ")[1]}</code>`);
  assert(!/<script|style=|<style|\son[a-z]+=|javascript:/i.test(page));
  const linked = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, link]) => link!);
  assertEquals([...new Set(linked)].toSorted(), ["/docs.css", "/openapi.json"]);
  assertEquals((await get("/docs.css")).headers.get("content-type"), "text/css; charset=utf-8");
});

Deno.test("the root leads to the page", async () => {
  const response = await get("/");
  assertEquals([response.status, response.headers.get("location")], [302, "/docs"]);
});
