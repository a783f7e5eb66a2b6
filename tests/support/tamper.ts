// Changes an embedded warehouse's file behind Freshet's back.
import { DuckDBInstance } from "@duckdb/node-api";

/** Runs statements on the warehouse of a data folder that nobody has open. */
export async function tamper({ dataDir }: { readonly dataDir: string }, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(`${dataDir}/freshet.duckdb`);
  const connection = await instance.connect();
  try {
    await connection.run(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
