// The embedded warehouse: a DuckDB file. Adapter of warehouse.ts; its parts are in duckdb/.
// Must not know logs, engines or domains.

import { translate } from "./duckdb/errors.ts";
import { Database } from "./duckdb/database.ts";
import { bytesOf } from "./duckdb/opening.ts";
import { migrating } from "./duckdb/migrate.ts";
import { Queries } from "./duckdb/query.ts";
import { DUCKDB } from "./duckdb/traits.ts";
import { DuckDbAdapter } from "./duckdb/adapter.ts";
import { migrate, type Migrating, restore } from "./sql/migrate.ts";
import { SqlWriter } from "./sql/writer.ts";
import type { MigrationStep, QueryOptions, QueryResult, Script, Warehouse, Writer } from "./warehouse.ts";

export interface DuckDbOptions {
  /** The file; it and its folder are made when there are none. `:memory:` keeps nothing. */
  readonly path: string;
  /** What DuckDB may hold in memory, `96MB` unless told. Larger sorts and joins go to files beside `path`. */
  readonly memoryLimit?: string;
  /** What queries of users may hold beside that, `128MB` unless told. */
  readonly userMemory?: string;
  /** No pipeline writes beside the queries: they may have the memory of both. */
  readonly isAlone?: boolean;
  /** What larger sorts and joins may put into files, `4GB` unless told. */
  readonly tempSpace?: string;
  /** What the process has in memory, bytes: of this process unless told. Others in it may need more while users ask. */
  readonly processBytes?: () => number;
  /** Threads that DuckDB may use; unless told all but one, which is left to JavaScript, and at least 1. */
  readonly threads?: number;
  /** Size of the write-ahead log at which it is folded into the file, `64MB` unless told: until then its rows are in memory too. */
  readonly checkpointThreshold?: string;
  /** Epoch milliseconds for UPDATED_AT and APPLIED_AT; the machine's clock unless told. */
  readonly now?: () => number;
}

/** With two processors one thread is faster than two, and takes a sixth less processor time: JavaScript needs the other. */
function spareThreads(): number {
  return Math.max(1, navigator.hardwareConcurrency - 1);
}

/**
 * Opens the file; one process at a time can.
 *
 * Errors: `WarehouseRefusedError` when another process has it open (the message names it), when it is damaged, or when
 * the path cannot be used; `WarehouseUnavailableError` when the disk is full.
 */
export async function openDuckDb(options: DuckDbOptions): Promise<Warehouse> {
  const { path, userMemory = "128MB", tempSpace, processBytes, isAlone = false } = options;
  const ownMemory = options.memoryLimit ?? "96MB";
  const memoryLimit = isAlone ? `${bytesOf(ownMemory) + bytesOf(userMemory)}B` : ownMemory;
  const { threads = spareThreads(), checkpointThreshold = "64MB", now = Date.now } = options;
  const sizes = { memoryLimit, userMemory, tempSpace, processBytes, checkpointThreshold };
  return new DuckDbWarehouse(await Database.open({ path, threads, ...sizes }), now);
}

class DuckDbWarehouse implements Warehouse {
  readonly name = DUCKDB.name;
  readonly checkpoints = DUCKDB.checkpoints;
  readonly dialect = DUCKDB.dialect;
  readonly freshness = DUCKDB.freshness;
  readonly runsRules = DUCKDB.runsRules;
  readonly statementsIn = DUCKDB.statementsIn;
  readonly description: string;
  readonly #database: Database;
  readonly #now: () => number;
  readonly #queries: Queries;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#queries = new Queries(database);
    this.description = database.path;
  }

  async migrate(
    scripts: readonly Script[],
    options?: { readonly dryRun?: boolean },
  ): Promise<readonly MigrationStep[]> {
    return await this.#define((session) => migrate(session, scripts, options));
  }

  async restore(scripts: readonly Script[]): Promise<readonly string[]> {
    return await this.#define((session) => restore(session, scripts));
  }

  /** Runs what makes tables, on a session of its own. */
  async #define<T>(make: (session: Migrating) => Promise<T>): Promise<T> {
    const session = this.#database.session();
    try {
      return await this.#database.write(() => make(migrating(session, this.#now())));
    } catch (error) {
      throw translate(error, this.#database.path);
    } finally {
      session.close();
    }
  }

  async writer(domain: string): Promise<Writer> {
    return await SqlWriter.open(new DuckDbAdapter({ domain, database: this.#database, now: this.#now }));
  }

  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    return await this.#queries.run(sql, options);
  }

  /** Stops queries, waits for what is being written, folds the write-ahead log into the file and closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#queries.close();
    await this.#database.close();
  }
}
