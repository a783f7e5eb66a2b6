// How the benchmarks measure and print: best of several rounds, alternating with the floor they are compared with. What is
// printed is also written to the file that FRESHET_BENCH_RESULTS names, if it does: see mod.ts.

import Table from "cli-table3";

export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly ratio?: string;
  readonly target?: string;
}

/** Prints a benchmark's table. */
export function print(title: string, rows: readonly Row[]): void {
  const table = new Table({ head: ["", "figure", "ratio", "to reach"], style: { head: [], border: [] } });
  for (const { what, figure, ratio = "", target = "" } of rows) table.push([what, figure, ratio, target]);
  console.log(`\n${title}\n${table.toString()}`);
  const results = Deno.env.get("FRESHET_BENCH_RESULTS");
  const lines = rows.map(({ what, figure, ratio }) => JSON.stringify({ what, figure, ratio }) + "\n");
  if (results !== undefined) Deno.writeTextFileSync(results, lines.join(""), { append: true });
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Runs the two in turn and gives the medians of both, in milliseconds: the machine's drift meets both alike. */
export async function sideBySide(
  rounds: number,
  subject: () => unknown,
  floor: () => unknown,
): Promise<{ readonly subjectMs: number; readonly floorMs: number }> {
  const subjects: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < rounds; round++) {
    floors.push(await timed(floor));
    subjects.push(await timed(subject));
  }
  return { subjectMs: median(subjects), floorMs: median(floors) };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nearest rank; `q` from 0 to 1. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? NaN;
}

/** Records per second, for people. */
export const perSecond = (records: number, ms: number): string =>
  `${Math.round(records / ms).toLocaleString("en")} k/s`;
