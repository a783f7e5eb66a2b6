// The file that keyed state goes to when memory has no room for it. It has no name: the system takes it away when the process
// ends, however that is. The warehouse has all that is in it.

import type { SpillFile } from "@freshet/stream";

/** An open file without a name, for one run of a pipeline. */
export class StateFile implements SpillFile, Disposable {
  readonly #file: Deno.FsFile;
  /** Where the system cannot take the name away as long as the file is open, it is taken away at the end. */
  #left: string | undefined;

  /** Makes the file in a folder, which must be there. Throws what the system says when it cannot. */
  constructor(folder: string) {
    const path = Deno.makeTempFileSync({ dir: folder, prefix: "freshet-state-", suffix: ".tmp" });
    this.#file = Deno.openSync(path, { read: true, write: true });
    try {
      Deno.removeSync(path);
    } catch {
      this.#left = path;
    }
  }

  write(bytes: Uint8Array, at: number): void {
    this.#file.seekSync(at, Deno.SeekMode.Start);
    for (let from = 0; from < bytes.length;) from += this.#file.writeSync(bytes.subarray(from));
  }

  read(into: Uint8Array, at: number): void {
    this.#file.seekSync(at, Deno.SeekMode.Start);
    for (let from = 0; from < into.length;) {
      const read = this.#file.readSync(into.subarray(from));
      if (read === null) return;
      from += read;
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
    if (this.#left !== undefined) Deno.removeSync(this.#left);
  }
}
