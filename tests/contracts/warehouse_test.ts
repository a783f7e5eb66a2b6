// Runs the warehouse contract against the embedded warehouse, and against it by a message port, as another thread has it.

import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { duckDbPacking as packing } from "../../src/warehouse/duckdb/packing.ts";
import { DUCKDB } from "../../src/warehouse/duckdb/traits.ts";
import { openOtherThread } from "../../src/warehouse/other_thread.ts";
import { serveWarehouse } from "../../src/warehouse/other_thread/serve.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { warehouseContract } from "./warehouse_contract.ts";

const features = {
  nulCharacter: true,
  negativeZero: true,
  transactionalDdl: true,
  slowQuery: "SELECT COUNT(*) FROM range(1000000000000)",
};

warehouseContract({
  name: "duckdb",
  features,
  async place() {
    const folder = await Deno.makeTempDir({ prefix: "freshet-warehouse-" });
    return {
      open: () => openDuckDb({ path: `${folder}/freshet.duckdb` }),
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
});

/** The file as another thread has it; closed with this end. */
async function fromOtherThread(path: string): Promise<Warehouse> {
  const warehouse = await openDuckDb({ path });
  const { port1, port2 } = new MessageChannel();
  const served = serveWarehouse({ warehouse, port: port1, packing });
  const here = openOtherThread({ port: port2, traits: DUCKDB, description: warehouse.description, packing });
  return {
    ...here,
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await here[Symbol.asyncDispose]();
      await warehouse[Symbol.asyncDispose]();
    },
  };
}

warehouseContract({
  name: "duckdb of another thread",
  features,
  async place() {
    const folder = await Deno.makeTempDir({ prefix: "freshet-warehouse-" });
    return {
      open: () => fromOtherThread(`${folder}/freshet.duckdb`),
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
});
