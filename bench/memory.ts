// (f) Peak memory of the real program while it works off a backlog of 2 million records from the embedded log into DuckDB.

import { openEmbeddedLog } from "../src/log/embedded.ts";
import { fill } from "./pipeline.ts";
import { freshet } from "./program.ts";
import { perSecond, print } from "./report.ts";

const RECORDS = 2_000_000;

/** Peak resident memory of a process so far, in MB; 0 when it has ended. By cat, as Deno itself keeps /proc to itself. */
async function peakMb(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`], stderr: "null" }).output();
  return Number(/VmHWM:\s+(\d+) kB/.exec(new TextDecoder().decode(stdout))?.[1] ?? 0) / 1024;
}

const dir = await Deno.makeTempDir();

try {
  {
    await using log = await openEmbeddedLog({ dataDir: dir });
    await fill(log, "ats_telemetry", 4, RECORDS);
  }
  const startMs = performance.now();
  const { args, env } = await freshet("run", "trains", "--until-end", "--no-simulate");
  const child = new Deno.Command(Deno.execPath(), {
    args,
    env: { ...env, FRESHET_DATA_DIR: dir, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  let peak = 0;
  while (!ended) {
    peak = Math.max(peak, await peakMb(child.pid));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (!(await status).success) throw new Error("The program failed");
  print(`(f) Backlog of ${RECORDS.toLocaleString("en")} records, the whole program`, [
    { what: "peak resident memory", figure: `${Math.round(peak)} MB`, target: "500 MB" },
    { what: "rate, start and last checkpoint included", figure: perSecond(RECORDS, performance.now() - startMs) },
  ]);
} finally {
  await Deno.remove(dir, { recursive: true });
}
