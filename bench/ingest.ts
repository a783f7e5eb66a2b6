// (h) Events over HTTP: `POST /events` at 32 connections on loopback into the embedded log, every event on disk before it is
// acknowledged, against bare hono that answers without a log and the log that commits without HTTP. The client is in this process, the servers in others.

import autocannon from "autocannon";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { median, print } from "./report.ts";

const CONNECTIONS = 32;
const SECONDS = 5;
const ROUNDS = 5;
const USERS = 256;

interface Measured {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly acknowledged: number;
  readonly refused: number;
}

const requests = Array.from({ length: USERS }, (_, user) => ({
  method: "POST" as const,
  path: "/events",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    user_id: `user_${user}`,
    action: "page_view",
    page: `/products/${user % 40}`,
    timestamp: new Date().toISOString(),
    session_id: `session_${user}`,
    device: "desktop",
    duration_ms: 1_250,
  }),
}));

async function ask(url: string, seconds: number): Promise<Measured> {
  const result = await autocannon({ url, connections: CONNECTIONS, duration: seconds, requests });
  return {
    perSecond: result.requests.average,
    p99Ms: result.latency.p99,
    acknowledged: result["2xx"],
    refused: result.non2xx + result.errors,
  };
}

/** Starts a server of ingest_server.ts, asks it, and ends it. */
async function measure(...args: readonly string[]): Promise<Measured> {
  const file = new URL("ingest_server.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", file, ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const url = (await reader.read()).value!.trim();
    await ask(url, 2);
    return await ask(url, SECONDS);
  } finally {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  }
}

/** The log alone: as many records as there are connections, one commit after the other. Records per second. */
async function commitsAlone(): Promise<number> {
  const dataDir = await Deno.makeTempDir();
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic: "events", partitions: 4 }]);
    const records = requests.slice(0, CONNECTIONS).map(({ body }) => ({ key: JSON.parse(body).user_id, value: body }));
    let sent = 0;
    const begin = performance.now();
    for (; performance.now() - begin < SECONDS * 500; sent += records.length) await log.produce("events", records);
    return sent / (performance.now() - begin) * 1000;
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function recordsIn(dataDir: string): Promise<number> {
  await using log = await openEmbeddedLog({ dataDir });
  const topics = await log.topics();
  return topics.flatMap(({ partitions }) => partitions).reduce((sum, { low, high }) => sum + high - low, 0);
}

const thousands = (value: number) => `${(value / 1000).toFixed(1)} k/s`;

const dataDir = await Deno.makeTempDir();
try {
  const bare: Measured[] = [];
  const logged: Measured[] = [];
  const alone: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(await measure("bare"));
    logged.push(await measure("log", dataDir));
    alone.push(await commitsAlone());
  }
  const rates = (measured: readonly Measured[]) => measured.map(({ perSecond }) => perSecond);
  // On a busy machine the rounds differ by a factor of five: with every request a few processes and the disk take turns.
  const perSecond = (values: readonly number[]) =>
    `${thousands(median(values))}, best ${thousands(Math.max(...values))}`;
  const p99 = (measured: readonly Measured[]) => {
    const values = measured.map(({ p99Ms }) => p99Ms);
    return `${median(values)} ms, best ${Math.min(...values)} ms`;
  };
  print(`(h) POST /events at ${CONNECTIONS} connections, median of ${ROUNDS} rounds of ${SECONDS} s in turn`, [
    { what: "bare hono, no log", figure: perSecond(rates(bare)) },
    { what: "bare hono, p99", figure: p99(bare) },
    { what: `the log alone, commits of ${CONNECTIONS} records`, figure: perSecond(alone) },
    {
      what: "into the embedded log, acknowledged on disk",
      figure: perSecond(rates(logged)),
      ratio: (median(rates(logged)) / median(rates(bare))).toFixed(2),
      target: "8 k/s",
    },
    { what: "into the embedded log, p99", figure: p99(logged) },
    { what: "refused", figure: String(logged.reduce((sum, { refused }) => sum + refused, 0)), target: "0" },
    {
      what: "acknowledged, not counting the warm-up",
      figure: logged.reduce((sum, { acknowledged }) => sum + acknowledged, 0).toLocaleString("en"),
    },
    { what: "in the log, with it", figure: (await recordsIn(dataDir)).toLocaleString("en") },
  ]);
} finally {
  await Deno.remove(dataDir, { recursive: true });
}
