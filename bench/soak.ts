// All five domains at once at 2 thousand records a second each, for ten minutes (FRESHET_SOAK_MINUTES, FRESHET_SOAK_RATE), by
// the real program on the embedded pair: whether lag and memory stay flat. Each domain's records come from a `simulate` of
// its own, so the machine does that work too.

import { domainModules } from "../src/domains/mod.ts";
import { median, print } from "./report.ts";

const MINUTES = Number(Deno.env.get("FRESHET_SOAK_MINUTES") ?? 10);
const RATE = Number(Deno.env.get("FRESHET_SOAK_RATE") ?? 2000);
const SAMPLE_MS = 5000;
const WARM_UP_MS = 30_000;

interface Sample {
  readonly atMs: number;
  readonly lag: number;
  readonly records: number;
  readonly rssMb: number;
}

interface Status {
  readonly domains: readonly {
    readonly domain: string;
    readonly totals: { readonly records: number };
    readonly partitions: readonly { readonly nextOffset: number; readonly highOffset: number | null }[];
  }[];
}

const dir = await Deno.makeTempDir();

/** What a task of deno.json starts, with more arguments. */
async function start(task: string, ...more: string[]): Promise<Deno.ChildProcess> {
  const { tasks: { [task]: { command } } } = JSON.parse(await Deno.readTextFile("deno.json"));
  const words: string[] = command.split(" ");
  const settings = words.slice(0, words.indexOf("deno")).map((word) => word.split("="));
  return new Deno.Command(Deno.execPath(), {
    args: [...words.slice(words.indexOf("deno") + 1), ...more],
    env: {
      ...Object.fromEntries(settings),
      FRESHET_DATA_DIR: dir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_LOG_LEVEL: "error",
    },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** Resident memory now, in MB. By cat, as Deno itself keeps /proc to itself. */
async function rssMb(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`], stderr: "null" }).output();
  return Number(/VmRSS:\s+(\d+) kB/.exec(new TextDecoder().decode(stdout))?.[1] ?? 0) / 1024;
}

async function runFile(): Promise<{ readonly url: string }> {
  while (true) {
    const text = await Deno.readTextFile(`${dir}/freshet.run.json`).catch(() => undefined);
    if (text !== undefined) return JSON.parse(text);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function sample(url: string, pid: number): Promise<Sample> {
  const { domains }: Status = await (await fetch(`${url}/api/status`)).json();
  const lags = domains.flatMap(({ partitions }) =>
    partitions.map(({ nextOffset, highOffset }) => Math.max(0, (highOffset ?? nextOffset) - nextOffset))
  );
  return {
    atMs: performance.now(),
    lag: lags.reduce((sum, lag) => sum + lag, 0),
    records: domains.reduce((sum, { totals }) => sum + totals.records, 0),
    rssMb: await rssMb(pid),
  };
}

const children: Deno.ChildProcess[] = [];
try {
  const run = await start("run", "--no-simulate");
  children.push(run);
  const { url } = await runFile();
  for (const { name } of domainModules) children.push(await start("simulate", name, "--rate", String(RATE)));
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const samples: Sample[] = [];
  for (const endMs = performance.now() + MINUTES * 60_000; performance.now() < endMs;) {
    samples.push(await sample(url, run.pid));
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  }
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const third = Math.ceil(samples.length / 3);
  const [early, late] = [samples.slice(0, third), samples.slice(-third)];
  const of = (part: readonly Sample[], key: "lag" | "rssMb") => median(part.map((one) => one[key]));
  const perSecond = (last.records - first.records) / (last.atMs - first.atMs) * 1000;
  const asked = RATE * domainModules.length;
  print(`All domains at ${RATE.toLocaleString("en")} records/s each, ${MINUTES} minutes`, [
    {
      what: "records a second, of those asked for",
      figure: Math.round(perSecond).toLocaleString("en"),
      ratio: (perSecond / asked).toFixed(2),
      target: asked.toLocaleString("en"),
    },
    { what: "lag in records, first third", figure: of(early, "lag").toLocaleString("en"), ratio: "1.00" },
    {
      what: "lag in records, last third",
      figure: of(late, "lag").toLocaleString("en"),
      ratio: (of(late, "lag") / of(early, "lag")).toFixed(2),
      target: "flat",
    },
    { what: "resident memory, first third", figure: `${Math.round(of(early, "rssMb"))} MB`, ratio: "1.00" },
    {
      what: "resident memory, last third",
      figure: `${Math.round(of(late, "rssMb"))} MB`,
      ratio: (of(late, "rssMb") / of(early, "rssMb")).toFixed(2),
      target: "flat",
    },
  ]);
} finally {
  for (const child of children) {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
  }
  await Promise.all(children.map((child) => child.status));
  await Deno.remove(dir, { recursive: true });
}
