// Which permissions a run needs no more once it is up. Deno narrows none that was given as a whole, so each is kept or dropped
// as a whole: files are opened all the time, and native code (DuckDB, the priority of users' thread) is called.
import { alertChannels, type Config } from "../config/mod.ts";

/**
 * Permissions to drop once a run listens and its settings have been read. One that connects to something needs both: its
 * clients read names of their own from the environment, and connect to what brokers and token endpoints tell them.
 */
export function unneededPermissions(
  { kafka, schemaRegistry, snowflake, cache, alerts }: Pick<
    Config,
    "kafka" | "schemaRegistry" | "snowflake" | "cache" | "alerts"
  >,
): readonly ("env" | "net")[] {
  const connects = [kafka, schemaRegistry, snowflake, cache.redisUrl].some((target) => target !== undefined);
  // The topics of alerts are in the log.
  const tells = alertChannels(alerts).some((name) => name !== "topic");
  return connects || tells ? [] : ["env", "net"];
}
