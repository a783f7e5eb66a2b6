// The parameters that a login answer carries: those that the driver acts on.

const DEFAULTS: Readonly<Record<string, unknown>> = {
  AUTOCOMMIT: true,
  CLIENT_MEMORY_LIMIT: 1536,
  CLIENT_PREFETCH_THREADS: 4,
  CLIENT_SESSION_KEEP_ALIVE: false,
  CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY: 3600,
  CLIENT_TELEMETRY_ENABLED: true,
  DATE_OUTPUT_FORMAT: "YYYY-MM-DD",
  JS_TREAT_INTEGER_AS_BIGINT: false,
  QUERY_CONTEXT_CACHE_SIZE: 5,
  SERVICE_NAME: "",
  TIMESTAMP_LTZ_OUTPUT_FORMAT: "",
  TIMESTAMP_NTZ_OUTPUT_FORMAT: "YYYY-MM-DD HH24:MI:SS.FF3",
  TIMESTAMP_OUTPUT_FORMAT: "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
  TIMESTAMP_TZ_OUTPUT_FORMAT: "",
  TIMEZONE: "America/Los_Angeles",
  TIME_OUTPUT_FORMAT: "HH24:MI:SS",
};

/** Snowflake's defaults, overridden by what the client asked for. */
export function loginParameters(
  asked: Readonly<Record<string, unknown>>,
): readonly { readonly name: string; readonly value: unknown }[] {
  return Object.entries(DEFAULTS).map(([name, value]) => ({ name, value: asked[name] ?? value }));
}
