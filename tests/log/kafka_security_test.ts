// TLS and logins against a real broker, and what the errors say when they are wrong.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type FreshetError, LogRefusedError, LogUnavailableError } from "../../src/errors.ts";
import type { KafkaSettings } from "../../src/log/kafka.ts";
import { type KafkaBroker, USERS } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { readAll, text, topicName } from "../contracts/log/place.ts";

type Settings = Partial<KafkaSettings>;
type Sasl = NonNullable<KafkaSettings["sasl"]>;

const kafka = await kafkaFixture("TLS and logins");

function login(mechanism: "plain" | "scram-sha-256" | "scram-sha-512", wrong = ""): Sasl {
  const [username, password] = mechanism === "plain" ? USERS.plain : USERS.scram;
  return { mechanism, username, password: password + wrong };
}

/** A token as Kafka's own unsecured handler takes it. */
function unsecuredToken(): Promise<string> {
  const encode = (part: unknown) => btoa(JSON.stringify(part)).replaceAll("=", "");
  const now = Math.floor(Date.now() / 1000);
  return Promise.resolve(`${encode({ alg: "none" })}.${encode({ sub: "otto", iat: now, exp: now + 3600 })}.`);
}

const working: readonly (readonly [name: string, settings: (broker: KafkaBroker) => Settings])[] = [
  ["TLS", ({ listeners, certificates: { ca } }) => ({ brokers: [listeners.ssl], ssl: { ca } })],
  ["PLAIN", ({ listeners }) => ({ brokers: [listeners.saslPlaintext], sasl: login("plain") })],
  ["SCRAM-SHA-256", ({ listeners }) => ({ brokers: [listeners.saslPlaintext], sasl: login("scram-sha-256") })],
  ["SCRAM-SHA-512 over TLS", ({ listeners, certificates: { ca } }) => ({
    brokers: [listeners.saslSsl],
    ssl: { ca },
    sasl: login("scram-sha-512"),
  })],
  ["OAUTHBEARER", ({ listeners }) => ({
    brokers: [listeners.saslPlaintext],
    sasl: { mechanism: "oauthbearer", token: unsecuredToken },
  })],
];

for (const [name, settings] of working) {
  kafka.eachClient(`${name}: topics, producing and reading work`, async (broker, openOn) => {
    await using log = await openOn(broker, settings(broker));
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await log.produce(topic, [{ value: "secret" }]);
    const [batch] = await readAll(log, topic, 1);
    assertEquals(text(batch!.records[0]!.value), "secret");
  });
}

type Refusal = readonly [
  name: string,
  settings: (broker: KafkaBroker) => Settings,
  error: new (message: string) => FreshetError,
  advice: string,
];

const failing: readonly Refusal[] = [
  [
    "a wrong password for PLAIN",
    ({ listeners }) => ({ brokers: [listeners.saslPlaintext], sasl: login("plain", "-wrong") }),
    LogRefusedError,
    "KAFKA_SASL_PASSWORD",
  ],
  [
    "a wrong password for SCRAM",
    ({ listeners }) => ({ brokers: [listeners.saslPlaintext], sasl: login("scram-sha-256", "-wrong") }),
    LogRefusedError,
    "KAFKA_SASL_PASSWORD",
  ],
  [
    "a login that the broker does not offer",
    ({ listeners, certificates: { ca } }) => ({
      brokers: [listeners.saslSsl],
      ssl: { ca },
      sasl: login("scram-sha-256"),
    }),
    LogRefusedError,
    "KAFKA_SASL_MECHANISM",
  ],
  [
    "a certificate of another authority",
    ({ listeners, certificates: { otherCa } }) => ({ brokers: [listeners.ssl], ssl: { ca: otherCa } }),
    LogRefusedError,
    "KAFKA_SSL_CA_FILE",
  ],
  [
    "a certificate that the machine does not trust",
    ({ listeners }) => ({ brokers: [listeners.ssl], ssl: true }),
    LogRefusedError,
    "KAFKA_SSL_CA_FILE",
  ],
  [
    "TLS where the broker speaks none",
    ({ listeners, certificates: { ca } }) => ({ brokers: [listeners.plaintext], ssl: { ca } }),
    LogUnavailableError,
    "unset KAFKA_SSL",
  ],
  [
    "no TLS where the broker wants it",
    ({ listeners }) => ({ brokers: [listeners.ssl] }),
    LogUnavailableError,
    "KAFKA_SSL=true",
  ],
  [
    "no login where the broker wants one",
    ({ listeners }) => ({ brokers: [listeners.saslPlaintext] }),
    LogUnavailableError,
    "KAFKA_SASL_MECHANISM",
  ],
  [
    "a login where the port takes none",
    ({ listeners }) => ({ brokers: [listeners.plaintext], sasl: login("plain") }),
    LogRefusedError,
    "takes no login on this port: use its port for SASL_PLAINTEXT, or unset KAFKA_SASL_MECHANISM",
  ],
  [
    "a login over TLS where the port takes none",
    ({ listeners, certificates: { ca } }) => ({ brokers: [listeners.ssl], ssl: { ca }, sasl: login("scram-sha-512") }),
    LogRefusedError,
    "takes no login on this port: use its port for SASL_SSL",
  ],
  [
    "a login without TLS where the broker wants both",
    ({ listeners }) => ({ brokers: [listeners.saslSsl], sasl: login("plain") }),
    LogUnavailableError,
    "if this is a TLS port, set KAFKA_SSL=true",
  ],
  [
    "TLS without a login where the broker wants both",
    ({ listeners, certificates: { ca } }) => ({ brokers: [listeners.saslSsl], ssl: { ca } }),
    LogUnavailableError,
    "it may want a login (KAFKA_SASL_MECHANISM)",
  ],
  [
    "a login and TLS where the broker speaks no TLS",
    ({ listeners, certificates: { ca } }) => ({
      brokers: [listeners.saslPlaintext],
      ssl: { ca },
      sasl: login("plain"),
    }),
    LogUnavailableError,
    "unset KAFKA_SSL",
  ],
  [
    "a broker that nobody runs",
    () => ({ brokers: ["127.0.0.1:1"] }),
    LogUnavailableError,
    "KAFKA_BROKERS",
  ],
  [
    "a host that nobody knows",
    () => ({ brokers: ["broker.invalid:9092"] }),
    LogUnavailableError,
    "KAFKA_BROKERS",
  ],
];

for (const [name, settings, expected, advice] of failing) {
  kafka.eachClient(`${name}: the error says what to do and no secret`, async (broker, openOn) => {
    await using log = await openOn(broker, settings(broker));
    const signal = new AbortController().signal;
    for (const call of [() => log.topics(), () => log.produce("t", [{ value: "x" }]), () => subscribe()]) {
      const error = await assertRejects(call, expected);
      assertStringIncludes(error.message, advice);
      assertNoSecret(error);
    }
    function subscribe() {
      return log.subscribe({ topic: "t", group: "g", signal });
    }
  });
}

function assertNoSecret(error: Error): void {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    for (const [, password] of Object.values(USERS)) assert(!Deno.inspect(cause).includes(password));
  }
}
