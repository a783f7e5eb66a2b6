// Takes out of Deno's cache, for an image, what the program does not run with: packages of the tests and of the page, which is
// bundled by then, and DuckDB for musl, on which Deno does not run. Of each only package.json stays: without it Deno would say
// that the package is missing. The bundler, which Deno keeps under `dl`, goes, too. Only for a cache that nothing else uses:
// `deno run -A build/slim.ts` in the Dockerfile.

const ENTRY = "main.ts";

interface Package {
  readonly dependencies: readonly string[];
  readonly localPath: string;
}

interface Graph {
  readonly modules: readonly { readonly kind?: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, Package>>;
}

const { success, stdout } = await new Deno.Command(Deno.execPath(), {
  args: ["info", "--json", ENTRY],
  stdout: "piped",
}).output();
if (!success) throw new Error(`"deno info ${ENTRY}" failed: run this where ${ENTRY} is, with its packages installed`);
const { modules, npmPackages }: Graph = JSON.parse(new TextDecoder().decode(stdout));

const used = new Set<string>();
const add = (name: string): void => {
  if (used.has(name)) return;
  used.add(name);
  npmPackages[name]!.dependencies.forEach(add);
};
for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage);

for (const [name, { localPath }] of Object.entries(npmPackages)) {
  if (!used.has(name) || /^@duckdb\/.*-musl@/.test(name)) await emptyBut(localPath, "package.json");
}
const cache = Deno.env.get("DENO_DIR");
if (cache !== undefined) await Deno.remove(`${cache}/dl`, { recursive: true }).catch(unlessMissing);

function unlessMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

async function emptyBut(folder: string, kept: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return []; // for another system, never fetched
    throw error;
  });
  for (const name of names) if (name !== kept) await Deno.remove(`${folder}/${name}`, { recursive: true });
}
