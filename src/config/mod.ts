// Configuration: one schema over the environment, read once. Settings of Kafka and Snowflake have files beside it, those of a
// domain are in its folder.
// Must not know how to get at the environment (main.ts hands it in) nor what uses the settings.
import * as z from "zod";
import { ALERT_SETTINGS, type AlertConfig, alertConfig, doubtfulAlerts, missingForAlerts } from "./alerts.ts";
import { CONFLUENT_SETTINGS, confluentKafka, confluentProblems } from "./confluent.ts";
import type { DomainModule } from "../domains/domain.ts";
import { ConfigError } from "../errors.ts";
import { HTTP_SETTINGS, type HttpConfig, httpConfig } from "./http.ts";
import {
  doubtfulKafka,
  KAFKA_SETTINGS,
  type KafkaConfig,
  kafkaConfig,
  kafkaProblems,
  missingForKafka,
} from "./kafka.ts";
import { KAFKA_CLIENT_SETTINGS, kafkaClient, type KafkaClientConfig, kafkaClientProblems } from "./kafka_client.ts";
import { nearMiss } from "./near_miss.ts";
import * as s from "./setting.ts";
import {
  doubtfulSnowflake,
  missingForSnowflake,
  SNOWFLAKE_SETTINGS,
  type SnowflakeConfig,
  snowflakeConfig,
} from "./snowflake.ts";
import { closest } from "../suggest.ts";

export { type AlertChannelName, alertChannels, type AlertConfig } from "./alerts.ts";
export type { HttpConfig } from "./http.ts";

/** The settings of a domain: a zod raw shape, keyed by the names of the environment variables. */
export type DomainSettings = z.ZodRawShape;

/** What configuration needs to know of a domain. */
type DomainModuleSettings = Pick<DomainModule, "settings" | "presets">;

/** A size in DuckDB's words. */
const SIZE = /^\d+(\.\d+)?\s*([KMGT]i?B)$/i;

/** Every setting of Freshet itself. Each default, form and meaning is told by `freshet config` and `.env.example`. */
export const SETTINGS = {
  FRESHET_DATA_DIR: s.text(
    { form: "a folder's path", default: "data" },
    "Where the embedded log (freshet.log.db) and warehouse (freshet.duckdb) live.",
  ),
  FRESHET_HOST: s.text(
    { form: "an IP address or a host name", pattern: /^[A-Za-z0-9.:_-]+$/, default: "127.0.0.1" },
    "Where the servers listen. Anything but loopback needs FRESHET_API_TOKEN, or FRESHET_ALLOWED_HOSTS.",
  ),
  FRESHET_ALLOWED_HOSTS: s.hostNames(
    "Names by which clients may call, besides loopback ones. With it the servers may listen beyond loopback without a " +
      "token: set it only where others are kept out, such as a container whose ports are published on loopback.",
  ),
  FRESHET_API_PORT: s.whole(
    { min: 0, max: 65535, default: 8000 },
    "Port of the HTTP API, /health and /metrics; 0 takes any free one.",
  ),
  METRICS_PORT: s.wholeOrNone(
    { min: 0, max: 65535 },
    "The same by the name that it has where /metrics is all that there is; FRESHET_API_PORT wins.",
  ),
  FRESHET_DASHBOARD_PORT: s.whole({ min: 0, max: 65535, default: 8501 }, "Port of the dashboard."),
  ...HTTP_SETTINGS,
  FRESHET_LOG_LEVEL: s.choice(
    ["debug", "info", "warning", "error"],
    "info",
    "Least severe messages to log; debug also prints the stack of an error.",
  ),
  FRESHET_LOG_FORMAT: s.choice(
    ["auto", "text", "json"],
    "auto",
    "Form of the log lines; auto is text on a terminal and json otherwise.",
  ),
  FRESHET_THREADS: s.whole(
    { min: 1, max: 64, default: 1, unit: "threads" },
    "Threads that share the partitions of every domain, each as a process of its own would; more than partitions stand by. docs/operations.md says where more than one pays.",
  ),
  FRESHET_CHECKPOINT_ROWS: s.wholeOrNone(
    { min: 1, unit: "records" },
    "A checkpoint after this many records; by default what suits the warehouse.",
  ),
  FRESHET_CHECKPOINT_MS: s.wholeOrNone(
    { min: 10, unit: "milliseconds" },
    "A checkpoint after this long, whichever is first; by default what suits the warehouse.",
  ),
  FRESHET_CHECKPOINT_BACKLOG_ROWS: s.wholeOrNone(
    { min: 1, unit: "records" },
    "While more records wait in the log, a checkpoint grows to this many; by default what suits the warehouse.",
  ),
  FRESHET_MAX_OUT_OF_ORDERNESS_MS: s.wholeOrNone(
    { min: 0, unit: "milliseconds" },
    "How far the watermark stays behind the greatest event time; by default the domain's.",
  ),
  FRESHET_ALLOWED_LATENESS_MS: s.wholeOrNone(
    { min: 0, unit: "milliseconds" },
    "How long a closed window still takes corrections; by default the domain's.",
  ),
  FRESHET_IDLE_AFTER_MS: s.wholeOrNone(
    { min: 1, unit: "milliseconds" },
    "After this long without records a partition's watermark goes on at the clock's pace; by default the domain's.",
  ),
  FRESHET_MAX_FUTURE_SKEW_MS: s.wholeOrNone(
    { min: 0, unit: "milliseconds" },
    "An event further ahead of the clock than this is a dead letter; by default the domain's.",
  ),
  FRESHET_BACKFILL_AFTER_MS: s.wholeOrNone(
    { min: 0, unit: "milliseconds" },
    "Event time further behind the clock than this is history, which raises no ACTIVE alert; by default the domain's, or 7 days.",
  ),
  FRESHET_DRAIN_MS: s.whole(
    { min: 0, unit: "milliseconds", default: 20_000 },
    "How long a shutdown may take for its last checkpoint.",
  ),
  FRESHET_STALL_MS: s.whole(
    { min: 1_000, unit: "milliseconds", default: 300_000 },
    "How long a domain may have records waiting and commit nothing, beside FRESHET_CHECKPOINT_MS, before /livez says that it is stalled.",
  ),
  FRESHET_STANDSTILL_MS: s.whole(
    { min: 1_000, unit: "milliseconds", default: 15_000 },
    "After this long without an answer of the log, with a partition that cannot be read, an open transaction or a group that cannot be joined, /readyz and the page say that a domain stands still.",
  ),
  FRESHET_MAX_RESTARTS: s.whole(
    { min: 0, default: 10 },
    "How often in a row a domain is started again at once before it counts as failed.",
  ),
  FRESHET_ON_FAILED_DOMAIN: s.choice(
    ["continue", "exit"],
    "continue",
    "What a failed domain does to the others: they continue, and it is tried again now and then; or the process exits.",
  ),
  FRESHET_FAILED_RETRY_MS: s.whole(
    { min: 100, unit: "milliseconds", default: 30_000 },
    "How long a failed domain waits before it is tried again; each time twice as long, up to thirty times this.",
  ),
  FRESHET_ON_DAMAGE: s.choice(
    ["stop", "skip"],
    "stop",
    "What becomes of a partition with records that cannot be read, or were deleted before they were read: it stops there, " +
      "or goes on behind them with the gap on record in FRESHET_GAPS. The others go on either way.",
  ),
  FRESHET_STATE_MEMORY_MB: s.whole(
    { min: 1, unit: "megabytes", default: 128 },
    "About how much memory the keys of open windows and other state take, those of all domains together; keys beyond it wait in a file in FRESHET_DATA_DIR.",
  ),
  FRESHET_DUCKDB_MEMORY: s.text(
    { form: "a size such as 96MB or 2GB", pattern: SIZE, default: "96MB" },
    "Memory limit of the embedded warehouse.",
  ),
  FRESHET_QUERY_MEMORY: s.text(
    { form: "a size such as 128MB or 1GB", pattern: SIZE, default: "128MB" },
    "Memory that queries of users may take in the embedded warehouse while they run, beside FRESHET_DUCKDB_MEMORY.",
  ),
  FRESHET_DUCKDB_TEMP: s.text(
    { form: "a size such as 4GB", pattern: SIZE, default: "4GB" },
    "Disk that large sorts and joins of the embedded warehouse may take for a while.",
  ),
  FRESHET_LOG_RETENTION_HOURS: s.whole(
    { min: 1, unit: "hours", default: 168 },
    "Age at which the embedded log may drop records that every group has read.",
  ),
  FRESHET_LOG_RETENTION_BYTES: s.whole(
    { min: 1_000_000, unit: "bytes", default: 1_073_741_824 },
    "Size of a partition at which the embedded log may drop the oldest records that every group has read.",
  ),
  REDIS_URL: s.urlOrNone(
    { schemes: ["redis:", "rediss:"], form: "redis://host:6379, or rediss://user:password@host:6379/0" },
    "Redis that caches what the domains' read routes answer, shared by several processes; without it each keeps its own.",
  ),
  FRESHET_CACHE_EXPIRY_SECONDS: s.whole(
    { min: 1, unit: "seconds", default: 300 },
    "How long a cached answer is given out when no checkpoint is heard of that changes it.",
  ),
  FRESHET_DEAD_LETTER_SUFFIX: s.text(
    { form: "letters, digits, dots, dashes and underscores", pattern: /^[A-Za-z0-9._-]{1,50}$/, default: ".dlq" },
    "What the topic of a domain's dead letters is called behind the domain's own topic, such as _dlq.",
  ),
  ...ALERT_SETTINGS,
  FRESHET_KEYED_COPIES: s.domainNames(
    "Domains that read a copy of their topic with keys of their own, which Freshet makes as <topic>.keyed: for producers without keys, where the order of a key's records matters.",
  ),
  FRESHET_TOPIC_PARTITIONS: s.whole(
    { min: 1, max: 1000, default: 4 },
    "Partitions of the topics that Freshet creates.",
  ),
  FRESHET_TOPIC_REPLICATION: s.wholeOrNone(
    { min: 1, max: 100 },
    "Replicas of the topics that Freshet creates in Kafka; by default as many as the broker is set to.",
  ),
  ...KAFKA_SETTINGS,
  ...KAFKA_CLIENT_SETTINGS,
  ...CONFLUENT_SETTINGS,
  SCHEMA_REGISTRY_URL: s.addressOrNone(
    "Schema Registry with Confluent's API: schemas of records are looked up there, and what Freshet produces to topics with a schema goes out in its wire format.",
  ),
  SCHEMA_REGISTRY_API_KEY: s.textOrNone({ form: "an API key or user name" }, "API key for the Schema Registry."),
  SCHEMA_REGISTRY_API_SECRET: s.textOrNone(
    { form: "an API secret or password", secret: true },
    "API secret for the Schema Registry.",
  ),
  SCHEMA_REGISTRY_TOKEN: s.textOrNone(
    { form: "a bearer token without spaces", pattern: /^[\x21-\x7e]+$/, secret: true },
    "Bearer token for the Schema Registry, instead of key and secret.",
  ),
  SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS: s.flagOrNone(
    "Register Freshet's schema under a subject that has it not (Confluent's auto.register.schemas); true unless the latest version is used.",
  ),
  SCHEMA_REGISTRY_USE_LATEST_VERSION: s.flagOrNone(
    "Write by the latest schema of the subject and register none (Confluent's use.latest.version); false by default.",
  ),
  SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT: s.flagOrNone(
    "With the latest version: only if the registry finds Freshet's schema compatible with it (Confluent's latest.compatibility.strict); true by default.",
  ),
  SCHEMA_REGISTRY_NORMALIZE_SCHEMAS: s.flagOrNone(
    "Have the registry bring schemas into one form before it compares them (Confluent's normalize.schemas); false by default.",
  ),
  ...SNOWFLAKE_SETTINGS,
} satisfies DomainSettings;

type Values = { readonly [Name in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[Name]> };

/** The Schema Registry as configured. */
export interface SchemaRegistryConfig {
  readonly url: string;
  readonly login:
    | { readonly kind: "basic"; readonly user: string; readonly password: string }
    | { readonly kind: "bearer"; readonly token: string }
    | undefined;
  /** By which schema Freshet writes. */
  readonly registration: {
    readonly autoRegister: boolean;
    readonly useLatest: boolean;
    readonly isLatestStrict: boolean;
    readonly normalize: boolean;
  };
}

/** The configuration, checked and complete. Durations in milliseconds; `undefined` leaves it to the domain or warehouse. */
export interface Config extends HttpConfig {
  readonly dataDir: string;
  readonly host: string;
  /** Names by which clients may call, besides loopback ones. */
  readonly allowedHosts: readonly string[];
  readonly apiPort: number;
  readonly dashboardPort: number;
  readonly logLevel: "debug" | "info" | "warning" | "error";
  readonly logFormat: "auto" | "text" | "json";
  /** How many share the partitions; 1 is the main one alone. */
  readonly threads: number;
  readonly checkpointRows: number | undefined;
  readonly checkpointMs: number | undefined;
  readonly checkpointBacklogRows: number | undefined;
  readonly time: {
    readonly maxOutOfOrdernessMs: number | undefined;
    readonly allowedLatenessMs: number | undefined;
    readonly idleAfterMs: number | undefined;
    readonly maxFutureSkewMs: number | undefined;
    readonly backfillAfterMs: number | undefined;
  };
  readonly drainMs: number;
  readonly maxRestarts: number;
  readonly onFailedDomain: "continue" | "exit";
  readonly failedRetryMs: number;
  readonly standstillMs: number;
  /** What becomes of a partition with a stretch that cannot be read. */
  readonly onDamage: "stop" | "skip";
  /** How long a domain may stand still beside the time between two checkpoints, milliseconds. */
  readonly stallMs: number;
  /** Of keyed state in memory, of all domains together. */
  readonly stateMemoryBytes: number;
  readonly duckdbMemory: string;
  readonly queryMemory: string;
  readonly duckdbTemp: string;
  readonly logRetention: { readonly hours: number; readonly bytes: number };
  /** Of the read routes: in memory without a URL. */
  readonly cache: { readonly redisUrl: string | undefined; readonly expiryMs: number };
  /** Behind a topic's name it is the name of the topic of its dead letters. */
  readonly deadLetterSuffix: string;
  readonly alerts: AlertConfig;
  /** Names of domains that read keyed copies of their topics. */
  readonly keyedCopies: readonly string[];
  readonly topicPartitions: number;
  /** `undefined` leaves it to the broker. */
  readonly topicReplication: number | undefined;
  readonly groupId: string | undefined;
  /** `undefined` means the embedded log. */
  readonly kafka: KafkaConfig | undefined;
  /** By which client Kafka is read and written, and as which member of its groups. */
  readonly kafkaClient: KafkaClientConfig;
  /** `undefined` means that there is none. */
  readonly schemaRegistry: SchemaRegistryConfig | undefined;
  /** `undefined` means the embedded warehouse. */
  readonly snowflake: SnowflakeConfig | undefined;
  /** The domains' own settings by name. */
  readonly domains: Readonly<Record<string, unknown>>;
  /** What looks like a mistake but does not stop anything. */
  readonly warnings: readonly string[];
  /** Values that must never be printed. */
  readonly secrets: readonly string[];
}

/** The schema of every setting: Freshet's own and the domains'. */
export function allSettings(modules: readonly DomainModuleSettings[]): DomainSettings {
  return Object.assign({}, SETTINGS, ...modules.map((module) => module.settings));
}

/** What choices of one setting make of others that are not set: by the setting, then by the choice. */
const presetsOf = (modules: readonly DomainModuleSettings[]): NonNullable<DomainModule["presets"]> =>
  Object.assign({}, ...modules.map(({ presets }) => presets));

/**
 * Reads the configuration from the environment. An empty value counts as not set.
 *
 * Throws `ConfigError` with one message that names every wrong or missing setting, never with a secret in it.
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  modules: readonly DomainModuleSettings[],
): Config {
  const settings = allSettings(modules);
  const given = Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value?.trim()]).filter(([, value]) => value),
  ) as Record<string, string>;
  for (const [name, presets] of Object.entries(presetsOf(modules))) {
    for (const [other, value] of Object.entries(presets[given[name] ?? ""] ?? {})) given[other] ??= value;
  }
  const parsed = z.object(settings).safeParse(pick(given, Object.keys(settings)));
  const problems = parsed.success ? [] : parsed.error.issues.map((issue) => wrong(issue, given, settings));
  problems.push(...missing(given), ...kafkaProblems(given), ...confluentProblems(given));
  const unknown = unknownNames(given, Object.keys(settings));
  if (!parsed.success || problems.length > 0) throw new ConfigError(report(problems, unknown));
  // The schema is made of the settings by name, so what it has parsed has a value of each.
  const values = parsed.data as unknown as Values;
  return build(values, {
    given,
    domains: pick(parsed.data, modules.flatMap((module) => Object.keys(module.settings))),
    warnings: [...unknown, ...doubtful(given)],
    secrets: Object.entries(given).filter(([name]) => isSecret(name, settings)).flatMap(([name, value]) =>
      secretsIn(name, value)
    ),
  });
}

interface Rest extends Pick<Config, "domains" | "warnings" | "secrets"> {
  readonly given: Readonly<Record<string, string>>;
}

function build(v: Values, { given, ...rest }: Rest): Config {
  return {
    dataDir: v.FRESHET_DATA_DIR,
    host: v.FRESHET_HOST,
    allowedHosts: v.FRESHET_ALLOWED_HOSTS ?? [],
    apiPort: given.FRESHET_API_PORT === undefined ? v.METRICS_PORT ?? v.FRESHET_API_PORT : v.FRESHET_API_PORT,
    dashboardPort: v.FRESHET_DASHBOARD_PORT,
    ...httpConfig(v),
    logLevel: v.FRESHET_LOG_LEVEL,
    logFormat: v.FRESHET_LOG_FORMAT,
    threads: v.FRESHET_THREADS,
    checkpointRows: v.FRESHET_CHECKPOINT_ROWS,
    checkpointMs: v.FRESHET_CHECKPOINT_MS,
    checkpointBacklogRows: v.FRESHET_CHECKPOINT_BACKLOG_ROWS,
    time: {
      maxOutOfOrdernessMs: v.FRESHET_MAX_OUT_OF_ORDERNESS_MS,
      allowedLatenessMs: v.FRESHET_ALLOWED_LATENESS_MS,
      idleAfterMs: v.FRESHET_IDLE_AFTER_MS,
      maxFutureSkewMs: v.FRESHET_MAX_FUTURE_SKEW_MS,
      backfillAfterMs: v.FRESHET_BACKFILL_AFTER_MS,
    },
    drainMs: v.FRESHET_DRAIN_MS,
    maxRestarts: v.FRESHET_MAX_RESTARTS,
    onFailedDomain: v.FRESHET_ON_FAILED_DOMAIN,
    failedRetryMs: v.FRESHET_FAILED_RETRY_MS,
    standstillMs: v.FRESHET_STANDSTILL_MS,
    onDamage: v.FRESHET_ON_DAMAGE,
    stallMs: v.FRESHET_STALL_MS,
    stateMemoryBytes: v.FRESHET_STATE_MEMORY_MB * 1_000_000,
    duckdbMemory: v.FRESHET_DUCKDB_MEMORY,
    queryMemory: v.FRESHET_QUERY_MEMORY,
    duckdbTemp: v.FRESHET_DUCKDB_TEMP,
    logRetention: { hours: v.FRESHET_LOG_RETENTION_HOURS, bytes: v.FRESHET_LOG_RETENTION_BYTES },
    cache: { redisUrl: v.REDIS_URL, expiryMs: v.FRESHET_CACHE_EXPIRY_SECONDS * 1000 },
    deadLetterSuffix: v.FRESHET_DEAD_LETTER_SUFFIX,
    alerts: alertConfig(v),
    keyedCopies: v.FRESHET_KEYED_COPIES ?? [],
    topicPartitions: v.FRESHET_TOPIC_PARTITIONS,
    topicReplication: v.FRESHET_TOPIC_REPLICATION,
    groupId: v.KAFKA_GROUP_ID,
    kafka: confluentKafka(v, { clientId: v.KAFKA_CLIENT_ID, caFile: v.KAFKA_SSL_CA_FILE }) ?? kafkaConfig(v),
    kafkaClient: kafkaClient(v),
    schemaRegistry: schemaRegistry(v),
    snowflake: snowflakeConfig(v),
    ...rest,
  };
}

function schemaRegistry(v: Values): SchemaRegistryConfig | undefined {
  if (v.SCHEMA_REGISTRY_URL === undefined) return undefined;
  const useLatest = v.SCHEMA_REGISTRY_USE_LATEST_VERSION ?? false;
  const registration = {
    autoRegister: v.SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS ?? !useLatest,
    useLatest,
    isLatestStrict: v.SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT ?? true,
    normalize: v.SCHEMA_REGISTRY_NORMALIZE_SCHEMAS ?? false,
  };
  return { url: v.SCHEMA_REGISTRY_URL, login: registryLogin(v), registration };
}

function registryLogin(v: Values): SchemaRegistryConfig["login"] {
  const { SCHEMA_REGISTRY_API_KEY: user, SCHEMA_REGISTRY_API_SECRET: password, SCHEMA_REGISTRY_TOKEN: token } = v;
  if (token !== undefined) return { kind: "bearer", token };
  return user !== undefined && password !== undefined ? { kind: "basic", user, password } : undefined;
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether a setting's value must never be shown. */
export function isSecret(name: string, settings: DomainSettings): boolean {
  const schema = settings[name];
  // An address is none for what it is the address of (a token endpoint); one that may hold a password says so itself.
  if (schema !== undefined && name.endsWith("_URL")) return s.settingMeta(schema as z.ZodType).secret === true;
  return /PASSWORD|TOKEN|SECRET|PASSPHRASE|PRIVATE_KEY(?!_PATH)/.test(name) ||
    (schema !== undefined && s.settingMeta(schema as z.ZodType).secret === true);
}

/** The value; of a URL, only when it holds a password, and that as it is written there and as it is sent. */
function secretsIn(name: string, value: string): string[] {
  if (!name.endsWith("_URL")) return [value];
  const password = URL.parse(value)?.password ?? "";
  if (password === "") return [];
  try {
    return [value, password, decodeURIComponent(password)];
  } catch {
    return [value, password];
  }
}

function wrong(issue: z.core.$ZodIssue, given: Record<string, string>, settings: DomainSettings): string {
  const name = String(issue.path[0]);
  const schema = settings[name];
  const meta = schema && s.settingMeta(schema as z.ZodType);
  const preset = meta?.default === undefined ? "" : ` (default ${meta.default})`;
  const expected = meta?.form
    ? `expected ${meta.form}`
    : issue.message.replace(/^Invalid input: /, "").replace(", received NaN", "");
  const value = given[name];
  if (value === undefined) return `${name} is missing: ${expected}${preset}`;
  const shown = isSecret(name, settings)
    ? "has not the right form"
    : `is ${JSON.stringify(s.withoutLogins(value).slice(0, 100))}`;
  return `${name} ${shown}: ${expected}${preset}`;
}

/** Settings that others make necessary. */
function missing(given: Record<string, string>): string[] {
  const problems: string[] = [];
  const need = (name: string, because: string, form: string) => {
    if (!given[name]) problems.push(`${name} is missing: ${because}, expected ${form}`);
  };
  const host = given.FRESHET_HOST;
  const isOpen = !given.FRESHET_INGEST_TOKEN || !given.FRESHET_READ_TOKEN;
  if (host && !isLoopback(host) && !given.FRESHET_ALLOWED_HOSTS && isOpen) {
    const because = `FRESHET_HOST is ${JSON.stringify(host)}, which others can reach`;
    need("FRESHET_API_TOKEN", because, "a bearer token, or both FRESHET_INGEST_TOKEN and FRESHET_READ_TOKEN");
  }
  const login = "the login of the Schema Registry needs both";
  if (given.SCHEMA_REGISTRY_API_KEY) need("SCHEMA_REGISTRY_API_SECRET", login, "an API secret");
  if (given.SCHEMA_REGISTRY_API_SECRET) need("SCHEMA_REGISTRY_API_KEY", login, "an API key");
  if (given.SCHEMA_REGISTRY_API_KEY && given.SCHEMA_REGISTRY_TOKEN) {
    problems.push("SCHEMA_REGISTRY_TOKEN and SCHEMA_REGISTRY_API_KEY are both set: expected one of them");
  }
  if (s.isOn(given.SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS) && s.isOn(given.SCHEMA_REGISTRY_USE_LATEST_VERSION)) {
    problems.push(
      "SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS and SCHEMA_REGISTRY_USE_LATEST_VERSION are both true: expected one of them",
    );
  }
  for (const [name, because, form] of missingForAlerts(given)) need(name, because, form);
  for (const [name, because, form] of missingForKafka(given)) need(name, because, form);
  problems.push(...kafkaClientProblems(given));
  for (const [name, because, form] of missingForSnowflake(given)) need(name, because, form);
  return problems;
}

function doubtful(given: Record<string, string>): string[] {
  const warnings: string[] = [...doubtfulKafka(given)];
  const registry = Object.keys(given).filter((name) => /^SCHEMA_REGISTRY_/.test(name));
  if (registry.length > 0 && !given.SCHEMA_REGISTRY_URL) {
    warnings.push(`${registry.join(", ")} set, but not SCHEMA_REGISTRY_URL: no Schema Registry is used`);
  }
  warnings.push(...doubtfulAlerts(given), ...doubtfulSnowflake(given));
  return warnings;
}

function unknownNames(given: Record<string, string>, known: readonly string[]): string[] {
  return Object.keys(given).filter((name) => !known.includes(name)).flatMap((name) => {
    const isOurs = name.startsWith("FRESHET_");
    const near = isOurs ? closest(name, known.filter((one) => one.startsWith("FRESHET_"))) : nearMiss(name, known);
    // Who has set the right one as well has set the other for another program.
    if (!isOurs && (near === undefined || given[near] !== undefined)) return [];
    return [`${name} is not a setting of Freshet${near ? `: did you mean ${near}?` : ""}`];
  });
}

function report(problems: readonly string[], unknown: readonly string[]): string {
  const lines = [...problems, ...unknown].map((line) => `  ${line}`);
  const head = problems.length === 1
    ? "One setting is wrong or missing"
    : `${problems.length} settings are wrong or missing`;
  return `${head} (environment or .env):\n${lines.join("\n")}`;
}

function pick<T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.filter((name) => name in from).map((name) => [name, from[name] as T]));
}
