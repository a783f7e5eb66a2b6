// Whether a path still leads to the file that was opened: writing to a file that was removed or replaced succeeds, and is lost.

interface Identity {
  readonly device: number;
  /** `null` where the system has none. */
  readonly inode: number | null;
}

export class FileIdentity {
  readonly #path: string;
  readonly #opened: Identity | undefined;

  /** Of the file that is there now. */
  constructor(path: string) {
    this.#path = path;
    this.#opened = identityOf(path);
  }

  /** Whether the path leads to another file by now, or to none. Some microseconds. */
  isGone(): boolean {
    const now = identityOf(this.#path);
    return now?.inode !== this.#opened?.inode || now?.device !== this.#opened?.device;
  }
}

function identityOf(path: string): Identity | undefined {
  try {
    const { dev, ino } = Deno.statSync(path);
    return { device: dev, inode: ino };
  } catch {
    return undefined;
  }
}
