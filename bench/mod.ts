// Runs the benchmarks named, or all of them, each in a process of its own. See README.md for what they show.
//   --compare   prints each beside its last recorded run, and fails when one has become slower
//   --record    makes this run the recorded one, in results.json

import { compare, readResults, type Recorded, writeResults } from "./results.ts";

const BENCHMARKS = [
  "engine",
  "kafka",
  "warehouse",
  "domains",
  "hopping",
  "checkpoint",
  "state",
  "restart",
  "memory",
  "latency",
  "ingest",
  "dashboard",
  "browsers",
  "queries",
  "snowflake",
  "views",
] as const;

/** Those of many minutes: only when they are named. */
const LONG = ["soak", "clients", "snowflake_hour", "snowflake_replicas", "streaming", "threads"] as const;
const OPTIONS = ["--compare", "--record"];

const named = Deno.args.filter((arg) => !OPTIONS.includes(arg));
const unknown = named.filter((name) => ![...BENCHMARKS, ...LONG].some((known) => known === name));
if (unknown.length > 0) {
  console.error(
    `There is no benchmark "${unknown.join('", "')}": name some of ${
      [...BENCHMARKS, ...LONG].join(", ")
    }, or none for all but ${LONG.join(", ")}`,
  );
  Deno.exit(2);
}
const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
const options = tasks.bench.command.split(" ").filter((part: string) => part.startsWith("-"));

/** Those that start a real browser, whose library looks at more of the machine than any permission set names. */
const BROWSING = ["browsers"];

/** What a benchmark prints, or nothing when it fails. */
async function run(name: string): Promise<readonly Recorded[] | undefined> {
  const file = new URL(`${name}.ts`, import.meta.url).pathname;
  const results = await Deno.makeTempFile();
  try {
    const env = { FRESHET_BENCH_RESULTS: results };
    const isBrowsing = BROWSING.includes(name);
    const own = options.map((option: string) => isBrowsing && option.startsWith("-P=") ? "--allow-all" : option);
    const command = new Deno.Command(Deno.execPath(), { args: ["run", ...own, file], env });
    const { success } = await command.spawn().status;
    const lines = (await Deno.readTextFile(results)).trimEnd().split("\n").filter((line) => line !== "");
    return success ? lines.map((line) => JSON.parse(line)) : undefined;
  } finally {
    await Deno.remove(results);
  }
}

let failed = 0;
for (const name of named.length > 0 ? named : BENCHMARKS) {
  const rows = await run(name);
  if (rows === undefined) {
    failed++;
    continue;
  }
  const results = await readResults();
  if (Deno.args.includes("--compare") && !compare(name, results[name], rows)) failed++;
  const on = new Date().toISOString().slice(0, 10);
  if (Deno.args.includes("--record")) await writeResults({ ...results, [name]: { on, rows } });
}
Deno.exit(failed === 0 ? 0 : 1);
