// Of what it hands to JavaScript DuckDB's addon leaves little behind in Deno: see externals.ts for what this rests on.

import { assert, assertEquals } from "@std/assert";
import { LEAKING_VERSION } from "../../src/warehouse/duckdb/externals.ts";

/** Bytes: without any care a result of three columns leaves some 440, the statements of a unit of eight columns 1,450. */
const MOST: Readonly<Record<string, number>> = { reading: 300, writing: 600 };

Deno.test("the version of Deno is the one of which externals are known to leak", () => {
  assertEquals(
    Deno.version.deno,
    LEAKING_VERSION,
    "see whether napi_create_external still leaks: then name this version in externals.ts, else remove that file",
  );
});

Deno.test({
  name: "reading and writing leave nothing behind of each column",
  // Elsewhere nobody counts what is allocated.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const script = new URL("externals_process.ts", import.meta.url).pathname;
    const args = ["run", "--v8-flags=--expose-gc", "--quiet", "--no-check", "--no-prompt", "-P=tests", script];
    // What is freed is overwritten at once, so that nobody could use it and not be found out.
    const env = { GLIBC_TUNABLES: "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165" };
    const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, env, stderr: "inherit" }).output();
    assert(success);
    const left: Record<string, number> = JSON.parse(new TextDecoder().decode(stdout));
    for (const [name, most] of Object.entries(MOST)) assert(left[name]! < most, `${name} leaves ${left[name]} bytes`);
  },
});
