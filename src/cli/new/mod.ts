// `new`: a domain to begin with: its files, which work as they are, and its line in the list.
import domainText from "./domain.ts.txt" with { type: "text" };
import simulatorText from "./simulator.ts.txt" with { type: "text" };
import tablesText from "./tables.sql.txt" with { type: "text" };
import testText from "./test.ts.txt" with { type: "text" };
import { dirname } from "node:path";
import { type Context, UsageError, type Verb } from "../context.ts";
import { JSON_OBJECT, jsonText } from "../json.ts";

/** The file that is there already, and the list in it that the domain joins. */
const LIST_FILE = "src/domains/mod.ts";
const LIST = /(export const domainModules: [^=]*= \[)([^\]]*)(\];)/;

/** Names that would hide a file or a page of ours, or that TypeScript keeps for itself. */
const TAKEN =
  /^(api|explore|pipeline|mod|domain|pacer|random|simulator|spoil|sql|z|new|class|delete|enum|export|function|import|in|null|this|var|void|with|yield)$/;

export const addNew: Verb = (program, context) => {
  program.command("new")
    .summary("begin a domain")
    .description(
      "Writes a domain to begin with into this checkout: schema and pipeline, simulator, SQL and test, which work as they " +
        "are, and its line in the list of domains. docs/domains.md explains them. Overwrites nothing.",
    )
    .argument("<name>", "lower case, such as parcels or parcel_scans")
    .option(...JSON_OBJECT)
    .action((name: string, flags: { readonly json?: boolean }) => begin(context, name, flags));
};

async function begin({ host }: Context, name: string, { json }: { readonly json?: boolean }): Promise<void> {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name) || name.length > 40 || TAKEN.test(name)) {
    throw new UsageError(`"${name}" is no name for a domain: lower-case words with underscores, such as parcel_scans`);
  }
  const files = filesOf(name);
  for (const [path] of files) {
    if (await read(path) !== undefined) throw new UsageError(`${path} is there already: choose another name`);
  }
  const list = await listed(name);
  for (const [path, text] of files) {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, text, { createNew: true });
    if (!json) host.stdout.write(`wrote ${path}\n`);
  }
  await Deno.writeTextFile(LIST_FILE, list);
  if (json) return host.stdout.write(jsonText({ written: [...files.keys()], addedTo: LIST_FILE }));
  host.stdout.write(`added to ${LIST_FILE}\n`);
  host.stdout.write(
    `\nTry it:\n  deno task lint ${name}    # types, SQL, a dry run: the types take half a minute the first time\n  deno test -A tests/domains/${name}_test.ts\n  deno task run ${name}    # its page: http://localhost:8501/${name}\n` +
      `  deno task freshet query "SELECT * FROM ${name.toUpperCase()}_HOURLY LIMIT 5"\n`,
  );
}

/** Path and text of each new file. */
function filesOf(name: string): ReadonlyMap<string, string> {
  const fill = (text: string) =>
    text.replaceAll("example_file", name)
      .replaceAll("exampleName", camelCase(name))
      .replaceAll("ExampleType", camelCase(`_${name}`))
      .replaceAll("EXAMPLE", name.toUpperCase());
  return new Map([
    [`src/domains/${name}/mod.ts`, fill(domainText)],
    [`sql/${name}.sql`, fill(tablesText)],
    [`simulators/${name}.ts`, fill(simulatorText)],
    [`tests/domains/${name}_test.ts`, fill(testText)],
  ]);
}

const camelCase = (name: string) => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** The file of the list with the domain in it, and the import that it needs. */
async function listed(name: string): Promise<string> {
  const text = await read(LIST_FILE);
  if (text === undefined) {
    throw new UsageError(
      `${LIST_FILE} is not here: "freshet new" writes into a checkout of Freshet, run it in its folder`,
    );
  }
  if (!LIST.test(text)) throw new UsageError(`${LIST_FILE} has no list to add to: put it back as it was`);
  const lastImport = text.lastIndexOf("\nimport ");
  const afterImports = text.indexOf("\n", lastImport + 1) + 1;
  const imported = `import { ${camelCase(name)} } from "./${name}/mod.ts";\n`;
  return (text.slice(0, afterImports) + imported + text.slice(afterImports))
    .replace(
      LIST,
      (_, start: string, entries: string, end: string) => `${start}${entries}  ${camelCase(name)},\n${end}`,
    );
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
