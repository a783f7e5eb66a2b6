// Whoever reads a log shows that it is there by a shared lock on a file beside it, which the system takes from a process that
// has ended, however it did. So a start that has the lock for itself knows that all members of groups are of killed processes,
// and need not wait until they would have been heard of.

import type { EmbeddedFile } from "./file.ts";

/** Of one process; it is there until this is disposed of. */
export class Presence implements Disposable {
  private constructor(private readonly file: Deno.FsFile) {}

  /** From now on this process is there. Where it is the only one, what killed ones have left of their memberships goes first. */
  static async enter(log: EmbeddedFile): Promise<Presence | undefined> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(`${log.path}.lock`, { read: true, write: true, create: true, mode: 0o600 });
    } catch {
      // Where there can be no lock members are waited for.
      return undefined;
    }
    try {
      if (await file.tryLock(true)) await log.write("groups", () => log.run("DELETE FROM members"));
      await file.lock(false);
      return new Presence(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}
