// DuckDB's npm client, loaded when the first file is opened, and made to give text back as it is and to leak less.
// Must not know files or settings.

import { createRequire } from "node:module";
import { withoutLeaks } from "./externals.ts";
import { loadLibrary } from "./native.ts";

/** The client, and beside it what it is made of: the bindings give vectors and memory, which it hides. */
export type Client = typeof import("@duckdb/node-api") & { readonly bindings: typeof import("@duckdb/node-bindings") };

let loading: Promise<Client> | undefined;

/** The client. Errors: when this version of it keeps its decoder elsewhere, as it would lose characters. */
export function loadClient(): Promise<Client> {
  return loading ??= load();
}

/**
 * The client decodes text with a `TextDecoder` that takes a leading U+FEFF for a byte order mark and drops it: a key would come
 * back as another key. There is no setting for it (1.5.5-r.5). All its readers of text look the decoder up in one module, as a
 * property that can be written: there one is put that keeps what it is given.
 */
async function load(): Promise<Client> {
  using _library = loadLibrary();
  const bindings = await loadBindings();
  const client = await import("@duckdb/node-api");
  const { default: accessors } = await import("@duckdb/node-api/lib/vectors/dataAccessors.js");
  if (!(accessors.textDecoder instanceof TextDecoder)) {
    throw new Error("This version of @duckdb/node-api decodes text elsewhere: see that it keeps a leading U+FEFF");
  }
  Object.assign(accessors, { textDecoder: new TextDecoder("utf-8", { ignoreBOM: true }) });
  return { ...client, bindings };
}

/** The bindings, put where the client finds them, too, which must not be loaded before. */
async function loadBindings() {
  const { default: found } = await import("@duckdb/node-bindings");
  const bindings = withoutLeaks(found);
  if (bindings !== found) {
    const require = createRequire(import.meta.resolve("@duckdb/node-api"));
    require.cache[require.resolve("@duckdb/node-bindings")]!.exports = bindings;
  }
  return bindings;
}
