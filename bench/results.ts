// What was measured before, in results.json, and how far a run is from it. Processor time is compared where it is there, else
// the ratio to a floor that was run in turn: on a machine that others use both drift less than rates do.

import { print, type Row } from "./report.ts";

/** A row as it was recorded. */
export type Recorded = Omit<Row, "target">;

/** The rows of each benchmark when it was last recorded. */
export type Results = Readonly<Record<string, { readonly on: string; readonly rows: readonly Recorded[] }>>;

const FILE = new URL("results.json", import.meta.url);

/** A run is told of as slower from here on. */
const SLOWER = 0.9;

export async function readResults(): Promise<Results> {
  try {
    return JSON.parse(await Deno.readTextFile(FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

export async function writeResults(results: Results): Promise<void> {
  const sorted = Object.fromEntries(Object.entries(results).sort(([a], [b]) => a < b ? -1 : 1));
  await Deno.writeTextFile(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** The first number of a figure, and whether more of it is better. */
function numberIn(figure: string): { readonly value: number; readonly isRate: boolean } {
  return { value: parseFloat(figure.replaceAll(",", "")), isRate: figure.includes("/s") };
}

/** How good the run is compared with the recorded one: above 1 it is better. `undefined` where they have no number in common. */
export function comparedWith(recorded: Recorded, now: Recorded): number | undefined {
  if (recorded.cpu && now.cpu) return parseFloat(recorded.cpu) / parseFloat(now.cpu);
  const [ratio, before] = [Number(now.ratio || NaN), Number(recorded.ratio || NaN)];
  if (ratio > 0 && before > 0 && !(ratio === 1 && before === 1)) return now.isCost ? before / ratio : ratio / before;
  const [then, found] = [numberIn(recorded.figure), numberIn(now.figure)];
  if (!(then.value > 0 && found.value > 0) || then.isRate !== found.isRate) return undefined;
  return found.isRate ? found.value / then.value : then.value / found.value;
}

/** Prints both side by side; says whether nothing has become slower. */
export function compare(name: string, recorded: Results[string] | undefined, rows: readonly Recorded[]): boolean {
  if (recorded === undefined) {
    console.log(`${name} has not been recorded: run it with --record`);
    return true;
  }
  let isGood = true;
  const said = (row: Recorded | undefined) => row ? `${row.figure}${row.ratio ? ` (${row.ratio})` : ""}` : "";
  const compared = rows.map((row): Row => {
    const before = recorded.rows.find(({ what }) => what === row.what);
    const ratio = before && comparedWith(before, row);
    const isSlower = ratio !== undefined && ratio < SLOWER;
    if (isSlower) isGood = false;
    return {
      what: row.what,
      figure: said(row),
      ratio: ratio?.toFixed(2),
      target: isSlower ? `SLOWER than ${said(before)}` : said(before),
    };
  });
  print(`${name}: now, how much better, and as recorded on ${recorded.on}`, compared);
  return isGood;
}
