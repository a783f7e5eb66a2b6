// What goes into the executable. The runtime that deno compile puts before it cannot be had everywhere, so any ELF file
// stands for it here: the result does not run, but it is put together and lists what is in it. The bundle in it does run.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
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
    assert(success, new TextDecoder().decode(stderr));
    const listed = await Deno.readTextFile(new URL("dist/freshet.files.txt", ROOT));
    for (const name of ["@duckdb", "snowflake-sdk/", "dist/freshet.js"]) assertStringIncludes(listed, name);
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
