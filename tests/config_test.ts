import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as z from "zod";
import { readEnvironment } from "../src/cli/environment.ts";
import { alertChannels, allSettings, isSecret, readConfig, SETTINGS } from "../src/config/mod.ts";
import { domainModules } from "../src/domains/mod.ts";
import { ConfigError } from "../src/errors.ts";
import { settingMeta } from "../src/config/setting.ts";
import { DUCKDB } from "../src/warehouse/duckdb/traits.ts";
import { SNOWFLAKE as SNOWFLAKE_TRAITS } from "../src/warehouse/snowflake/traits.ts";
import type { WarehouseTraits } from "../src/warehouse/warehouse.ts";
import { patienceOf } from "../src/wiring.ts";

const modules = [{
  name: "boats",
  settings: { BOATS_LIMIT: z.coerce.number().int().positive().default(7).describe("Boats at once") },
}];

const read = (environment: Record<string, string>) => readConfig(environment, modules);

Deno.test("an empty environment gives the documented defaults", () => {
  const config = read({});
  assertEquals(config.dataDir, "data");
  assertEquals(config.host, "127.0.0.1");
  assertEquals(config.apiPort, 8000);
  assertEquals(config.dashboardPort, 8501);
  assertEquals(config.kafka, undefined);
  assertEquals(config.snowflake, undefined);
  assertEquals(config.checkpointRows, undefined);
  assertEquals(config.drainMs, 20_000);
  assertEquals(config.maxRestarts, 10);
  assertEquals(config.duckdbMemory, "96MB");
  assertEquals(config.stateMemoryBytes, 128_000_000);
  assertEquals(config.domains, { BOATS_LIMIT: 7 });
  assertEquals(config.warnings, []);
});

Deno.test("METRICS_PORT is the API's port by another name", () => {
  assertEquals(read({ METRICS_PORT: "9100" }).apiPort, 9100);
  assertEquals(read({ METRICS_PORT: "9100", FRESHET_API_PORT: "8000" }).apiPort, 8000);
});

Deno.test("a choice of one setting sets others, unless they are set", () => {
  const of = (environment: Record<string, string>) => {
    const { ATS_OVERCROWDING_PASSENGERS, ATS_HIGH_POWER_KW } = readConfig(environment, domainModules).domains;
    return [ATS_OVERCROWDING_PASSENGERS, ATS_HIGH_POWER_KW];
  };
  assertEquals(of({}), [1100, 2600]);
  assertEquals(of({ ATS_THRESHOLDS: "large" }), [1100, 2600]);
  assertEquals(of({ ATS_THRESHOLDS: "small" }), [600, 150]);
  assertEquals(of({ ATS_THRESHOLDS: "small", ATS_HIGH_POWER_KW: "170" }), [600, 170]);
  assertThrows(() => of({ ATS_THRESHOLDS: "toy" }), ConfigError, "ATS_THRESHOLDS");
});

Deno.test("an empty value counts as not set", () => {
  assertEquals(read({ FRESHET_API_PORT: "", FRESHET_API_TOKEN: " " }).apiPort, 8000);
});

const WRONG: readonly (readonly [setting: string, value: string, expected: string])[] = [
  [
    "FRESHET_API_PORT",
    "eighty",
    `FRESHET_API_PORT is "eighty": expected a whole number from 0 to 65535 (default 8000)`,
  ],
  ["FRESHET_API_PORT", "70000", "from 0 to 65535"],
  ["FRESHET_API_PORT", "80.5", "a whole number"],
  ["FRESHET_CHECKPOINT_ROWS", "0", "a whole number of records, at least 1"],
  ["FRESHET_CHECKPOINT_MS", "-5", "a whole number of milliseconds, at least 10"],
  ["FRESHET_LOG_LEVEL", "loud", "debug, info, warning or error"],
  ["FRESHET_LOG_FORMAT", "xml", "auto, text or json"],
  ["FRESHET_STATE_MEMORY_MB", "0", "a whole number of megabytes, at least 1"],
  ["FRESHET_DUCKDB_MEMORY", "lots", "a size such as 96MB or 2GB"],
  ["FRESHET_DRAIN_MS", "1e3", "a whole number of milliseconds"],
  ["KAFKA_BROKERS", "broker", "host:port, several with commas between them"],
  ["KAFKA_BROKERS", "https://broker:9092", "host:port"],
  ["KAFKA_SSL", "maybe", "true or false"],
  ["KAFKA_SASL_MECHANISM", "kerberos", "plain, scram-sha-256, scram-sha-512, oauthbearer or aws-msk-iam"],
  ["KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", "idp.example/token", `is "idp.example/token": expected an http`],
  ["KAFKA_SASL_OAUTHBEARER_EXTENSIONS", "logicalCluster", "name=value, several with commas between them"],
  ["KAFKA_GROUP_ID", "a b", "letters, digits"],
  ["BOATS_LIMIT", "none", `BOATS_LIMIT is "none": expected number (default 7)`],
];

for (const [setting, value, expected] of WRONG) {
  Deno.test(`${setting}=${value} is named with the form that is expected`, () => {
    const error = assertThrows(() => read({ [setting]: value }), ConfigError, setting);
    assertStringIncludes(error.message, expected);
  });
}

Deno.test("one message names every wrong and missing setting", () => {
  const error = assertThrows(
    () =>
      read({
        FRESHET_API_PORT: "x",
        FRESHET_LOG_LEVEL: "y",
        KAFKA_SASL_USERNAME: "me",
        FRESHET_HOST: "0.0.0.0",
        FRESHET_API_PROT: "1",
      }),
    ConfigError,
  );
  for (
    const name of [
      "FRESHET_API_PORT is",
      "FRESHET_LOG_LEVEL is",
      "KAFKA_SASL_MECHANISM is missing",
      "KAFKA_SASL_PASSWORD is missing",
      "FRESHET_API_TOKEN is missing",
      "FRESHET_API_PROT is not a setting of Freshet: did you mean FRESHET_API_PORT?",
    ]
  ) assertStringIncludes(error.message, name);
});

Deno.test("a misspelt FRESHET_ name is a warning with a suggestion, and no reason to stop", () => {
  assertEquals(read({ FRESHET_DATADIR: "/x" }).warnings, [
    "FRESHET_DATADIR is not a setting of Freshet: did you mean FRESHET_DATA_DIR?",
  ]);
  assertEquals(read({ FRESHET_ZZZ: "1" }).warnings, ["FRESHET_ZZZ is not a setting of Freshet"]);
});

Deno.test("a name that is nearly another setting's is a warning; one of another program is none", () => {
  const near = {
    KAFKA_BROKRES: "KAFKA_BROKERS",
    kafka_brokers: "KAFKA_BROKERS",
    KAFKA_BOOTSTRAP: "KAFKA_BOOTSTRAP_SERVERS",
    KAFKA_SASL_USER: "KAFKA_SASL_USERNAME",
    KAFKA_SASL_MECHANISMS: "KAFKA_SASL_MECHANISM",
    SNOWFLAKE_USERNAME: "SNOWFLAKE_USER",
    SNOWFLAKE_PRIVATE_KEY_FILE: "SNOWFLAKE_PRIVATE_KEY_PATH",
    SNOWFLAKE_ACOUNT: "SNOWFLAKE_ACCOUNT",
    SCHEMA_REGISTRY_URI: "SCHEMA_REGISTRY_URL",
    REDIS_URI: "REDIS_URL",
    CONFLUENT_BOOTSTRAP_SERVERS: undefined,
    KAFKA_HOME: undefined,
    KAFKA_OPTS: undefined,
    KAFKA_PORT: undefined,
    KAFKA_HEAP_OPTS: undefined,
    SNOWFLAKE_HOME: undefined,
    AWS_PROFILE: undefined,
    AWS_ACCESS_KEY_ID: undefined,
    REDIS_PORT: undefined,
    PATH: undefined,
    HOME: undefined,
    LOG_LEVEL: undefined,
  };
  for (const [name, meant] of Object.entries(near)) {
    const expected = meant === undefined ? [] : [`${name} is not a setting of Freshet: did you mean ${meant}?`];
    const told = read({ [name]: "x" }).warnings.filter((warning) => warning.startsWith(`${name} is not`));
    assertEquals(told, expected, name);
  }
  assertEquals(read({ REDIS_URI: "x", REDIS_URL: "redis://h:1" }).warnings, []);
});

Deno.test("secrets are in no message, and known for redaction", () => {
  const secret = "hunter2 with a space";
  const error = assertThrows(() => read({ FRESHET_API_TOKEN: secret, KAFKA_SASL_PASSWORD: secret }), ConfigError);
  assert(!error.message.includes("hunter2"), error.message);
  assertStringIncludes(error.message, "FRESHET_API_TOKEN has not the right form");
  const sasl = { KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_USERNAME: "me", KAFKA_SASL_PASSWORD: "pa55" };
  assertEquals(read({ KAFKA_BROKERS: "b:1", FRESHET_API_TOKEN: "t0ken-of-16-chars", ...sasl }).secrets.toSorted(), [
    "pa55",
    "t0ken-of-16-chars",
  ]);
});

Deno.test("of REDIS_URL the password is a secret, and what is no URL of Redis is refused without being told", () => {
  assertEquals(read({ REDIS_URL: "redis://localhost:6379" }).secrets, []);
  const url = "rediss://me:p%40ss@redis.example:6380/1";
  assertEquals(read({ REDIS_URL: url }).secrets, [url, "p%40ss", "p@ss"]);
  assertEquals(read({ REDIS_URL: url, FRESHET_CACHE_EXPIRY_SECONDS: "60" }).cache, { redisUrl: url, expiryMs: 60_000 });
  for (const wrong of ["localhost:6379", "http://:pa55@host", "redis://:pa55@host:99999", "redis:pa55"]) {
    const error = assertThrows(() => read({ REDIS_URL: wrong }), ConfigError, "REDIS_URL has not the right form");
    assert(!error.message.includes("pa55"));
  }
});

Deno.test("listening where others can reach needs a token", () => {
  for (const host of ["0.0.0.0", "192.168.1.5", "::", "example.org"]) {
    assertThrows(() => read({ FRESHET_HOST: host }), ConfigError, "FRESHET_API_TOKEN is missing");
    assertEquals(read({ FRESHET_HOST: host, FRESHET_API_TOKEN: "t0ken-of-16-chars" }).host, host);
  }
  const [ingest, reading] = [{ FRESHET_INGEST_TOKEN: "t0ken-of-16-chars" }, {
    FRESHET_READ_TOKEN: "t0ken-of-16-chars",
  }];
  for (const one of [ingest, reading]) {
    assertThrows(() => read({ FRESHET_HOST: "::", ...one }), ConfigError, "FRESHET_API_TOKEN is missing");
  }
  assertEquals(read({ FRESHET_HOST: "::", ...ingest, ...reading }).host, "::");
  for (const host of ["127.0.0.1", "127.8.8.8", "localhost", "::1"]) {
    assertEquals(read({ FRESHET_HOST: host }).host, host);
  }
});

Deno.test("waiting for a checkpoint that is not due is not standing still, also where the warehouse says when it is due", () => {
  const stallOf = (env: Record<string, string>, warehouse: WarehouseTraits) =>
    patienceOf(readConfig(env, []), warehouse).stallMs;
  assertEquals(stallOf({}, DUCKDB), 300_000 + DUCKDB.checkpoints.ms);
  assertEquals(stallOf({ FRESHET_STALL_MS: "10000" }, SNOWFLAKE_TRAITS), 10_000 + SNOWFLAKE_TRAITS.checkpoints.ms);
  assertEquals(stallOf({ FRESHET_CHECKPOINT_MS: "900000" }, SNOWFLAKE_TRAITS), 1_200_000);
});

Deno.test("the client of Kafka and the membership in its groups are settings of their own, for any Kafka", () => {
  assertEquals(read({}).kafkaClient, { client: "kafkajs", groupInstanceId: undefined, sessionTimeoutMs: 30_000 });
  const given = { KAFKA_CLIENT: "Platformatic", KAFKA_GROUP_INSTANCE_ID: "one", KAFKA_SESSION_TIMEOUT_MS: "45000" };
  assertEquals(read(given).kafkaClient, { client: "platformatic", groupInstanceId: "one", sessionTimeoutMs: 45_000 });
  const error = assertThrows(() => read({ KAFKA_GROUP_INSTANCE_ID: "one" }), ConfigError);
  assertStringIncludes(error.message, "KAFKA_CLIENT is not platformatic");
});

Deno.test("a Schema Registry is described by its address and one way to log in", () => {
  const url = "https://psrc-1.example/apis/v7";
  const key = { SCHEMA_REGISTRY_API_KEY: "K", SCHEMA_REGISTRY_API_SECRET: "s3cret" };
  assertEquals(read({}).schemaRegistry, undefined);
  const registration = { autoRegister: true, useLatest: false, isLatestStrict: true, normalize: false };
  assertEquals(read({ SCHEMA_REGISTRY_URL: `${url}/` }).schemaRegistry, { url, login: undefined, registration });
  const basic = read({ SCHEMA_REGISTRY_URL: url, ...key });
  assertEquals(basic.schemaRegistry?.login, { kind: "basic", user: "K", password: "s3cret" });
  assertEquals(basic.secrets, ["s3cret"]);
  const bearer = read({ SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_TOKEN: "t0ken" });
  assertEquals([bearer.schemaRegistry?.login, bearer.secrets], [{ kind: "bearer", token: "t0ken" }, ["t0ken"]]);
  assertEquals(read(key).warnings.length, 1);
});

Deno.test("by which schema Freshet writes is said as Confluent's serializers are told it", () => {
  const registration = (settings: Record<string, string>) =>
    read({ SCHEMA_REGISTRY_URL: "http://registry", ...settings }).schemaRegistry!.registration;
  const { autoRegister, useLatest } = registration({ SCHEMA_REGISTRY_USE_LATEST_VERSION: "true" });
  assertEquals([autoRegister, useLatest], [false, true]);
  const none = registration({
    SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS: "false",
    SCHEMA_REGISTRY_NORMALIZE_SCHEMAS: "yes",
    SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT: "0",
  });
  assertEquals(none, { autoRegister: false, useLatest: false, isLatestStrict: false, normalize: true });
});

const WRONG_REGISTRIES: readonly (readonly [string, Record<string, string>])[] = [
  ["SCHEMA_REGISTRY_API_SECRET is missing", { SCHEMA_REGISTRY_API_KEY: "K" }],
  ["SCHEMA_REGISTRY_API_KEY is missing", { SCHEMA_REGISTRY_API_SECRET: "s3cret" }],
  ["both set", { SCHEMA_REGISTRY_API_KEY: "K", SCHEMA_REGISTRY_API_SECRET: "s3cret", SCHEMA_REGISTRY_TOKEN: "t" }],
  ["are both true", { SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS: "true", SCHEMA_REGISTRY_USE_LATEST_VERSION: "on" }],
  ["true or false", { SCHEMA_REGISTRY_NORMALIZE_SCHEMAS: "maybe" }],
  ["an http or https address", { SCHEMA_REGISTRY_URL: "registry:8081" }],
  ["an http or https address", { SCHEMA_REGISTRY_URL: "ftp://registry" }],
  ["without user and password", { SCHEMA_REGISTRY_URL: "https://key:s3cret@registry/x" }],
];

for (const [says, environment] of WRONG_REGISTRIES) {
  Deno.test(`a Schema Registry by ${Object.keys(environment)} is refused: ${says}`, () => {
    const error = assertThrows(() => read(environment), ConfigError, says);
    assert(!error.message.includes("s3cret"), error.message);
  });
}

Deno.test("the real environment wins over .env", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "# a comment\nFRESHET_API_PORT=1111\nFRESHET_DATA_DIR='from file'\n");
  assertEquals(readEnvironment({ FRESHET_API_PORT: "2222" }, path), {
    FRESHET_API_PORT: "2222",
    FRESHET_DATA_DIR: "from file",
  });
  assertEquals(readEnvironment({ A: "b" }, `${path}.none`), { A: "b" });
  await Deno.remove(path);
});

const SNOWFLAKE = { SNOWFLAKE_ACCOUNT: "ORG-ACC", SNOWFLAKE_USER: "ME", SNOWFLAKE_DATABASE: "DB" };

Deno.test("SNOWFLAKE_ACCOUNT picks Snowflake, with the schema PUBLIC unless told", () => {
  const { snowflake, secrets } = read({ ...SNOWFLAKE, SNOWFLAKE_PASSWORD: "hush" });
  assertEquals(snowflake?.schema, "PUBLIC");
  assertEquals(snowflake?.credentials, { kind: "password", password: "hush" });
  assertEquals(secrets, ["hush"]);
});

Deno.test("of several ways to log in to Snowflake the first counts, and the others are named", () => {
  const { snowflake, warnings } = read({
    ...SNOWFLAKE,
    SNOWFLAKE_PASSWORD: "hush",
    SNOWFLAKE_OAUTH_TOKEN: "token",
    SNOWFLAKE_PRIVATE_KEY_PATH: "rsa_key.p8",
    SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "phrase",
  });
  assertEquals(snowflake?.credentials, { kind: "key", key: { path: "rsa_key.p8" }, passphrase: "phrase" });
  assertEquals(warnings, [
    "SNOWFLAKE_PRIVATE_KEY_PATH is used to log in to Snowflake, not SNOWFLAKE_OAUTH_TOKEN, SNOWFLAKE_PASSWORD",
  ]);
});

Deno.test("queries in Snowflake may have a role of their own, and the writer's for it is doubted", () => {
  const env = { ...SNOWFLAKE, SNOWFLAKE_PASSWORD: "hush", SNOWFLAKE_ROLE: "WRITER" };
  assertEquals(read(env).snowflake?.queryRole, undefined);
  const { snowflake, warnings } = read({ ...env, SNOWFLAKE_QUERY_ROLE: "READER" });
  assertEquals([snowflake?.role, snowflake?.queryRole, warnings], ["WRITER", "READER", []]);
  assertStringIncludes(read({ ...env, SNOWFLAKE_QUERY_ROLE: "writer" }).warnings.join(), "name one that may only read");
});

Deno.test("a Snowflake account may be given by its host name or address", () => {
  const accountOf = (given: string) =>
    read({ ...SNOWFLAKE, SNOWFLAKE_PASSWORD: "hush", SNOWFLAKE_ACCOUNT: given }).snowflake?.account;
  const hosts = ["MYORG-ACC.snowflakecomputing.com", "https://MYORG-ACC.snowflakecomputing.com/", "MYORG-ACC"];
  assertEquals(hosts.map(accountOf), ["MYORG-ACC", "MYORG-ACC", "MYORG-ACC"]);
  assertEquals(accountOf("xy12345.cn-northwest-1.snowflakecomputing.cn"), "xy12345.cn-northwest-1");
  assertThrows(() => accountOf("https://app.snowflake.com/myorg/acc"), ConfigError, "account's host name");
});

Deno.test("what Snowflake still needs is named, and settings of it without an account are doubted", () => {
  const error = assertThrows(() => read({ SNOWFLAKE_ACCOUNT: "ORG-ACC" }), ConfigError);
  for (const name of ["SNOWFLAKE_USER is missing", "SNOWFLAKE_DATABASE is missing", "SNOWFLAKE_PASSWORD"]) {
    assertStringIncludes(error.message, name);
  }
  const { snowflake, warnings } = read({ SNOWFLAKE_USER: "ME", SNOWFLAKE_PASSWORD: "hush" });
  assertEquals(snowflake, undefined);
  assertStringIncludes(warnings.join(), "but not SNOWFLAKE_ACCOUNT");
});

Deno.test(".env.example names every setting with its default, and no other", async () => {
  const settings = allSettings(domainModules);
  const text = await Deno.readTextFile(new URL("../.env.example", import.meta.url));
  const lines = [...text.matchAll(/^# ([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
  const expected = Object.entries(settings).map(([name, schema]) => [
    name,
    settingMeta(schema as z.ZodType).default ?? "",
  ]);
  assertEquals(lines.toSorted(), expected.toSorted());
  // With every line uncommented it must be a configuration that can be read.
  readConfig(Object.fromEntries(lines), domainModules);
});

Deno.test("every setting says what it means", () => {
  for (const [name, schema] of Object.entries(allSettings(domainModules))) {
    assert((schema as z.ZodType).description ?? (schema as z.ZodDefault).unwrap(), name);
  }
  assert(isSecret("KAFKA_SASL_PASSWORD", SETTINGS));
  assert(!isSecret("KAFKA_BROKERS", SETTINGS));
});

Deno.test("tokens that can be guessed are refused without being told", () => {
  for (const name of ["FRESHET_API_TOKEN", "FRESHET_INGEST_TOKEN", "FRESHET_READ_TOKEN"]) {
    const error = assertThrows(
      () => read({ [name]: "15-characters.." }),
      ConfigError,
      `${name} has not the right form`,
    );
    assert(!error.message.includes("15-characters"), error.message);
  }
});

Deno.test("trusted proxies are addresses and subnets", () => {
  assertEquals(read({ FRESHET_TRUSTED_PROXIES: "10.0.0.0/8, ::1,fd00::/8" }).trustedProxies, [
    "10.0.0.0/8",
    "::1",
    "fd00::/8",
  ]);
  assertEquals(read({}).trustedProxies, []);
  for (const wrong of ["proxy", "10.0.0.0/33", "10.0.0", "fd00::/129", "10.0.0.1:80", ","]) {
    assertThrows(() => read({ FRESHET_TRUSTED_PROXIES: wrong }), ConfigError, "FRESHET_TRUSTED_PROXIES is");
  }
});

Deno.test("who is told of alerts is nobody unless it is set, and the address of a webhook is a secret as a whole", () => {
  assertEquals(alertChannels(read({}).alerts), []);
  const hook = "https://hooks.example/services/T0/B0/secret";
  const { alerts, secrets, warnings } = read({
    FRESHET_ALERT_WEBHOOK: hook,
    FRESHET_ALERT_SLACK_WEBHOOK: `${hook}2`,
    FRESHET_ALERT_TOPICS: "true",
    FRESHET_ALERT_SMTP_URL: "smtps://me:p%40ss@mail.example",
    FRESHET_ALERT_MAIL_FROM: "freshet@example.com",
    FRESHET_ALERT_MAIL_TO: "a@example.com, b@example.com",
    FRESHET_ALERT_ALERTMANAGER_URL: "http://alertmanager:9093",
  });
  assertEquals(alertChannels(alerts), ["webhook", "slack", "mail", "topic", "alertmanager"]);
  assertEquals(alerts.mail?.to, ["a@example.com", "b@example.com"]);
  for (const secret of [hook, `${hook}2`, "p@ss"]) assert(secrets.includes(secret), secret);
  assertStringIncludes(warnings.join(), "FRESHET_ALERT_WEBHOOK set without FRESHET_ALERT_WEBHOOK_SECRET");
  for (const secret of ["whsec_", "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!", "whsec_AAAA", "too short"]) {
    assertThrows(
      () => read({ FRESHET_ALERT_WEBHOOK: "https://ops.example/hook", FRESHET_ALERT_WEBHOOK_SECRET: secret }),
      ConfigError,
      "FRESHET_ALERT_WEBHOOK_SECRET",
    );
  }
  assertThrows(
    () => read({ FRESHET_ALERT_SMTP_URL: "smtp://mail.example", FRESHET_ALERT_MAIL_FROM: "me@example.com" }),
    ConfigError,
    "FRESHET_ALERT_MAIL_TO is missing: FRESHET_ALERT_SMTP_URL is set",
  );
  const error = assertThrows(
    () => read({ FRESHET_ALERT_WEBHOOK: "hooks.example/secret" }),
    ConfigError,
    "has not the right",
  );
  assert(!error.message.includes("hooks.example"), error.message);
});
