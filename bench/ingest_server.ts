// The servers that bench/ingest.ts asks, in a process of their own: `bare` answers without a log, `log` is the API over an
// embedded log. Prints its address, and ends when standard input does.

import { Hono } from "hono";
import { systemClock } from "../src/clock.ts";
import { readConfig } from "../src/config/mod.ts";
import { defineDomains, domainModules } from "../src/domains/mod.ts";
import { startHttp } from "../src/http/mod.ts";
import { ingestSources } from "../src/ingest_sources.ts";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { BatchedProducer } from "../src/log/batched_producer.ts";
import { createMetrics } from "../src/metrics/mod.ts";

const [kind, dataDir = ""] = Deno.args;
const config = readConfig({}, domainModules);

async function untilTold(url: string): Promise<void> {
  console.log(url);
  await Deno.stdin.readable.pipeTo(new WritableStream());
}

/** Reads the JSON and answers something of the same size. */
async function bare(): Promise<void> {
  const app = new Hono();
  app.post("/events", async (c) => {
    await c.req.json();
    return c.json({ topic: "events", partition: 0, offset: 1 });
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => app.fetch(request));
  await untilTold(`http://127.0.0.1:${server.addr.port}`);
  await server.shutdown();
}

async function overLog(): Promise<void> {
  const domains = defineDomains(config.domains).filter(({ name }) => name === "actions");
  await using log = await openEmbeddedLog({ dataDir });
  await log.createTopics([{ topic: domains[0]!.topic, partitions: 4 }]);
  await using server = startHttp({
    hostname: "127.0.0.1",
    port: 0,
    pid: Deno.pid,
    version: "0.0.0",
    tokens: { api: undefined, run: "run-token" },
    statuses: () => [],
    isLogReachable: () => Promise.resolve(true),
    isWarehouseReachable: () => Promise.resolve(true),
    metrics: createMetrics(),
    clock: systemClock,
    skip: () => Promise.reject(new Error("There is nothing to skip")),
    query: () => Promise.reject(new Error("There is no warehouse")),
    ingest: ingestSources(domains, { group: new BatchedProducer(log, systemClock), config }),
    reads: [],
    rateLimit: config.rateLimit === Infinity ? Infinity : 1e9,
  });
  await untilTold(server.url);
}

await (kind === "bare" ? bare() : overLog());
