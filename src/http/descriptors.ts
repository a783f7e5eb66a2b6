// How many connections the process has descriptors for. Log and warehouse open files while they work: a part is theirs.
import { loggerFor } from "../logging.ts";

/** Kept for log, warehouse and what else opens files: a quarter of what is free, within these. */
const MIN_RESERVE = 16;
const MAX_RESERVE = 256;

/** As many of the connections wanted as leave a reserve. `path` is a file or folder that may be read. */
export function connectionsWithin(wanted: number, path: string): number {
  const free = freeDescriptors(path, wanted + MAX_RESERVE);
  if (free === undefined) return wanted;
  const reserve = Math.min(MAX_RESERVE, Math.max(MIN_RESERVE, Math.floor(free / 4)));
  const within = Math.max(1, Math.min(wanted, free - reserve));
  if (within < wanted) {
    loggerFor("http").warn(
      "Only {within} connections at a time, not {wanted}: few files may be open at once, and the log and the warehouse have theirs first; raise `ulimit -n`",
      { within, wanted, free_descriptors: free },
    );
  }
  return within;
}

/**
 * How many descriptors are free, counted up to `most`: by taking them for a moment, for the process may not read elsewhere
 * what its limit is and what it holds. `undefined` where that cannot be tried.
 */
function freeDescriptors(path: string, most: number): number | undefined {
  const taken: Deno.FsFile[] = [];
  try {
    while (taken.length < most) taken.push(Deno.openSync(path));
    return most;
  } catch (error) {
    return Reflect.get(error as Error, "code") === "EMFILE" ? taken.length : undefined;
  } finally {
    for (const file of taken) file.close();
  }
}
