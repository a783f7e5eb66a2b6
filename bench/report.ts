// How the benchmarks measure and print: best of several rounds, alternating with the floor they are compared with. What is
// printed is also written to the file that FRESHET_BENCH_RESULTS names, if it does: see mod.ts.

import Table from "cli-table3";
import process from "node:process";

export interface Row {
  readonly what: string;
  readonly figure: string;
  /** Processor time, of all threads: it drifts less than the clock where others are at work, too. */
  readonly cpu?: string;
  readonly ratio?: string;
  /** The ratio says how many times the floor's time it takes, so that less is better. */
  readonly isCost?: boolean;
  readonly target?: string;
}

/** Prints a benchmark's table. */
export function print(title: string, rows: readonly Row[]): void {
  const hasCpu = rows.some(({ cpu }) => cpu !== undefined);
  const head = ["", "figure", ...hasCpu ? ["CPU a record"] : [], "ratio", "to reach"];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { what, figure, cpu = "", ratio = "", target = "" } of rows) {
    table.push([what, figure, ...hasCpu ? [cpu] : [], ratio, target]);
  }
  console.log(`\n${title}\n${table.toString()}`);
  const results = Deno.env.get("FRESHET_BENCH_RESULTS");
  const lines = rows.map(({ target: _, ...row }) => `${JSON.stringify(row)}\n`);
  if (results !== undefined) Deno.writeTextFileSync(results, lines.join(""), { append: true });
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Milliseconds of processor time that `work` takes, of all threads of this process. */
async function cpuOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** What two that ran in turn took: medians, milliseconds. */
export interface Compared {
  readonly subjectMs: number;
  readonly floorMs: number;
  /** Processor time of all threads. */
  readonly subjectCpuMs: number;
  readonly floorCpuMs: number;
}

/** Runs the two in turn: the machine's drift meets both alike. */
export async function sideBySide(rounds: number, subject: () => unknown, floor: () => unknown): Promise<Compared> {
  const [subjects, floors, subjectCpus, floorCpus]: number[][] = [[], [], [], []];
  for (let round = 0; round < rounds; round++) {
    floorCpus!.push(await cpuOf(async () => floors!.push(await timed(floor))));
    subjectCpus!.push(await cpuOf(async () => subjects!.push(await timed(subject))));
  }
  return {
    subjectMs: median(subjects!),
    floorMs: median(floors!),
    subjectCpuMs: median(subjectCpus!),
    floorCpuMs: median(floorCpus!),
  };
}

/** Microseconds of processor time for a record, for people. */
export const cpuPerRecord = (records: number, cpuMs: number): string => `${(cpuMs * 1000 / records).toFixed(2)} µs`;

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
