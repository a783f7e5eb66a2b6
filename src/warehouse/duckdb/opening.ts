// Opens an instance of DuckDB on one file, with its settings, which nobody changes afterwards but for a few. Must not know tables.

import type { DuckDBInstance } from "@duckdb/node-api";
import type { Client } from "./client.ts";
import { ROOM_SETTINGS } from "./user_room.ts";
import { type LargeRows, MERGING_SETTING, OPENING_SETTINGS } from "./large_rows.ts";

export interface DatabaseOptions {
  /** The file, or `:memory:`. */
  readonly path: string;
  /** What DuckDB may hold, such as `256MB`; the process itself needs more. */
  readonly memoryLimit: string;
  /** What statements of users may hold beside that, `128MB` unless told. */
  readonly userMemory?: string;
  /** What the process has in memory, bytes; of this process unless told. */
  readonly processBytes?: () => number;
  /** What may lie in files beside the database for large sorts and joins, `4GB` unless told. */
  readonly tempSpace?: string;
  /** Threads that one statement may use. */
  readonly threads: number;
  /** Size of the write-ahead log at which it is folded into the file, such as `256MB`. */
  readonly checkpointThreshold: string;
}

/**
 * What the file is called inside DuckDB. It is attached to an instance in memory, as only a file that is attached may say
 * how long its row groups are.
 */
export const CATALOG = "freshet";
/**
 * Rows of a row group of a new table, a multiple of 2048. Units of fewer rows go through the log, and folding that into the
 * file compresses a table's last row group again: with DuckDB's own 122,880 rows that is most of what writing costs. Whole row
 * groups of larger units go straight into the file. Measured on a backlog of 2 million records, units of 31 thousand: 78 to
 * 84 thousand records a second with this, 60 with 30,720; 16 and 20 thousand are in between.
 */
export const ROW_GROUP_ROWS = 10_240;

/** Types that Snowflake has and DuckDB has not. VARIANT cannot be made (DuckDB has one, slower to load): scripts say JSON instead. */
const TYPES: readonly (readonly [name: string, is: string])[] = [
  ["TIMESTAMP_NTZ", "TIMESTAMP"],
  ["TIMESTAMP_LTZ", "TIMESTAMP WITH TIME ZONE"],
  ["OBJECT", "JSON"],
];

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  KI: 2 ** 10,
  MI: 2 ** 20,
  GI: 2 ** 30,
  TI: 2 ** 40,
};

/** A size as DuckDB reads it, such as `96MB` or `1.5GiB`, in bytes. */
export function bytesOf(size: string): number {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*$/i.exec(size) ?? [];
  const factor = UNITS[unit?.toUpperCase() ?? "?"];
  if (factor === undefined) throw new RangeError(`Not a size such as 96MB: "${size}"`);
  return Math.floor(Number(number) * factor);
}

/** Opens the file, with what `rows` say of large ones. Errors: DuckDB's own. */
export async function openInstance(
  client: Client,
  { path, memoryLimit, tempSpace = "4GB", threads, checkpointThreshold }: DatabaseOptions,
  rows: LargeRows,
): Promise<DuckDBInstance> {
  const instance = await client.DuckDBInstance.create(":memory:", {
    ...(path === ":memory:" ? {} : { temp_directory: `${path}.tmp` }),
    max_temp_directory_size: tempSpace,
    memory_limit: memoryLimit,
    threads: String(threads),
    checkpoint_threshold: checkpointThreshold,
    ...OPENING_SETTINGS,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    allow_community_extensions: "false",
  });
  const connection = await instance.connect();
  try {
    const file = path.replaceAll("'", "''");
    await connection.run(`ATTACH '${file}' AS ${CATALOG} (ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`);
    await connection.run(`USE ${CATALOG}`);
    await connection.run("SET GLOBAL TimeZone = 'UTC'");
    for (const [name, is] of TYPES) await connection.run(`CREATE TYPE IF NOT EXISTS ${name} AS ${is}`);
    await rows.recognize(connection);
    await connection.run("SET enable_external_access = false");
    await connection.run(`SET allowed_configs = ['${[MERGING_SETTING, ...ROOM_SETTINGS].join("', '")}']`);
    await connection.run("SET lock_configuration = true");
  } catch (error) {
    connection.closeSync();
    instance.closeSync();
    throw error;
  }
  connection.closeSync();
  return instance;
}
