// The file that keyed state goes to when memory has no room for it. It has no name: the system takes it away when the process
// ends, however that is. The warehouse has all that is in it.

import type { SpillFile } from "@freshet/stream";
import { StateFileError } from "../errors.ts";

/** An open file without a name, for one run of a pipeline. Every call throws `StateFileError` when it fails. */
export class StateFile implements SpillFile, Disposable {
  readonly #file: Deno.FsFile;
  /** Where the system keeps the name of a file that is open, it is taken away at the end. */
  #left: string | undefined;

  /** Makes the file in a folder, and the folder where it is missing. */
  constructor(private readonly folder: string) {
    this.#trying(() => Deno.mkdirSync(folder, { recursive: true, mode: 0o700 }));
    const path = this.#trying(() => Deno.makeTempFileSync({ dir: folder, prefix: "freshet-state-", suffix: ".tmp" }));
    this.#file = this.#trying(() => Deno.openSync(path, { read: true, write: true }));
    try {
      Deno.removeSync(path);
    } catch {
      this.#left = path;
    }
  }

  write(bytes: Uint8Array, at: number): void {
    this.#trying(() => {
      this.#file.seekSync(at, Deno.SeekMode.Start);
      for (let from = 0; from < bytes.length;) from += this.#file.writeSync(bytes.subarray(from));
    });
  }

  read(into: Uint8Array, at: number): void {
    this.#trying(() => {
      this.#file.seekSync(at, Deno.SeekMode.Start);
      for (let from = 0; from < into.length;) {
        const read = this.#file.readSync(into.subarray(from));
        if (read === null) return;
        from += read;
      }
    });
  }

  [Symbol.dispose](): void {
    this.#file.close();
    if (this.#left !== undefined) Deno.removeSync(this.#left);
  }

  #trying<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw new StateFileError(
        `Keyed state that memory has no room for cannot be kept in the folder "${this.folder}" ` +
          `(${(cause as Error).message}): make room there, or raise FRESHET_STATE_MEMORY_MB`,
        { cause },
      );
    }
  }
}
