// What goes into the executable. The runtime that deno compile puts before it cannot be had everywhere, so any ELF file
// stands for it here: the result is put together and lists what is in it, and is refused as it does not start. The bundle in
// it does run, with the packages laid out as the executable unpacks them.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createRequire } from "node:module";
import { basename, dirname } from "node:path";
import { domainModules } from "../../src/domains/mod.ts";
import { said } from "../support/programs.ts";

const ROOT = new URL("../../", import.meta.url);
const wanted = Deno.env.get("TESTS") !== "fast";

Deno.test({
  name: "the executable holds the program, its SQL, its page and the clients with native parts",
  ignore: !wanted || Deno.build.os !== "linux",
  async fn() {
    const runtime = Deno.env.get("DENORT_BIN") ?? "/bin/cat";
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "compile"],
      cwd: ROOT.pathname,
      env: { DENORT_BIN: runtime },
      stdout: "null",
      stderr: "piped",
    }).output();
    const complaint = new TextDecoder().decode(stderr);
    if (Deno.env.has("DENORT_BIN")) assert(success, complaint);
    else assertStringIncludes(complaint, "DENORT_BIN (/bin/cat) must be the denort binary");
    const listed = await Deno.readTextFile(new URL("dist/freshet.files.txt", ROOT));
    for (const name of ["@duckdb", "snowflake-sdk/", "dist/freshet.js", "freshet_thread.js"]) {
      assertStringIncludes(listed, name);
    }
    assert(!listed.includes("-musl"), "for a C library that Deno does not run on");
    const bundle = await Deno.readTextFile(new URL("dist/freshet.js", ROOT));
    for (const { name } of domainModules) {
      const [first] = (await Deno.readTextFile(new URL(`sql/${name}.sql`, ROOT))).split("\n");
      assertStringIncludes(bundle, first!.slice(0, 40), name);
    }
    const page = await Deno.readTextFile(new URL("dist/page/page.js", ROOT));
    assert(page.length > 100_000 && bundle.length > page.length);
    const version = await said(Deno.execPath(), ["run", "--quiet", "-A", "dist/freshet.js", "--version"], {
      cwd: ROOT.pathname,
    });
    assertMatch(version, /^freshet \d/);
    const help = await said(Deno.execPath(), ["run", "--quiet", "-A", "dist/freshet.js", "--help"], {
      cwd: ROOT.pathname,
    });
    assertEquals(/\brun\b/.test(help), true);
  },
});

Deno.test({
  name:
    "the executable finds its other threads' module, and DuckDB's library, which is not beside the addon that asks for it",
  ignore: !wanted || Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await layOut(folder);
      const settings = { FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0", FRESHET_THREADS: "2" };
      const env = { FRESHET_DATA_DIR: `${folder}/data`, ...settings };
      const run = (...args: string[]) =>
        said(Deno.execPath(), ["run", "--quiet", "--no-prompt", "-A", "freshet.js", ...args], { cwd: folder, env });
      await run("run", "wine", "--no-simulate", "--until-end");
      assertMatch(await run("query", "SELECT count(*) AS N FROM RAW_EVENTS_STREAM", "--csv"), /^N\r?\n0/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The bundle and DuckDB's packages in a folder, as an executable has them: the addon is a link to where it lies alone. */
async function layOut(folder: string): Promise<void> {
  const client = import.meta.resolve("@duckdb/node-api");
  const bindings = createRequire(client).resolve("@duckdb/node-bindings");
  const libc = createRequire(bindings).resolve("detect-libc");
  const addon = createRequire(bindings).resolve(`@duckdb/node-bindings-linux-${arch()}/duckdb.node`);
  const copies = {
    "@duckdb/node-api": dirname(dirname(new URL(client).pathname)),
    "@duckdb/node-bindings": dirname(bindings),
    [`@duckdb/node-bindings-linux-${arch()}`]: dirname(addon),
    "detect-libc": dirname(dirname(libc)),
  };
  for (const [name, from] of Object.entries(copies)) await copyFolder(from, `${folder}/node_modules/${name}`);
  const inside = `${folder}/node_modules/@duckdb/node-bindings-linux-${arch()}/${basename(addon)}`;
  await Deno.mkdir(`${folder}/alone`);
  await Deno.rename(inside, `${folder}/alone/addon.node`);
  await Deno.symlink(`${folder}/alone/addon.node`, inside);
  for (const name of ["freshet.js", "freshet_thread.js"]) {
    await Deno.copyFile(new URL(`dist/${name}`, ROOT), `${folder}/${name}`);
  }
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ nodeModulesDir: "manual" }));
}

function arch(): string {
  return Deno.build.arch === "aarch64" ? "arm64" : "x64";
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    await (isDirectory ? copyFolder : Deno.copyFile)(`${from}/${name}`, `${to}/${name}`);
  }
}
