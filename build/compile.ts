// Makes executables with everything in them: `deno task compile` for this machine, `deno task compile all` for every
// platform that Deno names, or those that are named. The program is bundled first: deno compile reads every file of a package
// that it embeds, and overflows its stack on one of them (denoland/deno#36746). What cannot be bundled, as it has native
// parts or loads its own by name, stays a package.

import { globSync } from "node:fs";
import { dirname } from "node:path";

const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];
const PACKAGES = ["@duckdb/node-api", "@duckdb/node-bindings", "snowflake-sdk"];
const BUNDLE = "dist/freshet.js";
/** The module of other threads, by the name that src/threads/thread_link.ts looks for beside the program. */
const THREAD_BUNDLE = "dist/freshet_thread.js";

/** Runs a program to its end; what it wrote, or why it could not be started. */
async function output(
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  try {
    const command = new Deno.Command(path, { args: [...args], env, stdin: "null", stdout: "piped", stderr: "piped" });
    const { success, stdout, stderr } = await command.output();
    const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n").trim();
    return { ok: success, text };
  } catch (error) {
    return { ok: false, text: (error as Error).message };
  }
}

function deno(args: readonly string[]) {
  return output(Deno.execPath(), args, { NO_COLOR: "1" });
}

/** Files of installed packages, with the folders of their versions: `@duckdb/*-musl/*` are those of every DuckDB for musl. */
async function installed(pattern: string): Promise<readonly string[]> {
  const { npmCache } = JSON.parse((await deno(["info", "--json"])).text) as { readonly npmCache: string };
  return globSync(`${npmCache}/*/${pattern}`);
}

/** Packages that the executable cannot use: DuckDB for musl, installed beside the one for glibc, which Deno itself runs on. */
async function unused(): Promise<readonly string[]> {
  return (await installed("@duckdb/*-musl/*/package.json")).map((file) => dirname(file));
}

/** Puts DuckDB's library beside an executable for Windows, which looks for it there: see src/warehouse/duckdb/native.ts. */
async function addLibraryForWindows(): Promise<void> {
  const { imports } = JSON.parse(await Deno.readTextFile("deno.json")) as { imports: Record<string, string> };
  const version = imports["@duckdb/node-api"]!.split("@").at(-1)!;
  const [library] = await installed(`@duckdb/node-bindings-win32-x64/${version}/duckdb.dll`);
  if (library === undefined) fail("dist/duckdb.dll was not made", `DuckDB ${version} for Windows is not installed`);
  await Deno.copyFile(library, "dist/duckdb.dll");
  console.log("dist/duckdb.dll goes beside it");
}

/** Starts what was made for this machine, and runs a domain in it. Errors: says what it said instead. */
async function start(path: string): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: "dist" });
  const env = { FRESHET_DATA_DIR: folder, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0" };
  const version = await output(path, ["--version"], env);
  const args = ["run", "wine", "--no-simulate", "--until-end"];
  const run = version.ok ? await output(path, args, { ...env, FRESHET_THREADS: "2" }) : version;
  await Deno.remove(folder, { recursive: true });
  if (run.ok && version.text.startsWith("freshet ")) return;
  const runtime = Deno.env.get("DENORT_BIN");
  const reason = runtime === undefined
    ? "this is a fault of Freshet, please report it"
    : `DENORT_BIN (${runtime}) must be the denort binary of Deno ${Deno.version.deno} for this machine`;
  fail(`${path} was put together, but does not run: ${reason}`, run.text.slice(0, 2_000));
}

/** The permission set of the task `freshet`, and its settings of V8. */
async function runOptions(): Promise<readonly string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json")) as { tasks: Record<string, { command: string }> };
  return tasks.freshet!.command.split(" ").filter((word) => /^(-P=|--v8-flags=)/.test(word));
}

/** The commit that the executables are made of; a checkout that has changed since says so. */
async function commit(): Promise<string> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args, stdout: "piped", stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  };
  try {
    const head = await git("rev-parse", "--short=12", "HEAD");
    return head === undefined ? "" : `${head}${await git("status", "--porcelain") ? "+changes" : ""}`;
  } catch {
    return ""; // no git here
  }
}

function fail(what: string, text: string): never {
  console.error(`${text}\n\n${what}`);
  Deno.exit(1);
}

const named = Deno.args.includes("all") ? TARGETS : Deno.args;
const unknown = named.filter((target) => !TARGETS.includes(target));
if (unknown.length > 0) fail(`Targets are: all, ${TARGETS.join(", ")}`, `Unknown target: ${unknown.join(", ")}`);

await Deno.mkdir("dist", { recursive: true });
await Deno.writeTextFile("dist/commit.txt", await commit());
const excluded = (await unused()).flatMap((folder) => ["--exclude", folder]);
const external = PACKAGES.flatMap((name) => ["--external", name]);
for (const [output, entry] of [[BUNDLE, "main.ts"], [THREAD_BUNDLE, "src/threads/thread.ts"]] as const) {
  const bundled = await deno(["bundle", "--quiet", "--platform", "deno", ...external, "--output", output, entry]);
  if (!bundled.ok) fail("The program could not be bundled", bundled.text);
}

for (const target of named.length > 0 ? named : [undefined]) {
  const path = `dist/freshet${target === undefined ? "" : `-${target}`}`;
  const compiled = await deno([
    "compile",
    "--no-prompt",
    "--no-check",
    "--exclude-unused-npm",
    "--include",
    THREAD_BUNDLE,
    ...excluded,
    ...await runOptions(),
    ...(target === undefined ? [] : ["--target", target]),
    "--output",
    path,
    BUNDLE,
  ]);
  if (!compiled.ok) {
    fail(
      `${path} was not made. Deno downloads a runtime to put into it: where that cannot be reached, set DENORT_BIN to the ` +
        `denort binary of Deno ${Deno.version.deno} for that platform`,
      compiled.text,
    );
  }
  await Deno.writeTextFile(`${path}.files.txt`, `${compiled.text}\n`);
  const isForWindows = (target ?? Deno.build.target).includes("windows");
  const made = isForWindows ? `${path}.exe` : path;
  if (isForWindows) await addLibraryForWindows();
  const isOurs = target === undefined || target === Deno.build.target;
  if (isOurs) await start(made);
  const { size } = await Deno.stat(made);
  const started = isOurs ? "" : ", not started, as it is for another system";
  console.log(`${made} is made${started}: ${Math.round(size / 1e6)} MB; what is in it: ${path}.files.txt`);
}
