// Runs the benchmarks named, or all of them, each in a process of its own. See README.md for what they show.

const BENCHMARKS = [
  "engine",
  "kafka",
  "warehouse",
  "hopping",
  "checkpoint",
  "memory",
  "latency",
  "ingest",
  "dashboard",
  "queries",
  "snowflake",
  "views",
] as const;

/** Those of many minutes: only when they are named. */
const LONG = ["soak", "clients"] as const;

const unknown = Deno.args.filter((name) => ![...BENCHMARKS, ...LONG].some((known) => known === name));
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
let failed = 0;
for (const name of Deno.args.length > 0 ? Deno.args : BENCHMARKS) {
  const file = new URL(`${name}.ts`, import.meta.url).pathname;
  const { success } = await new Deno.Command(Deno.execPath(), { args: ["run", ...options, file] }).spawn().status;
  if (!success) failed++;
}
Deno.exit(failed === 0 ? 0 : 1);
