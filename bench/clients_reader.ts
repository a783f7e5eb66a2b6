// A reader in a process of its own, for clients.ts. Argument, as JSON: the log's settings, topic, group, and `count`: how many
// records to read from the beginning before it says what that took. Without `count` it follows the topic's end, and prints a
// partition's number for each batch, until SIGTERM.

import process from "node:process";
import { openKafkaLog } from "../src/log/kafka.ts";

const { settings, topic, group, count } = JSON.parse(Deno.args[0]!);
const stopping = new AbortController();
Deno.addSignalListener("SIGTERM", () => stopping.abort());

let peakBytes = 0;
const watch = setInterval(() => peakBytes = Math.max(peakBytes, Deno.memoryUsage().rss), 50);
const log = await openKafkaLog({ settings, onWarning: () => {} });
const subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
let seen = 0;
let first: { readonly atMs: number; readonly cpuSeconds: number } | undefined;
while (!stopping.signal.aborted && !(seen >= count)) {
  const generation = await Promise.race([subscription.nextGeneration(), aborted()]);
  if (generation === undefined) break;
  const bounds = generation.partitions.length === 0 ? new Map() : await generation.bounds().catch(() => new Map());
  const starts = generation.partitions.map((p) => [p, count === undefined ? bounds.get(p)?.high ?? 0 : 0] as const);
  await generation.start(new Map(starts));
  while (!generation.signal.aborted && !stopping.signal.aborted && !(seen >= count)) {
    const batch = await generation.next(200);
    if (batch === undefined) continue;
    first ??= { atMs: performance.now(), cpuSeconds: cpuSeconds() };
    seen += batch.records.length;
    if (count === undefined) console.log(batch.partition);
  }
}
if (count !== undefined) {
  const figures = {
    firstAtMs: first!.atMs,
    readMs: performance.now() - first!.atMs,
    startCpuSeconds: first!.cpuSeconds,
    cpuSeconds: cpuSeconds() - first!.cpuSeconds,
    peakMb: peakBytes / 2 ** 20,
  };
  console.log(JSON.stringify(figures));
}
clearInterval(watch);
await log[Symbol.asyncDispose]();
Deno.exit(0);

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function aborted(): Promise<undefined> {
  return new Promise((resolve) => stopping.signal.addEventListener("abort", () => resolve(undefined), { once: true }));
}
