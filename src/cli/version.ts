// The version of the program, of what it is made of, and the commit.
import manifest from "../../deno.json" with { type: "json" };

/** As in deno.json. */
export const VERSION: string = (manifest as { readonly version?: string }).version ?? "0.0.0";

/** The clients whose versions matter when something goes wrong. */
const CLIENTS = ["@duckdb/node-api", "kafkajs", "snowflake-sdk"] as const;

/** What `--version` prints: version and commit in the first line, versions of the runtime and the clients below. */
export async function versionText(): Promise<string> {
  const imports = manifest.imports as Readonly<Record<string, string>>;
  const clients = CLIENTS.map((name) => `${name} ${imports[name]!.split("@").at(-1)}`);
  const commit = await commitOfCheckout() ?? await commitOfBuild();
  return `freshet ${VERSION}${commit ? ` (${commit})` : ""}\n${["deno " + Deno.version.deno, ...clients].join(", ")}`;
}

/** The commit that a checkout stands at. */
async function commitOfCheckout(): Promise<string | undefined> {
  const git = new URL("../../.git/", import.meta.url);
  try {
    const head = (await Deno.readTextFile(new URL("HEAD", git))).trim();
    const ref = /^ref: (.*)$/.exec(head)?.[1];
    return (ref === undefined ? head : await Deno.readTextFile(new URL(ref, git))).trim().slice(0, 12);
  } catch {
    return undefined; // not a checkout, or its refs are packed
  }
}

/** The commit that was noted when an executable or an image was made. */
function commitOfBuild(): Promise<string | undefined> {
  return import("../../dist/commit.txt", { with: { type: "text" } })
    .then((module: { readonly default: string }) => module.default.trim() || undefined, () => undefined);
}
