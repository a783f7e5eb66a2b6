// Bundles the dashboard's page: `deno task page`. A bundle cannot read the server's list of domains, so the list of those that
// have a page of their own is written first, as a file that is part of the page.

import { domainModules } from "../src/domains/mod.ts";

const ROOT = new URL("../", import.meta.url);
const LIST = new URL("src/http/dashboard/page/domain_pages.ts", ROOT);

/** The text of the list: a domain has a page of its own when its folder has a `page/mod.tsx`. */
export async function listOfPages(): Promise<string> {
  const pageOf = (name: string) => read(new URL(`src/domains/${name}/page/mod.tsx`, ROOT));
  const pages = await Promise.all(domainModules.map(async ({ name }) => ({ name, page: await pageOf(name) })));
  const names = pages.filter(({ page }) => page !== undefined).map(({ name }) => name);
  return [
    "// The domains that have a page of their own. Written by build/page.ts of the list of domains: do not edit.",
    ...names.map((name) => `import { page as ${name} } from "../../../domains/${name}/page/mod.tsx";`),
    'import type { DomainPage } from "./mod.ts";',
    "",
    "/** By the domain's name. */",
    "export const domainPages: ReadonlyMap<string, DomainPage> = new Map([",
    ...names.map((name) => `  ["${name}", ${name}],`),
    "]);",
    "",
  ].join("\n");
}

async function read(file: URL): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Where a page begins, and what is loaded when it is needed. */
const SCRIPTS = {
  "dist/page/page.js": "src/http/dashboard/page/main.tsx",
  "dist/page/editor.js": "src/http/dashboard/page/editor/mod.ts",
};

async function bundle(output: string, entry: string): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [...["bundle", "--quiet", "--platform", "browser", "--minify"], ...["--output", output, entry]],
    cwd: ROOT,
  }).spawn().status;
  return code;
}

if (import.meta.main) {
  console.error("Bundling the dashboard's page: once, until something of it changes");
  const text = await listOfPages();
  if (await read(LIST) !== text) await Deno.writeTextFile(LIST, text);
  const codes = await Promise.all(Object.entries(SCRIPTS).map(([output, entry]) => bundle(output, entry)));
  Deno.exit(Math.max(...codes));
}
