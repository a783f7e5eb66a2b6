// Mutual TLS against a real broker: the client certificate by its settings, and what is said of one that is wrong. From
// settings as people write them to records that come back.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { readConfig } from "../../src/config/mod.ts";
import { ConfigError, type FreshetError, LogRefusedError } from "../../src/errors.ts";
import { kafkaSettings } from "../../src/kafka_settings.ts";
import type { KafkaSettings } from "../../src/log/kafka.ts";
import { issueCertificate } from "../support/certificates.ts";
import type { KafkaBroker } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { run } from "../support/kafka/jars.ts";
import { readAll, text, topicName } from "../contracts/log/place.ts";

const PHRASE = "hush hush";

const kafka = await kafkaFixture("mutual TLS", {
  listeners: async (folder) => {
    await issueCertificate(folder, { name: "client" });
    await issueCertificate(folder, { name: "stranger", authority: "other" });
    await issueCertificate(folder, { name: "late", days: -1 });
    const expired = await issueCertificate(folder, { name: "expired", days: -1, server: true });
    const key = await run("openssl", ["pkcs8", "-topk8", "-nocrypt", "-in", expired.keyPath]);
    await Deno.writeTextFile(`${folder}/expired-store.pem`, key + expired.cert);
    await run("openssl", [
      ...["pkcs8", "-topk8", "-v2", "aes256", "-in", `${folder}/client.key`, "-out", `${folder}/locked.key`],
      ...["-passout", `pass:${PHRASE}`],
    ]);
    return {
      MUTUAL: {
        protocol: "SSL",
        settings: {
          "ssl.client.auth": "required",
          "ssl.truststore.type": "PEM",
          "ssl.truststore.location": `${folder}/ca.pem`,
        },
      },
      EXPIRED: { protocol: "SSL", settings: { "ssl.keystore.location": `${folder}/expired-store.pem` } },
    };
  },
});

type Environment = Readonly<Record<string, string>>;

/** Settings as people give them, for the listener that wants a certificate. */
function environment({ folder, further }: KafkaBroker, own: Environment): Environment {
  return { KAFKA_BROKERS: further.MUTUAL!, KAFKA_SSL_CA_FILE: `${folder}/ca.pem`, ...own };
}

async function settingsOf(environment: Environment): Promise<KafkaSettings> {
  return await kafkaSettings(readConfig(environment, []).kafka!, systemClock);
}

const working: readonly (readonly [name: string, own: (folder: string) => Environment])[] = [
  ["a certificate and its key", (folder) => ({
    KAFKA_SSL_CERT_FILE: `${folder}/client.pem`,
    KAFKA_SSL_KEY_FILE: `${folder}/client.key`,
  })],
  ["a certificate and a key with a pass phrase", (folder) => ({
    KAFKA_SSL_CERT_FILE: `${folder}/client.pem`,
    KAFKA_SSL_KEY_FILE: `${folder}/locked.key`,
    KAFKA_SSL_KEY_PASSWORD: PHRASE,
  })],
];

for (const [name, own] of working) {
  kafka.eachClient(
    `${name}: producing and reading work where the broker wants a certificate`,
    async (broker, openOn) => {
      const settings = await settingsOf(environment(broker, own(broker.folder)));
      await using log = await openOn(broker, settings);
      const topic = topicName();
      await log.createTopics([{ topic, partitions: 1 }]);
      await log.produce(topic, [{ value: "shown" }]);
      const [batch] = await readAll(log, topic, 1);
      assertEquals(text(batch!.records[0]!.value), "shown");
    },
  );
}

type Refusal = readonly [
  name: string,
  own: (broker: KafkaBroker) => Environment,
  error: new (message: string) => FreshetError,
  ...says: string[],
];

const pair = (cert: string, key = cert) => ({ folder }: KafkaBroker): Environment => ({
  KAFKA_SSL_CERT_FILE: `${folder}/${cert}.pem`,
  KAFKA_SSL_KEY_FILE: `${folder}/${key}.key`,
});

const failing: readonly Refusal[] = [
  [
    "no certificate where the broker wants one",
    () => ({}),
    LogRefusedError,
    "wants a client certificate",
    "KAFKA_SSL_CERT_FILE",
  ],
  ["a certificate of another authority", pair("stranger"), LogRefusedError, "does not trust", "KAFKA_SSL_CERT_FILE"],
  ["an expired certificate", pair("late"), ConfigError, "KAFKA_SSL_CERT_FILE", "was valid until", "renew"],
  ["a key of another certificate", pair("client", "stranger"), ConfigError, "KAFKA_SSL_KEY_FILE", "does not belong"],
  ["a key with a pass phrase that is not set", pair("client", "locked"), ConfigError, "set KAFKA_SSL_KEY_PASSWORD"],
  [
    "a wrong pass phrase",
    (broker) => ({ ...pair("client", "locked")(broker), KAFKA_SSL_KEY_PASSWORD: "wrong" }),
    ConfigError,
    "check KAFKA_SSL_KEY_PASSWORD",
  ],
  [
    "the key where the certificate is expected",
    ({ folder }) => ({ KAFKA_SSL_CERT_FILE: `${folder}/client.key`, KAFKA_SSL_KEY_FILE: `${folder}/client.key` }),
    ConfigError,
    "KAFKA_SSL_CERT_FILE",
    "holds no certificate",
  ],
  [
    "the certificate where the key is expected",
    ({ folder }) => ({ KAFKA_SSL_CERT_FILE: `${folder}/client.pem`, KAFKA_SSL_KEY_FILE: `${folder}/client.pem` }),
    ConfigError,
    "KAFKA_SSL_KEY_FILE",
    "holds no private key",
  ],
  ["a key file that is not there", pair("client", "nobody"), ConfigError, "KAFKA_SSL_KEY_FILE", "cannot be read"],
  [
    "a CA file without a certificate",
    ({ folder }) => ({ KAFKA_SSL_CA_FILE: `${folder}/client.key` }),
    ConfigError,
    "KAFKA_SSL_CA_FILE",
    "holds no certificate",
  ],
  [
    "a server whose certificate has expired",
    ({ further }) => ({ KAFKA_BROKERS: further.EXPIRED! }),
    LogRefusedError,
    "is not valid now",
    "renew",
  ],
];

for (const [name, own, expected, ...says] of failing) {
  kafka.eachClient(`${name}: the error says so, and what to do`, async (broker, openOn) => {
    const error = await assertRejects(async () => {
      const settings = await settingsOf(environment(broker, own(broker)));
      await using log = await openOn(broker, settings);
      await log.topics();
    }, expected);
    for (const part of says) assertStringIncludes(error.message, part);
  });
}

kafka.eachClient(
  "a certificate that expires while nobody looks is named by what the broker says",
  async (broker, openOn) => {
    const { folder, further } = broker;
    const [ca, cert, key] = await Promise.all(
      ["ca.pem", "late.pem", "late.key"].map((name) => Deno.readTextFile(`${folder}/${name}`)),
    );
    await using log = await openOn(broker, { brokers: [further.MUTUAL!], ssl: { ca, cert, key } });
    const error = await assertRejects(() => log.topics(), LogRefusedError, "expired");
    assertStringIncludes(error.message, "KAFKA_SSL_CERT_FILE");
    assert(!Deno.inspect(error).includes("PRIVATE KEY"));
  },
);
