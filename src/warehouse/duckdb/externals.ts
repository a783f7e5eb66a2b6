// Gives back what Deno keeps of most pointers that DuckDB's addon hands to JavaScript. For such a pointer, an "external" of
// Node-API, Deno 2.9 allocates 32 bytes (`ExternalWrapper` in its ext/napi/js_native_api.rs) that it never frees. Each result,
// each of its columns and each column of each unit that is written is an external: without this a run that is left alone grows
// by about a gigabyte a day for each domain that has records all the time.
//
// Only externals of columns, three of four there are: V8 finds what is watched only when it collects all garbage, and results,
// chunks and statements hold DuckDB's memory until they are found. So of each statement some 200 bytes are left all the same.
//
// This is unsafe: it frees memory of Deno's. It rests on this, of which tests/warehouse/duckdb_externals_test.ts checks what can
// be checked:
// 1. That the wrapper is allocated with the C library's malloc, and that nothing else frees it: so it is in version 2.9.6 on
//    Linux and macOS, and only there is anything freed.
// 2. That nobody asks for the wrapper of an external that is garbage: Node-API reaches it by the external alone, and what is to
//    be done at its end knows the pointer itself.

/** The version of Deno that is known to free nothing. With another one look at `napi_create_external` first. */
export const LEAKING_VERSION = "2.9.6";

/** The C library of a system, and where its `dlsym` is to look: in all that is loaded (`RTLD_DEFAULT`). */
const C_LIBRARIES: Partial<Record<typeof Deno.build.os, readonly [name: string, everywhere: bigint]>> = {
  linux: ["libc.so.6", 0n],
  darwin: ["libSystem.B.dylib", 2n ** 64n - 2n],
};

/** What returns externals that hold next to nothing: a vector of a chunk, or a type. */
const WATCHED = new Set([
  "array_vector_get_child",
  "column_logical_type",
  "data_chunk_get_vector",
  "list_vector_get_child",
  "struct_vector_get_child",
  "vector_get_column_type",
]);
/** What is given a function that is called with such externals. */
const LISTENED = "scalar_function_set_function";

const FREE = { parameters: ["usize"], result: "void" } as const;

type Function = (...args: unknown[]) => unknown;

/**
 * The same bindings, whose externals leave nothing behind; those that were given where there is nothing to be done about it.
 * To be called once: of bindings that are mended twice all would be freed twice.
 */
export function withoutLeaks<B extends object>(bindings: B): B {
  const free = Deno.version.deno === LEAKING_VERSION ? cFree() : undefined;
  if (free === undefined) return bindings;
  const watched = new Watched(free);
  const mended: Record<string, unknown> = {};
  for (const name of Object.getOwnPropertyNames(bindings)) {
    const value = (bindings as Record<string, unknown>)[name];
    const call = typeof value === "function" ? value.bind(bindings) as Function : undefined;
    if (call === undefined) mended[name] = value;
    else if (WATCHED.has(name)) mended[name] = (...args: unknown[]) => watched.add(call(...args));
    else if (name === LISTENED) {
      mended[name] = (of: unknown, listener: Function) => call(of, listening(listener, watched));
    } else mended[name] = call;
  }
  return mended as B;
}

/** `free` of the C library, which is never unloaded; `undefined` where that is not known, or may not be used. */
function cFree(): ((address: bigint) => void) | undefined {
  const [name, everywhere] = C_LIBRARIES[Deno.build.os] ?? [];
  if (name === undefined) return undefined;
  try {
    const library = Deno.dlopen(name, { dlsym: { parameters: ["usize", "buffer"], result: "pointer" } });
    const free = library.symbols.dlsym(everywhere!, new TextEncoder().encode("free\0"));
    library.close();
    if (free === null) return undefined;
    const call = new Deno.UnsafeFnPointer(free as Deno.PointerObject<typeof FREE>, FREE);
    return (address) => call.call(address);
  } catch {
    return undefined;
  }
}

/** Watches what the function is called with. */
function listening(listener: Function, watched: Watched): Function {
  return (...given) => listener(...given.map((value) => watched.add(value)));
}

/** Externals that are in use: the wrapper of one that is garbage is freed. */
class Watched {
  readonly #known = new WeakSet<object>();
  readonly #ends: FinalizationRegistry<bigint>;

  constructor(free: (address: bigint) => void) {
    this.#ends = new FinalizationRegistry(free);
  }

  /** Watches the value, if it is an external; returns it. */
  add(value: unknown): unknown {
    if (!isExternal(value) || this.#known.has(value)) return value;
    this.#known.add(value);
    this.#ends.register(value, Deno.UnsafePointer.value(value));
    return value;
  }
}

/** Of what the addon returns only externals have no prototype and take no properties. */
function isExternal(value: unknown): value is Deno.PointerObject {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null &&
    !Object.isExtensible(value);
}
