// Turns DuckDB's errors into those of the port, with what to do next. DuckDB gives no codes, only messages that begin with
// a kind ("IO Error: …"); everything that leans on their wording is here. Must not know tables or units.

import { FreshetError, WarehouseMemoryError, WarehouseRefusedError, WarehouseUnavailableError } from "../../errors.ts";

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** DuckDB's message without the excerpt of the statement below it, in one line of bounded length. */
export function briefMessage(error: unknown): string {
  const text = messageOf(error).split(/\n\s*\nLINE \d+:/)[0]!.replace(/\s+/g, " ").trim();
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

/** What was missing when memory ran out. DuckDB's advice is left out: it is of settings that cannot be changed here. */
export function withoutAdvice(error: unknown): string {
  return briefMessage(messageOf(error).split("Possible solutions:")[0]);
}

const DATA =
  /^(Conversion|Constraint|Out of Range|Invalid Input|Mismatch Type|Invalid type|Decimal|Overflow|Parameter)/;

/** Whether a row's content is to blame: other rows would have gone through. */
export function isDataError(error: unknown): boolean {
  return DATA.test(messageOf(error));
}

const FATAL = /^(FATAL|INTERNAL) Error|database has been invalidated/;

/** Whether the instance can only be closed and opened again. */
export function isFatal(error: unknown): boolean {
  return FATAL.test(messageOf(error));
}

const OUT_OF_MEMORY = /^Out of Memory Error|could not allocate|failed to (allocate|pin) (block|data)/i;

export function isOutOfMemory(error: unknown): boolean {
  return OUT_OF_MEMORY.test(messageOf(error));
}

/** What to do about a query that found too little memory; which setting says how much there is, and what was missing. */
export function needsMore(setting: string, detail: string): string {
  return "The query needs more memory than DuckDB may use: ask for fewer rows, for fewer columns with long texts or LEFT of " +
    `them, or raise ${setting} (${detail})`;
}

const LOCKED = /Could not set lock on file/;

export function isLocked(error: unknown): boolean {
  return LOCKED.test(messageOf(error));
}

/** What belonged to the closed instance cannot go on. */
export function reopenedMeanwhile(file: string, cause?: unknown): WarehouseUnavailableError {
  return new WarehouseUnavailableError(`Warehouse file "${file}" was reopened meanwhile: try again`, { cause });
}

/** A process that takes the file while it is opened anew holds the run up, and does not end it; other errors pass through. */
export function takenMeanwhile(error: unknown, file: string): unknown {
  if (!isLocked(error)) return error;
  return new WarehouseUnavailableError(
    `Warehouse file "${file}" was taken by ${holderIn(messageOf(error))} while it was opened anew: ` +
      `stop that process, the run tries again for a while`,
    { cause: error },
  );
}

interface Rule {
  readonly pattern: RegExp;
  readonly make: (file: string, message: string) => FreshetError;
}

const refused = (text: (file: string, message: string) => string) => (file: string, message: string) =>
  new WarehouseRefusedError(text(file, message));
const unavailable = (text: (file: string, message: string) => string) => (file: string, message: string) =>
  new WarehouseUnavailableError(text(file, message));

/** First match wins. */
const RULES: readonly Rule[] = [
  {
    pattern: LOCKED,
    make: refused((file, message) =>
      `Warehouse file "${file}" is in use by ${holderIn(message)}: stop that process, ` +
      `or use "freshet query" and "freshet status", which ask the running one`
    ),
  },
  {
    pattern: /No space left on device|Disk quota exceeded|File too large/,
    make: unavailable((file, message) =>
      `No space left for warehouse file "${file}": free some on its disk, what was committed is safe (${message})`
    ),
  },
  {
    pattern: OUT_OF_MEMORY,
    make: (file, message) =>
      new WarehouseMemoryError(
        `Warehouse file "${file}": DuckDB ran into its memory limit; raise FRESHET_DUCKDB_MEMORY, or make queries smaller ` +
          `(${withoutAdvice(message)})`,
      ),
  },
  {
    pattern: /Trying to read a database file with version number|storage version|newer (DuckDB )?version/,
    make: refused((file, message) =>
      `Warehouse file "${file}" was written by a newer DuckDB: use the newer Freshet (${message})`
    ),
  },
  {
    pattern: /replaying WAL|WAL file/,
    make: refused((file, message) =>
      `The write-ahead log of warehouse file "${file}" is damaged: set "${file}.wal" aside, and nothing else. The tables go back ` +
      `by the units that were in it, and the run reads them from the topics again (${message})`
    ),
  },
  {
    pattern:
      /Corrupt database file|not a valid DuckDB database|Could not read enough bytes|does not match stored checksum/,
    make: refused((file, message) =>
      `Warehouse file "${file}" is damaged: set it and "${file}.wal" aside, and rebuild it by running the topics again (${message})`
    ),
  },
  {
    pattern: /No such file or directory|Permission denied|Is a directory|Read-only file system|Not a directory|mkdir/,
    make: refused((file, message) =>
      `Cannot open warehouse file "${file}": check the path and the rights of its folder (${message})`
    ),
  },
  {
    pattern: /^INTERRUPT Error/,
    make: unavailable((file) => `Work on warehouse file "${file}" was interrupted: try again`),
  },
  {
    pattern: /^(Catalog|Binder) Error/,
    make: refused((file, message) =>
      `Warehouse file "${file}": a table was dropped or altered, "freshet replay <domain>" makes derived ones anew (${message})`
    ),
  },
  {
    pattern: /^(IO|TransactionContext|Transaction|Connection|FATAL|INTERNAL) Error|database has been invalidated/,
    make: unavailable((file, message) => `Warehouse file "${file}" cannot be used right now: try again (${message})`),
  },
];

/** Who holds the lock, out of DuckDB's message. */
function holderIn(message: string): string {
  const [, program, pid] = /held in (.+?) \(PID (\d+)\)/.exec(message) ?? [];
  if (pid !== undefined) return `process ${pid} (${program})`;
  const bare = /PID (\d+)/.exec(message)?.[1];
  return bare === undefined ? "another process" : `process ${bare}`;
}

/** The port's error for anything that DuckDB threw; errors of ours pass through. */
export function translate(error: unknown, file: string): Error {
  if (error instanceof FreshetError || error instanceof TypeError || error instanceof RangeError) return error;
  const text = messageOf(error);
  const rule = RULES.find(({ pattern }) => pattern.test(text));
  const made = rule?.make(file, briefMessage(error)) ??
    new WarehouseRefusedError(`Warehouse file "${file}" refused a statement: ${briefMessage(error)}`);
  made.cause = error;
  return made;
}
