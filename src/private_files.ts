// The data folder holds what everybody sent, and the tables of it: it is for its user alone. Windows has rights of another kind,
// which a folder in the user's profile has by itself. Must not know what the files are.

const isPosix = Deno.build.os !== "windows";
/** What databases keep beside a file. */
const BESIDE = ["", ".wal", "-wal", "-shm"];

/** From now on what this process makes is for its user alone, also what its databases make. */
export function keepPrivate(): void {
  if (isPosix) Deno.umask(0o077);
}

/** Makes the folder, and those above it that are missing. One that is there stays as it is: it may hold other things. */
export async function makePrivateFolder(path: string): Promise<void> {
  keepPrivate();
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
}

/** Takes a database's files from others, where an older version made them, or somebody copied them here. */
export async function makePrivate(path: string): Promise<void> {
  if (!isPosix) return;
  for (const end of BESIDE) {
    try {
      await Deno.chmod(`${path}${end}`, 0o600);
    } catch {
      // It is not there; or it is another user's, who has decided.
    }
  }
}
