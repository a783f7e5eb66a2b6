// Whoever reads a log shows that it is there by a shared lock on a file beside it, which the system takes from a process that
// has ended, however it did. So a start that has the lock for itself knows that all members of groups are of killed processes,
// and need not wait until they would have been heard of. Who leaves last takes the file away.

import type { EmbeddedFile } from "./file.ts";

/** Where the file is never the one that was opened, members are waited for. */
const MAX_TRIES = 10;

/** Of one process, from the first time that it enters until this is disposed of. */
export class Presence implements Disposable {
  readonly #path: string;
  /** Without one, where there can be none, members are waited for. */
  #file: Deno.FsFile | undefined;
  #entering: Promise<void> | undefined;

  constructor(private readonly log: EmbeddedFile) {
    this.#path = `${log.path}.lock`;
    this.#file = this.#open();
  }

  /** From now on this process is there. Where it is the only one, what killed ones have left of their memberships goes first. */
  async enter(): Promise<void> {
    this.#entering ??= this.#enter();
    try {
      await this.#entering;
    } catch (error) {
      this.#entering = undefined;
      // Nobody must wait for one that is not there.
      await this.#file?.unlock().catch(() => {});
      throw error;
    }
  }

  async #enter(): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES && this.#file; tries++) {
      const isAlone = await this.#lock(true);
      if (isAlone && this.#isInPlace(this.#file)) {
        await this.log.write("groups", () => this.log.run("DELETE FROM members"));
      }
      await this.#lock(false);
      // Who left last may have taken the file away meanwhile: the next one to come would not see this lock.
      if (!this.#file || this.#isInPlace(this.#file)) return;
      this.#file.close();
      this.#file = this.#open();
    }
  }

  /** Locks the file alone, where nobody else has it, or together with others. Says whether it has. */
  async #lock(alone: boolean): Promise<boolean> {
    try {
      if (alone) return await this.#file!.tryLock(true);
      await this.#file!.lock(false);
      return true;
    } catch {
      // A file system without locks.
      this.#file?.close();
      this.#file = undefined;
      return false;
    }
  }

  #open(): Deno.FsFile | undefined {
    try {
      return Deno.openSync(this.#path, { read: true, write: true, create: true, mode: 0o600 });
    } catch {
      return undefined;
    }
  }

  #isInPlace(file: Deno.FsFile): boolean {
    try {
      return file.statSync().ino === Deno.statSync(this.#path).ino;
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    const file = this.#file;
    if (!file) return;
    try {
      if (file.tryLockSync(true) && this.#isInPlace(file)) Deno.removeSync(this.#path);
    } catch {
      // It stays, and does no harm.
    } finally {
      file.close();
    }
  }
}
