// How verbs that only look get at the warehouse: through the run that holds its file, or by opening it.
import { FreshetError, QueryRefusedError, WarehouseUnavailableError } from "../errors.ts";
import type { Problem } from "../http/problem.ts";
import { MAX_ROWS } from "../http/query_route.ts";
import { ask, findRunning, type RunningInstance, RunUnansweredError } from "../run_file.ts";
import type { QueryOptions, QueryResult, Warehouse } from "../warehouse/warehouse.ts";
import { type Context, UsageError } from "./context.ts";

/** Where a query goes. */
export interface QueryTarget extends AsyncDisposable {
  query(sql: string, options: QueryOptions): Promise<QueryResult>;
}

/** The run that is up on this data folder, or the warehouse itself. */
export async function openQueryTarget(context: Context): Promise<QueryTarget> {
  const instance = await findRunning(context.config().dataDir).catch((error) => {
    // A warehouse that is no file can be looked into beside it.
    if (error instanceof RunUnansweredError && context.config().snowflake) return undefined;
    throw error;
  });
  if (instance) return throughRun(instance);
  return await openExistingWarehouse(context);
}

/** The warehouse, if there is one: looking must not make an empty one. */
export async function openExistingWarehouse(context: Context): Promise<Warehouse> {
  const { parts, host } = context;
  const config = context.config();
  const missing = await parts.warehouseMissing(config);
  if (missing !== undefined) {
    throw new WarehouseMissingError(
      `There is no warehouse at "${missing}" yet: "freshet run" or "freshet migrate" makes it`,
    );
  }
  return await parts.openWarehouse(config, host.clock, { isAlone: true });
}

/** Nothing has been written yet. */
export class WarehouseMissingError extends FreshetError {
  readonly code = "warehouse_missing";
  readonly retriable = false;
}

function throughRun(instance: RunningInstance): QueryTarget {
  return {
    async query(sql, { maxRows = MAX_ROWS, timeoutMs, signal }) {
      if (maxRows > MAX_ROWS) {
        throw new UsageError(
          `While a run is up (pid ${instance.pid}) a query gives at most ${MAX_ROWS} rows: lower --limit`,
        );
      }
      const body = { sql, max_rows: maxRows, timeout_ms: timeoutMs };
      const answer = await ask(instance, "POST", "/api/query", { body, signal });
      if (answer.ok) return await answer.json();
      const { detail } = await answer.json() as Problem;
      throw answer.status === 503 ? new WarehouseUnavailableError(detail) : new QueryRefusedError(detail);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
