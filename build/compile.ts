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
const PACKAGES = ["@duckdb/node-api", "snowflake-sdk"];
const BUNDLE = "dist/freshet.js";

async function deno(args: readonly string[]): Promise<{ readonly ok: boolean; readonly text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  return { ok: success, text: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n").trim() };
}

/**
 * Folders of packages that the executable cannot use: DuckDB for musl. Deno installs it beside the one for glibc, which is what
 * Deno itself is made for, and would put both in.
 */
async function unused(): Promise<readonly string[]> {
  const { npmCache } = JSON.parse((await deno(["info", "--json"])).text) as { readonly npmCache: string };
  return globSync(`${npmCache}/*/@duckdb/*-musl/*/package.json`).map((file) => dirname(file));
}

/** Starts what was made, for this machine. Errors: when it does not tell its version, with what it said instead. */
async function start(path: string): Promise<void> {
  const command = new Deno.Command(path, { args: ["--version"], stdin: "null", stdout: "piped", stderr: "piped" });
  const said = await command.output().then(
    ({ stdout, stderr }) => [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join(""),
    (error: Error) => error.message,
  );
  if (said.startsWith("freshet ")) return;
  const runtime = Deno.env.get("DENORT_BIN");
  const reason = runtime === undefined
    ? "this is a fault of Freshet, please report it"
    : `DENORT_BIN (${runtime}) must be the denort binary of Deno ${Deno.version.deno} for this machine`;
  fail(`${path} was put together, but does not start: ${reason}`, said.slice(0, 2_000));
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
const bundled = await deno(["bundle", "--quiet", "--platform", "deno", ...external, "--output", BUNDLE, "main.ts"]);
if (!bundled.ok) fail("The program could not be bundled", bundled.text);

for (const target of named.length > 0 ? named : [undefined]) {
  const output = `dist/freshet${target === undefined ? "" : `-${target}`}`;
  const compiled = await deno([
    "compile",
    "--no-prompt",
    "--no-check",
    "--exclude-unused-npm",
    ...excluded,
    ...await runOptions(),
    ...(target === undefined ? [] : ["--target", target]),
    "--output",
    output,
    BUNDLE,
  ]);
  if (!compiled.ok) {
    fail(
      `${output} was not made. Deno downloads a runtime to put into it: where that cannot be reached, set DENORT_BIN to the ` +
        `denort binary of Deno ${Deno.version.deno} for that platform`,
      compiled.text,
    );
  }
  await Deno.writeTextFile(`${output}.files.txt`, `${compiled.text}\n`);
  const isOurs = target === undefined || target === Deno.build.target;
  if (isOurs) await start(output);
  const { size } = await Deno.stat(target?.includes("windows") ? `${output}.exe` : output);
  const started = isOurs ? "" : ", not started, as it is for another system";
  console.log(`${output} is made${started}: ${Math.round(size / 1e6)} MB; what is in it: ${output}.files.txt`);
}
