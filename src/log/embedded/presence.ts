// Whoever reads a log shows that it is there by a shared lock on a file beside it, which the system takes from a process that
// has ended, however it did. So a start that has the lock for itself knows that all members of groups are of killed processes,
// and need not wait until they would have been heard of. Who leaves last takes the file away.

import type { EmbeddedFile } from "./file.ts";

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
      // Nobody waits for one that is not there.
      this.#file?.unlockSync();
      throw error;
    }
  }

  async #enter(): Promise<void> {
    while (this.#file) {
      const isAlone = await this.#file.tryLock(true);
      if (!isAlone) await this.#file.lock(false);
      // Somebody who left last may have taken the file away meanwhile: the next one to come would not see this lock.
      if (this.#isInPlace(this.#file)) {
        if (isAlone) await this.log.write("groups", () => this.log.run("DELETE FROM members"));
        return await this.#file.lock(false);
      }
      this.#file.close();
      this.#file = this.#open();
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
    if (file.tryLockSync(true) && this.#isInPlace(file)) Deno.removeSync(this.#path);
    file.close();
  }
}
