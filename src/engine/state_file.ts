// The file that keyed state goes to when memory has no room for it. The warehouse has all that is in it: it may be lost.

import type { SpilledStateError, SpillFile } from "@freshet/stream";
import { StateFileError } from "../errors.ts";

/** An open file for one run of a pipeline. Every call but `sync` throws `StateFileError` when it fails. */
export class StateFile implements SpillFile, Disposable {
  private constructor(
    private readonly folder: string,
    private readonly file: Deno.FsFile,
    /** Where the system keeps the name of a file that is open, it is taken away at the end. */
    private readonly left?: string,
  ) {}

  /** Makes a file without a name in a folder, and the folder where it is missing: the system takes it away when the process ends. */
  static nameless(folder: string): StateFile {
    return trying(folder, () => {
      makeFolder(folder);
      const path = Deno.makeTempFileSync({ dir: folder, prefix: "freshet-state-", suffix: ".tmp" });
      const file = Deno.openSync(path, { read: true, write: true });
      try {
        Deno.removeSync(path);
        return new StateFile(folder, file);
      } catch {
        return new StateFile(folder, file, path);
      }
    });
  }

  /**
   * Opens a file of this name, or makes it. Nobody else opens it until it is closed, or the process has ended: where somebody
   * else has it, there is none.
   */
  static named(folder: string, name: string): StateFile | undefined {
    return trying(folder, () => {
      makeFolder(folder);
      const file = Deno.openSync(`${folder}/${name}`, { read: true, write: true, create: true, mode: 0o600 });
      try {
        if (file.tryLockSync(true)) return new StateFile(folder, file);
      } catch {
        // Without locks nobody can have it for himself.
      }
      file.close();
    });
  }

  write(bytes: Uint8Array, at: number): void {
    this.#trying(() => {
      this.file.seekSync(at, Deno.SeekMode.Start);
      for (let from = 0; from < bytes.length;) from += this.file.writeSync(bytes.subarray(from));
    });
  }

  read(into: Uint8Array, at: number): void {
    this.#trying(() => {
      this.file.seekSync(at, Deno.SeekMode.Start);
      for (let from = 0; from < into.length;) {
        const read = this.file.readSync(into.subarray(from));
        if (read === null) return void into.fill(0, from);
        from += read;
      }
    });
  }

  /** Forgets all bytes. */
  clear(): void {
    this.#trying(() => this.file.truncateSync(0));
  }

  /** Resolves once what was written before will be there after a loss of power. */
  async sync(): Promise<void> {
    await this.file.syncData();
  }

  [Symbol.dispose](): void {
    this.file.close();
    if (this.left !== undefined) Deno.removeSync(this.left);
  }

  #trying<T>(work: () => T): T {
    return trying(this.folder, work);
  }
}

/** What is wrong with the file, by what a pipeline failed with. */
export function stateFileError({ message, cause }: SpilledStateError): StateFileError {
  if (cause instanceof StateFileError) return cause;
  return new StateFileError(`${message}: all state is read from the warehouse again`, { cause });
}

function makeFolder(folder: string): void {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
}

function trying<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new StateFileError(
      `Keyed state that memory has no room for cannot be kept in the folder "${folder}" ` +
        `(${(cause as Error).message}): make room there, or raise FRESHET_STATE_MEMORY_MB`,
      { cause },
    );
  }
}
