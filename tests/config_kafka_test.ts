// The settings of Kafka and of Confluent Cloud: what they describe, and what is said of those that are wrong.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readConfig } from "../src/config/mod.ts";
import { ConfigError } from "../src/errors.ts";

const read = (environment: Record<string, string>) => readConfig(environment, []);

Deno.test("Kafka is described by its settings, KAFKA_BROKER being another name for KAFKA_BROKERS", () => {
  const sasl = { KAFKA_SASL_MECHANISM: "SCRAM-SHA-512", KAFKA_SASL_USERNAME: "me", KAFKA_SASL_PASSWORD: "pa55" };
  assertEquals(read({ KAFKA_BROKERS: "a:9092, b:9093", KAFKA_SSL_CA_FILE: "ca.pem", ...sasl }).kafka, {
    brokers: ["a:9092", "b:9093"],
    clientId: "freshet",
    ssl: true,
    caFile: "ca.pem",
    clientCertificate: undefined,
    sasl: { mechanism: "scram-sha-512", username: "me", password: "pa55" },
  });
  assertEquals(read({ KAFKA_BROKER: "c:1" }).kafka?.brokers, ["c:1"]);
  assertEquals(read({ KAFKA_BOOTSTRAP_SERVERS: "d:1,e:1" }).kafka?.brokers, ["d:1", "e:1"]);
  assertEquals(read({ KAFKA_BOOTSTRAP_SERVER: "f:1" }).kafka?.brokers, ["f:1"]);
  assertEquals(read({ KAFKA_BOOTSTRAP_SERVERS: "d:1", KAFKA_BROKERS: "a:1" }).kafka?.brokers, ["a:1"]);
  assertEquals(read({ KAFKA_BROKERS: "a:1", KAFKA_BROKER: "c:1" }).kafka?.brokers, ["a:1"]);
  assertEquals(read({ KAFKA_SSL: "true" }).warnings.length, 1);
});

Deno.test("an IPv6 broker is refused at once for the client that does not take it", () => {
  assertThrows(() => read({ KAFKA_BROKERS: "a:9092,[::1]:9092" }), ConfigError, "KAFKA_CLIENT=platformatic");
  assertThrows(
    () => read({ KAFKA_BOOTSTRAP_SERVERS: "[::1]:9092" }),
    ConfigError,
    "KAFKA_BOOTSTRAP_SERVERS has an IPv6",
  );
  assertEquals(read({ KAFKA_BROKERS: "[::1]:9092", KAFKA_CLIENT: "platformatic" }).kafka?.brokers, ["[::1]:9092"]);
});

const BEARER = {
  KAFKA_BROKERS: "a:9092",
  KAFKA_SASL_MECHANISM: "OAUTHBEARER",
  KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: "https://idp.example/oauth2/token/?p=1",
  KAFKA_SASL_OAUTHBEARER_CLIENT_ID: "me",
  KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: "s3cret",
};

Deno.test("OAUTHBEARER is described by a token endpoint and a client, of which the secret is one", () => {
  const { kafka, secrets, warnings } = read({
    ...BEARER,
    KAFKA_SASL_OAUTHBEARER_SCOPE: "a b",
    KAFKA_SASL_OAUTHBEARER_EXTENSIONS: "logicalCluster=lkc-1, identityPoolId=pool-1",
  });
  assertEquals(kafka?.sasl, {
    mechanism: "oauthbearer",
    tokenEndpointUrl: "https://idp.example/oauth2/token/?p=1",
    clientId: "me",
    clientSecret: "s3cret",
    scope: "a b",
    extensions: { logicalCluster: "lkc-1", identityPoolId: "pool-1" },
    caFile: undefined,
  });
  assertEquals([secrets, warnings], [["s3cret"], []]);
  const plain = read({ ...BEARER, KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: "http://idp.example/token" });
  assertStringIncludes(plain.warnings.join(), "the client secret goes unencrypted");
});

Deno.test("MSK by IAM needs nothing but the region, and TLS is on by itself", () => {
  const { kafka } = read({ KAFKA_BROKERS: "a:9098", KAFKA_SASL_MECHANISM: "AWS_MSK_IAM", AWS_REGION: "eu-central-1" });
  assertEquals([kafka?.ssl, kafka?.sasl], [true, { mechanism: "aws-msk-iam", region: "eu-central-1" }]);
});

Deno.test("mutual TLS is described by a certificate and its key", () => {
  const files = { KAFKA_SSL_CERT_FILE: "me.pem", KAFKA_SSL_KEY_FILE: "me.key", KAFKA_SSL_KEY_PASSWORD: "hush" };
  const { kafka, secrets } = read({ KAFKA_BROKERS: "a:9093", ...files });
  assertEquals([kafka?.ssl, kafka?.clientCertificate, secrets], [
    true,
    { certFile: "me.pem", keyFile: "me.key", keyPassword: "hush" },
    ["hush"],
  ]);
});

Deno.test("settings of another login than the one that is set are doubted", () => {
  assertEquals(read({ ...BEARER, KAFKA_SASL_USERNAME: "me" }).warnings, [
    "KAFKA_SASL_MECHANISM is oauthbearer, which does not use KAFKA_SASL_USERNAME",
  ]);
});

const WRONG_LOGINS: readonly (readonly [string, Record<string, string>])[] = [
  ["KAFKA_SASL_PASSWORD is missing: KAFKA_SASL_MECHANISM is plain", {
    KAFKA_SASL_MECHANISM: "plain",
    KAFKA_SASL_USERNAME: "u",
  }],
  ["KAFKA_SASL_MECHANISM is missing", { KAFKA_SASL_PASSWORD: "s3cret" }],
  ["KAFKA_SASL_MECHANISM is missing: KAFKA_SASL_OAUTHBEARER_CLIENT_ID is set, expected oauthbearer", {
    KAFKA_SASL_OAUTHBEARER_CLIENT_ID: "me",
  }],
  ["KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET is missing", { ...BEARER, KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: "" }],
  ["KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL is missing", { KAFKA_SASL_MECHANISM: "oauthbearer" }],
  ["AWS_REGION is missing", { KAFKA_SASL_MECHANISM: "aws-msk-iam" }],
  ["expected true, because aws-msk-iam wants TLS", {
    KAFKA_SASL_MECHANISM: "aws-msk-iam",
    AWS_REGION: "eu-central-1",
    KAFKA_SSL: "false",
  }],
  ["KAFKA_SSL_KEY_FILE is missing: KAFKA_SSL_CERT_FILE is set", { KAFKA_SSL_CERT_FILE: "me.pem" }],
  ["KAFKA_SSL_CERT_FILE is missing: KAFKA_SSL_KEY_FILE is set", { KAFKA_SSL_KEY_FILE: "me.key" }],
  ["KAFKA_SSL_CERT_FILE is missing: KAFKA_SSL_KEY_PASSWORD is set", { KAFKA_SSL_KEY_PASSWORD: "s3cret" }],
  ["expected true, because KAFKA_SSL_CERT_FILE is set", {
    KAFKA_SSL: "no",
    KAFKA_SSL_CERT_FILE: "me.pem",
    KAFKA_SSL_KEY_FILE: "me.key",
  }],
];

for (const [says, environment] of WRONG_LOGINS) {
  Deno.test(`a login to Kafka by ${Object.keys(environment)} is refused: ${says}`, () => {
    const error = assertThrows(() => read(environment), ConfigError, says);
    assert(!error.message.includes("s3cret"), error.message);
  });
}

const CONFLUENT = { CONFLUENT_BOOTSTRAP: "pkc-1.example:9092", CONFLUENT_API_KEY: "K", CONFLUENT_API_SECRET: "s3cret" };

Deno.test("Confluent Cloud is Kafka over TLS with a login by API key", () => {
  const { kafka, secrets, warnings } = read({ ...CONFLUENT, KAFKA_CLIENT_ID: "me", KAFKA_SSL_CA_FILE: "ca.pem" });
  assertEquals(kafka, {
    brokers: ["pkc-1.example:9092"],
    clientId: "me",
    ssl: true,
    caFile: "ca.pem",
    clientCertificate: undefined,
    sasl: { mechanism: "plain", username: "K", password: "s3cret" },
    settingNames: { brokers: "CONFLUENT_BOOTSTRAP", login: "CONFLUENT_API_KEY and CONFLUENT_API_SECRET" },
  });
  assertEquals([secrets, warnings], [["s3cret"], []]);
});

const WRONG_CONFLUENT: readonly (readonly [string, Record<string, string>])[] = [
  ["CONFLUENT_API_SECRET is missing", { CONFLUENT_BOOTSTRAP: "b:1", CONFLUENT_API_KEY: "K" }],
  ["CONFLUENT_BOOTSTRAP is missing", { CONFLUENT_API_KEY: "K", CONFLUENT_API_SECRET: "s3cret" }],
  ["expected one Kafka", { ...CONFLUENT, KAFKA_BROKERS: "b:1" }],
  ["expected one Kafka", {
    ...CONFLUENT,
    KAFKA_SASL_MECHANISM: "plain",
    KAFKA_SASL_USERNAME: "u",
    KAFKA_SASL_PASSWORD: "s3cret",
  }],
  ["expected one Kafka", { ...CONFLUENT, KAFKA_SSL_CERT_FILE: "me.pem", KAFKA_SSL_KEY_FILE: "me.key" }],
  ["KAFKA_SSL is", { ...CONFLUENT, KAFKA_SSL: "false" }],
  ["host:port", { ...CONFLUENT, CONFLUENT_BOOTSTRAP: "https://pkc-1.example" }],
];

for (const [says, environment] of WRONG_CONFLUENT) {
  Deno.test(`Confluent Cloud by ${Object.keys(environment)} is refused: ${says}`, () => {
    const error = assertThrows(() => read(environment), ConfigError, says);
    assert(!error.message.includes("s3cret"), error.message);
  });
}
