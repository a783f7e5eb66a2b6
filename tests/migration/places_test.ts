// The queries of docs/migration.md that compare by partition and offset, on DuckDB.

import { assertEquals } from "@std/assert";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { tamper } from "../support/tamper.ts";
import { ask, expected, oldTable, readers, withTopic, work } from "./places.ts";

/** The same on DuckDB, as the document says. */
const onDuckDb = (sql: string) =>
  sql.replaceAll("RECORD_METADATA:partition", "RECORD_METADATA->>'partition'")
    .replaceAll("RECORD_METADATA:offset", "RECORD_METADATA->>'offset'")
    .replaceAll(`RECORD_METADATA:headers."freshet.copy.of"`, "RECORD_METADATA->'headers'->>'freshet.copy.of'");

for (const domain of readers) {
  const how = domain.copyOf === undefined ? "the topic" : "a keyed copy of the topic";
  Deno.test(`what an old table has, and Freshet has not, is found on DuckDB where it reads ${how}`, async () => {
    await withTopic(async (log, dataDir) => {
      const path = `${dataDir}/freshet.duckdb`;
      {
        await using warehouse = await openDuckDb({ path });
        await work(domain, log, warehouse);
      }
      await tamper({ dataDir }, oldTable("OLD_RIDES", (text) => `CAST('${text}' AS JSON)`));
      await using warehouse = await openDuckDb({ path });
      assertEquals(await ask(warehouse, onDuckDb), expected(domain));
    });
  });
}
