// Which permissions a run needs no more once it is up. Deno narrows none that was given as a whole, so each is kept or dropped
// as a whole: files are opened all the time, and native code (DuckDB, the priority of users' thread) is called.
import type { Config } from "../config/mod.ts";

/**
 * Permissions to drop once a run listens and its settings have been read. One that connects to something needs both: its
 * clients read names of their own from the environment, and connect to what brokers and token endpoints tell them.
 */
export function unneededPermissions(config: Config): readonly ("env" | "net")[] {
  const { kafka, schemaRegistry, snowflake, cache, alerts } = config;
  const targets = [kafka, schemaRegistry, snowflake, cache.redisUrl];
  const receivers = [alerts.webhook, alerts.slack, alerts.alertmanager, alerts.mail];
  return [...targets, ...receivers].every((target) => target === undefined) ? ["env", "net"] : [];
}
