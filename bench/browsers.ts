// (j) What browsers cost the real program: 20 of them (FRESHET_BENCH_BROWSERS) on the page of trains while 10 thousand records a
// second (FRESHET_BENCH_RATE) come in. In one run of the program, in turn: without them; with them as the page asked before, all
// its panels every 5 s; and as it is now, by the stream. Each for 20 s (FRESHET_BENCH_SECONDS), all that three times
// (FRESHET_BENCH_ROUNDS); the long form is FRESHET_BENCH_SECONDS=600 FRESHET_BENCH_ROUNDS=1.
// The browsers are connections that ask and take what the page does; where Chromium is installed, one more is a real one with
// the page in it.

import { openEmbeddedLog } from "../src/log/embedded.ts";
import type { Log } from "../src/log/log.ts";
import { chromiumPath, launch } from "../tests/support/browser/chromium.ts";
import { eventsOf } from "../tests/support/browser/events.ts";
import { telemetry } from "./records.ts";
import { Program } from "./program.ts";
import { median, print } from "./report.ts";

const setting = (name: string, without: number) => Number(Deno.env.get(`FRESHET_BENCH_${name}`) ?? without);
const SECONDS = setting("SECONDS", 20);
const ROUNDS = setting("ROUNDS", 3);
const RATE = setting("RATE", 10_000);
const BROWSERS = setting("BROWSERS", 20);
/** How often memory is looked at in a tenth of the time: it goes up and down by 50 MB as garbage is collected. */
const LOOKS = 10;
/** As the page asks where the stream does not come. */
const REFRESH_MS = 5_000;
const TOPIC = "ats_telemetry";
/** What the page of trains follows. */
const ASKS = [
  ...["kpis", "status", "trails", "heat"].map((panel) => `trains/${panel}`),
  ...["timeline", "distributions", "hourly"].map((panel) => `trains/${panel}?range=6h`),
  "trains/by-train?range=6h&measure=passengers",
  ...["annotations", "mutes"].map((panel) => `pipeline/${panel}`),
];
const asked = new URLSearchParams(ASKS.map((ask) => ["ask", ask]));
const TOPICS = "topic=status&topic=alerts/trains";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the browsers have taken, bytes before any compression. */
interface Taken {
  bytes: number;
  /** Of that what came first, when a page is opened. */
  first: number;
}

/** Reads a stream until the signal. */
async function follow(url: string, taken: Taken, signal: AbortSignal): Promise<void> {
  const openedAt = performance.now();
  try {
    const { body } = await fetch(url, { signal });
    for await (const piece of body!) {
      taken.bytes += piece.length;
      if (performance.now() - openedAt < REFRESH_MS) taken.first += piece.length;
      // An abort does not always end the reading of a body that goes on coming.
      if (signal.aborted) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** As the page asked before there were panels in the stream. */
async function ask(base: string, taken: Taken, signal: AbortSignal): Promise<void> {
  const following = follow(`${base}/api/live?${TOPICS}`, taken, signal);
  let isFirst = true;
  while (!signal.aborted) {
    try {
      const { byteLength } = await (await fetch(`${base}/api/panels?${asked}`, { signal })).arrayBuffer();
      taken.bytes += byteLength;
      if (isFirst) taken.first += byteLength;
      isFirst = false;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    await sleep(REFRESH_MS);
  }
  await following;
}

const stream = (base: string, taken: Taken, signal: AbortSignal) =>
  follow(`${base}/api/live?${TOPICS}&${asked}&every=0`, taken, signal);

/** Sends records dated now until the signal. */
async function feed(log: Log, signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  let sent = 0;
  while (!signal.aborted) {
    const due = Math.floor((performance.now() - startMs) * RATE / 1000);
    const now = new Date().toISOString();
    const records = Array.from({ length: due - sent }, (_, i) => {
      const { key, value } = telemetry(sent + i);
      return { key, value: value.replace(/"timestamp":"[^"]+"/, `"timestamp":"${now}"`) };
    });
    if (records.length > 0) await log.produce(TOPIC, records);
    sent = due;
    await sleep(20);
  }
}

interface Measured {
  readonly perSecond: number;
  /** Processors busy in the program. */
  readonly cpus: number;
  /** Mean resident memory by tenths of the time, MB. */
  readonly rssMb: readonly number[];
  /** Bytes a browser took each second, and at first, when its page was opened. */
  readonly bytesPerSecond: number;
  readonly firstBytes: number;
}

type Browse = (base: string, taken: Taken, signal: AbortSignal) => Promise<void>;

/** With `browse` for each of the browsers, or without any. */
async function measure(program: Program, browse?: Browse): Promise<Measured> {
  const stop = new AbortController();
  const taken = Array.from({ length: browse ? BROWSERS : 0 }, () => ({ bytes: 0, first: 0 }));
  const browsing = taken.map((one) => browse!(program.dashboard, one, stop.signal));
  // What a page loads at first is no part of what it takes from then on.
  await sleep(REFRESH_MS);
  for (const one of taken) [one.bytes, one.first] = [0, one.bytes];
  const before = { records: await program.records(), atMs: performance.now(), ...await program.usage() };
  const rssMb: number[] = [];
  for (let tenth = 0; tenth < 10; tenth++) {
    let sum = 0;
    for (let look = 0; look < LOOKS; look++) {
      await sleep(SECONDS * 100 / LOOKS);
      sum += (await program.usage()).rssMb;
    }
    rssMb.push(sum / LOOKS);
  }
  const { cpuS } = await program.usage();
  const seconds = (performance.now() - before.atMs) / 1000;
  const perSecond = (await program.records() - before.records) / seconds;
  const sum = (name: keyof Taken) => taken.reduce((sum, one) => sum + one[name], 0) / Math.max(1, taken.length);
  const bytesPerSecond = sum("bytes") / seconds;
  stop.abort();
  await Promise.all(browsing);
  return { perSecond, cpus: (cpuS - before.cpuS) / seconds, rssMb, bytesPerSecond, firstBytes: sum("first") };
}

/** A real browser with the page in it: what its stream brings each second, and its script's memory at first and at the end. */
async function chromium(url: string, signal: AbortSignal) {
  if (await chromiumPath() === undefined) return undefined;
  const browser = await launch();
  try {
    const page = await browser.newPage();
    const events = await eventsOf(page);
    const waiting = new Set<string>();
    const trouble: string[] = [];
    const pathOf = (request: { url(): string }) => new URL(request.url()).pathname;
    page.on("request", (request) => waiting.add(pathOf(request)));
    page.on("requestfinished", (request) => waiting.delete(pathOf(request)));
    page.on("requestfailed", (request) => trouble.push(`${pathOf(request)} ${request.failure()?.errorText}`));
    page.on("response", (response) => !response.ok() && trouble.push(`${response.status()} ${pathOf(response)}`));
    page.on("pageerror", ({ message }) => trouble.push(message));
    page.on("crash", () => trouble.push("the page has crashed"));
    await page.goto(`${url}/trains`);
    await page.locator(".state-line", { hasText: "live" }).waitFor().catch(async () => {
      const says = await page.locator(".state-line").textContent({ timeout: REFRESH_MS }).catch(() => "nothing");
      const asked = [...waiting].join(", ") || "nothing";
      throw new Error(
        `not live after half a minute: it says "${says}"; waits for ${asked}; trouble: ${trouble.join(", ")}`,
      );
    });
    await sleep(REFRESH_MS);
    const session = await page.context().newCDPSession(page);
    const heapMb = async () => {
      await session.send("HeapProfiler.collectGarbage");
      return (await session.send("Runtime.getHeapUsage")).usedSize / 2 ** 20;
    };
    const atFirst = await heapMb();
    const [first, startMs] = [events.length, performance.now()];
    while (!signal.aborted) await sleep(200);
    if (!browser.isConnected()) throw new Error("Chromium has ended before the benchmark");
    const bytes = events.slice(first).reduce((sum, { data }) => sum + data.length, 0);
    const heap = [atFirst, await heapMb()];
    return { bytesPerSecond: bytes * 1000 / (performance.now() - startMs), heap };
  } finally {
    await browser.close();
  }
}

const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;

function report(
  rounds: Readonly<Record<"without" | "asking" | "stream", readonly Measured[]>>,
  real: Awaited<ReturnType<typeof chromium>> | Error,
): void {
  const of = (name: keyof typeof rounds, what: (measured: Measured) => number) => median(rounds[name].map(what));
  const rate = (value: number) => `${Math.round(value).toLocaleString("en")}/s`;
  const memory = (name: keyof typeof rounds) => {
    const rss = rounds[name].at(-1)!.rssMb;
    return `${Math.round(rss[0]!)}, ${Math.round(rss[4]!)}, ${Math.round(rss[9]!)} MB`;
  };
  const [without, stream] = [of("without", ({ perSecond }) => perSecond), of("stream", ({ perSecond }) => perSecond)];
  print(`(j) ${BROWSERS} browsers for ${ROUNDS} x ${SECONDS} s at ${RATE.toLocaleString("en")} records/s`, [
    { what: "records committed, without browsers", figure: rate(without) },
    {
      what: "records committed, by the stream",
      figure: rate(stream),
      ratio: (stream / without).toFixed(3),
      target: "0.97",
    },
    { what: "processors busy, without", figure: of("without", ({ cpus }) => cpus).toFixed(2) },
    { what: "processors busy, all asking every 5 s", figure: of("asking", ({ cpus }) => cpus).toFixed(2) },
    {
      what: "processors busy, by the stream",
      figure: of("stream", ({ cpus }) => cpus).toFixed(2),
      ratio: (of("stream", ({ cpus }) => cpus) / of("asking", ({ cpus }) => cpus)).toFixed(2),
      isCost: true,
    },
    { what: "a browser takes each second, asking", figure: kb(of("asking", ({ bytesPerSecond }) => bytesPerSecond)) },
    {
      what: "a browser takes each second, by the stream",
      figure: kb(of("stream", ({ bytesPerSecond }) => bytesPerSecond)),
      ratio: (of("stream", ({ bytesPerSecond }) =>
        bytesPerSecond) / of("asking", ({ bytesPerSecond }) => bytesPerSecond)).toFixed(3),
      isCost: true,
    },
    {
      what: "a page takes when it is opened",
      figure: kb(of("stream", ({ firstBytes }) =>
        firstBytes)),
    },
    { what: "memory, without: first tenth, half, end", figure: memory("without") },
    { what: "memory, by the stream: first tenth, half, end", figure: memory("stream"), target: "flat" },
    ...real === undefined || real instanceof Error
      ? [{ what: "a real Chromium", figure: real?.message ?? "not installed" }]
      : [
        { what: "a real Chromium takes each second", figure: kb(real.bytesPerSecond) },
        {
          what: "its script's memory: at first, at the end",
          figure: real.heap.map((mb) => `${mb.toFixed(1)} MB`).join(", "),
        },
      ],
  ]);
}

const dir = await Deno.makeTempDir();
try {
  await using log = await openEmbeddedLog({ dataDir: dir });
  await log.createTopics([{ topic: TOPIC, partitions: 4 }]);
  await using program = await Program.start(dir);
  const stop = new AbortController();
  const feeding = feed(log, stop.signal);
  const rounds = { without: [] as Measured[], asking: [] as Measured[], stream: [] as Measured[] };
  // What starts up is no part of it.
  await sleep(5_000);
  let real: Awaited<ReturnType<typeof chromium>> | Error;
  for (let round = 0; round < ROUNDS; round++) {
    rounds.without.push(await measure(program));
    rounds.asking.push(await measure(program, ask));
    const seen = new AbortController();
    const watching = chromium(program.dashboard, seen.signal).catch((error: Error) => error);
    rounds.stream.push(await measure(program, stream));
    seen.abort();
    real = await watching;
  }
  stop.abort();
  await feeding;
  report(rounds, real);
} finally {
  await Deno.remove(dir, { recursive: true });
}
