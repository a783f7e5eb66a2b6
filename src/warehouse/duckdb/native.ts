// DuckDB's shared library in an executable of `deno compile`, which unpacks an addon alone into a folder of its own and leaves
// the library beside it in the archive (denoland/deno#36626). Must not know files of databases, or settings.

import { createRequire } from "node:module";

const LIBRARIES: Partial<Record<typeof Deno.build.os, string>> = { linux: "libduckdb.so", darwin: "libduckdb.dylib" };

/**
 * Loads the library that the addon asks for, until what is given back is disposed of; the addon, loaded meanwhile, finds it by
 * its name, as the loaders of Linux and macOS look first among what is there already. Out of an executable Deno unpacks it.
 * Windows finds a library by its folder alone: there it lies beside the executable. Outside of executables this changes
 * nothing, except that the library is loaded a moment sooner.
 */
export function loadLibrary(): Disposable {
  const name = LIBRARIES[Deno.build.os];
  const path = name === undefined ? undefined : pathOf(name);
  const library = path === undefined ? undefined : Deno.dlopen(path, {});
  return { [Symbol.dispose]: () => library?.close() };
}

/** None when the package for this system is not there: the client's own message says so better. */
function pathOf(name: string): string | undefined {
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  try {
    const client = createRequire(import.meta.resolve("@duckdb/node-api"));
    const bindings = createRequire(client.resolve("@duckdb/node-bindings"));
    return bindings.resolve(`@duckdb/node-bindings-${Deno.build.os}-${arch}/${name}`);
  } catch {
    return undefined;
  }
}
