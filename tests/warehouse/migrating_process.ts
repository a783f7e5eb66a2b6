// A process that makes the tables of every domain and kills itself. Argument: the DuckDB file.

import { scriptsOf } from "../../src/parts.ts";
import { productionParts } from "../../src/wiring.ts";
import { readConfig } from "../../src/config/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";

const warehouse = await openDuckDb({ path: Deno.args[0]! });
await warehouse.migrate(scriptsOf(productionParts.domains(readConfig({}, domainModules))));
Deno.kill(Deno.pid, "SIGKILL");
