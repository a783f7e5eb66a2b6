// A process that takes a DuckDB file as soon as nobody has it open, and gives it back when its standard input ends.
// Prints a line of JSON when it has it. Argument: the file.

import { WarehouseRefusedError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";

let warehouse: Warehouse | undefined;
console.log(JSON.stringify({ waiting: true }));
while (!warehouse) {
  try {
    warehouse = await openDuckDb({ path: Deno.args[0]! });
  } catch (error) {
    if (!(error instanceof WarehouseRefusedError)) throw error;
  }
}
console.log(JSON.stringify({ taken: true }));
await Deno.stdin.read(new Uint8Array(1));
await warehouse[Symbol.asyncDispose]();
