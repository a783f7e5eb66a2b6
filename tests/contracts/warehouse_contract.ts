// What every warehouse adapter must do. An adapter runs the suite by saying how to get an empty place to open.
// Tables are made by migrations in the SQL that the warehouses share, rows are read back by `query`.

import { migrations } from "./warehouse/migrations.ts";
import { offsets } from "./warehouse/offsets.ts";
import { queries } from "./warehouse/queries.ts";
import { operators, state } from "./warehouse/state.ts";
import { testWith, type WarehouseUnderTest } from "./warehouse/suite.ts";
import { types } from "./warehouse/types.ts";
import { units, upserts } from "./warehouse/units.ts";

export type { Place, WarehouseFeatures, WarehouseUnderTest } from "./warehouse/suite.ts";

/** Registers the suite. */
export function warehouseContract(under: WarehouseUnderTest): void {
  const test = testWith(under);
  migrations(under);
  types(test, under.features);
  offsets(test);
  units(test);
  upserts(test);
  state(test);
  operators(test);
  queries(test, under.features);
}
