// How many runs a random test makes and from which seed: few and always the same ones by default, more on request.
//
//   FRESHET_SEED=7 deno test …            the runs that start with seed 7 (or: deno test … -- --seed=7)
//   FRESHET_RUNS=1000 deno test …         a thousand runs (or: -- --runs=1000)

function option(name: string): number | undefined {
  const flag = Deno.args.find((arg) => arg.startsWith(`--${name}=`));
  if (flag !== undefined) return Number(flag.slice(name.length + 3));
  const variable = `FRESHET_${name.toUpperCase()}`;
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return undefined;
  const value = Deno.env.get(variable);
  return value === undefined ? undefined : Number(value);
}

/** Seed of the first run. */
export function firstSeed(byDefault: number): number {
  return option("seed") ?? byDefault;
}

/** Number of runs: one when only a seed was named, to replay it. */
export function runCount(byDefault: number): number {
  return option("runs") ?? (option("seed") === undefined ? byDefault : 1);
}

/** Settings of a fast-check assertion: a failure prints seed and path, and `FRESHET_SEED` replays it. */
export function propertyRuns(numRuns: number): { readonly seed: number; readonly numRuns: number } {
  return { seed: firstSeed(20_260_101), numRuns: option("runs") ?? numRuns };
}
