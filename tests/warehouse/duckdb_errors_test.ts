// What becomes of DuckDB's errors: by which the run goes on, by which it ends, and what its user is told to do.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  FencedError,
  type FreshetError,
  QueryRefusedError,
  WarehouseMemoryError,
  WarehouseUnavailableError,
} from "../../src/errors.ts";
import { Database } from "../../src/warehouse/duckdb/database.ts";
import { translate } from "../../src/warehouse/duckdb/errors.ts";
import { refusal } from "../../src/warehouse/duckdb/query.ts";

const FILE = "data/freshet.duckdb";

const CASES: readonly (readonly [message: string, retriable: boolean, says: string])[] = [
  ["IO Error: Could not set lock on file: held in deno (PID 7)", false, "process 7 (deno)"],
  ["IO Error: Could not write: No space left on device", true, "free some"],
  ["Out of Memory Error: failed to pin block of size 256.0 KiB", true, "FRESHET_DUCKDB_MEMORY"],
  ["IO Error: Trying to read a database file with version number 99", false, "newer Freshet"],
  ["IO Error: Failure while replaying WAL file", false, `set "${FILE}.wal" aside`],
  ["IO Error: Corrupt database file: computed checksum does not match", false, "running the topics again"],
  ["IO Error: Cannot open file: Permission denied", false, "rights"],
  ["INTERRUPT Error: Interrupted!", true, "try again"],
  ["Catalog Error: Table with name EVENTS does not exist!", false, "freshet replay"],
  ["TransactionContext Error: Conflict on update!", true, "try again"],
  // These are over when the file is opened anew, which who connects next does.
  ["FATAL Error: database has been invalidated because of a previous fatal error", true, "try again"],
  ["INTERNAL Error: Corrupted in-memory column - column with index 1 has misaligned row count", true, "try again"],
  ["Parser Error: syntax error", false, "refused a statement"],
];

for (const [message, retriable, says] of CASES) {
  Deno.test(`duckdb: "${message.slice(0, 40)}…" ${retriable ? "is tried again" : "ends the run"}`, () => {
    const cause = new Error(message);
    const error = translate(cause, FILE) as FreshetError;
    assertEquals([error.retriable, error.cause], [retriable, cause]);
    assertStringIncludes(error.message, says);
    assertStringIncludes(error.message, FILE);
  });
}

Deno.test("duckdb: errors of ours stay what they are", () => {
  const fenced = new FencedError("another instance");
  assertEquals(translate(fenced, FILE), fenced);
  assert(translate(new Error("Out of Memory Error: no"), FILE) instanceof WarehouseMemoryError);
});

Deno.test("duckdb: what DuckDB fails on inside is tried again for the program, and a user's to ask otherwise", () => {
  const error = new Error("INTERNAL Error: Attempted to access index 3 within vector of size 3\n\nLINE 1: SELECT");
  assert(refusal(error, FILE, "program") instanceof WarehouseUnavailableError);
  const told = refusal(error, FILE, "user");
  assert(told instanceof QueryRefusedError);
  assertStringIncludes(told.message, "write it another way (INTERNAL Error: Attempted to access index 3");
});

Deno.test("duckdb: an instance that failed inside is opened anew, and what was committed is there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using stack = new AsyncDisposableStack();
    const options = { memoryLimit: "64MB", threads: 1, checkpointThreshold: "16MB" };
    const path = `${folder}/freshet.duckdb`;
    const database = stack.adopt(await Database.open({ path, ...options }), (opened) => opened.close());
    const session = stack.adopt(database.session(), (opened) => opened.close());
    const write = (sql: string) => database.write(() => session.transaction(() => session.run(sql)));
    await write("CREATE TABLE EVENTS AS SELECT 1 AS ID");
    const failed = session.transaction(() =>
      database.statement(() => Promise.reject(new Error("INTERNAL Error: Corrupted in-memory column")))
    );
    assertEquals(await failed.catch((error) => error.message), "INTERNAL Error: Corrupted in-memory column");
    // As where rolling back fails, too.
    session.disconnect();
    await write("INSERT INTO EVENTS VALUES (2)");
    assertEquals(database.generation, 2);
    assertEquals(await session.rows("SELECT COUNT(*)::INT FROM EVENTS"), [[2]]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
