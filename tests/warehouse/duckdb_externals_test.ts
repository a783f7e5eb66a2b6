// DuckDB's addon leaves nothing behind in Deno: see externals.ts for what this rests on.

import { assert, assertEquals } from "@std/assert";
import { LEAKING_VERSION } from "../../src/warehouse/duckdb/externals.ts";

/** A result, its columns and their types leave some 400 bytes when nothing is done, a unit of eight columns 1,500. */
const FEW_BYTES = 100;

Deno.test("the version of Deno is the one of which externals are known to leak", () => {
  assertEquals(
    Deno.version.deno,
    LEAKING_VERSION,
    "see whether napi_create_external still leaks: then name this version in externals.ts, else remove that file",
  );
});

Deno.test({
  name: "neither reading nor writing leaves anything behind",
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
    assertEquals(Object.keys(left), ["reading", "writing"]);
    for (const [name, bytes] of Object.entries(left)) {
      assert(bytes < FEW_BYTES, `${name} leaves ${bytes} bytes each time`);
    }
  },
});
