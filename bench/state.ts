// (h) Keyed state larger than memory: an operator with ten thousand keys, and with many more than its budget has room for, each
// in a process of its own. What comes again and again must not pay for what is in the file; any key at random does.
//
//   deno task bench state                          a million keys
//   FRESHET_BENCH_KEYS=10000000 deno task bench state

import { print, type Row } from "./report.ts";
import type { StateFigures, StateRun } from "./state_run.ts";

const [FEW_KEYS, BUDGET_MB] = [10_000, 64];
const KEYS = Number(Deno.env.get("FRESHET_BENCH_KEYS") ?? 1_000_000);
const V8_FLAGS = "--v8-flags=--heap-growing-percent=60,--min-semi-space-size=16";

async function run(what: StateRun, folder: string): Promise<StateFigures> {
  const file = new URL("state_run.ts", import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", V8_FLAGS, file, JSON.stringify(what)],
    env: { FRESHET_BENCH_FOLDER: folder },
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`The run ${JSON.stringify(what)} failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const rate = (perSecond: number) => `${Math.round(perSecond / 1000)} k/s of processor time`;

async function rowsOf(operator: StateRun["operator"], folder: string): Promise<Row[]> {
  const few = await run({ operator, keys: FEW_KEYS }, folder);
  const many = await run({ operator, keys: KEYS, budgetMb: BUDGET_MB }, folder);
  const keys = KEYS.toLocaleString("en");
  const shareOf = (figure: "hotPerSecond" | "randomPerSecond") => (many[figure] / few[figure]).toFixed(2);
  return [
    { what: `${operator}, 10 k keys: hot ones`, figure: rate(few.hotPerSecond), ratio: "1.00" },
    {
      what: `${operator}, ${keys} keys, ${BUDGET_MB} MB for them: hot ones`,
      figure: rate(many.hotPerSecond),
      ratio: shareOf("hotPerSecond"),
      target: "at least 0.9",
    },
    {
      what: `${operator}, ${keys} keys: at random`,
      figure: rate(many.randomPerSecond),
      ratio: shareOf("randomPerSecond"),
    },
    {
      what: `${operator}, ${keys} keys: peak memory, and ${many.fileMb} MB of file`,
      figure: `${many.peakMb} MB`,
      target: "700 MB with 10 M keys",
    },
  ];
}

const folder = await Deno.makeTempDir();
try {
  for (const operator of ["sessions", "tumbling", "running"] as const) {
    print(`(h) Keyed state of ${operator}, larger than memory`, await rowsOf(operator, folder));
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
