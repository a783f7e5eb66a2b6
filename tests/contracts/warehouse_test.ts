// Runs the warehouse contract against the embedded warehouse.

import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { warehouseContract } from "./warehouse_contract.ts";

warehouseContract({
  name: "duckdb",
  features: {
    nulCharacter: true,
    negativeZero: true,
    transactionalDdl: true,
    slowQuery: "SELECT COUNT(*) FROM range(1000000000000)",
  },
  async place() {
    const folder = await Deno.makeTempDir({ prefix: "freshet-warehouse-" });
    return {
      open: () => openDuckDb({ path: `${folder}/freshet.duckdb` }),
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
});
