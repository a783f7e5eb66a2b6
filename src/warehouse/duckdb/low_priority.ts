// The threads of this process, and giving one of them a low priority. By the C library of Linux, as Deno keeps /proc to
// itself and has no word for priorities; where that is not there nothing is known, and nothing done. Must not know databases.

/**
 * Of `nice`: against one that has none a thread gets a quarter of the time, and all that the others leave. Now and then DuckDB
 * gives it a piece of the pipelines' work as well, for which they would wait long if it were lower.
 */
const LOW = 5;
/** `which` of setpriority: one thread. */
const PRIO_PROCESS = 0;
/** Where a `struct dirent` of 64-bit Linux has its name. */
const NAME_AT = 19;

const SYMBOLS = {
  opendir: { parameters: ["buffer"], result: "pointer" },
  readdir: { parameters: ["pointer"], result: "pointer" },
  closedir: { parameters: ["pointer"], result: "i32" },
  setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
} as const;

/** The C library while it is in use. */
export class Threads implements Disposable {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;

  private constructor(libc: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#libc = libc;
  }

  /** `undefined` where there is no such library, or it may not be used. */
  static open(): Threads | undefined {
    if (Deno.build.os !== "linux") return undefined;
    try {
      return new Threads(Deno.dlopen("libc.so.6", SYMBOLS));
    } catch {
      return undefined;
    }
  }

  /** Their numbers. */
  all(): ReadonlySet<number> {
    const { opendir, readdir, closedir } = this.#libc.symbols;
    const found = new Set<number>();
    const folder = opendir(new TextEncoder().encode("/proc/self/task\0"));
    if (folder === null) return found;
    for (let entry = readdir(folder); entry !== null; entry = readdir(folder)) {
      const name = Deno.UnsafePointerView.getCString(entry, NAME_AT);
      if (/^\d+$/.test(name)) found.add(Number(name));
    }
    closedir(folder);
    return found;
  }

  /** Whether it was done; nothing takes it back. */
  lower(thread: number): boolean {
    return this.#libc.symbols.setpriority(PRIO_PROCESS, thread, LOW) === 0;
  }

  [Symbol.dispose](): void {
    this.#libc.close();
  }
}
