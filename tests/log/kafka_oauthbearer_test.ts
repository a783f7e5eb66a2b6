// OAUTHBEARER from settings to a real broker that checks the tokens by their issuer's keys, sessions that end in mid-run,
// and what is said when the broker does not take a token.

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { readConfig } from "../../src/config/mod.ts";
import { ConfigError, LogRefusedError, LogUnavailableError } from "../../src/errors.ts";
import { kafkaSettings } from "../../src/kafka_settings.ts";
import type { KafkaSettings } from "../../src/log/kafka.ts";
import type { Generation } from "../../src/log/log.ts";
import { issueCertificate } from "../support/certificates.ts";
import { withAws } from "../support/kafka/aws.ts";
import { type KafkaBroker, USERS } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { CLIENT, TokenEndpoint } from "../support/kafka/token_endpoint.ts";
import { readAll, soon, text, topicName } from "../contracts/log/place.ts";

const endpoint = new TokenEndpoint();
Deno.test.afterAll(async () => await endpoint[Symbol.asyncDispose]());
Deno.test.beforeEach(() => {
  endpoint.lifeSeconds = 3600;
  endpoint.audience = "kafka";
  endpoint.failure = undefined;
  endpoint.asked = 0;
});

/** How long a token lasts where that is tested, and a session without tokens. */
const TOKEN_MS = 3_000;
const SESSION_MS = 1_500;
const SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
const BEARER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;";

const kafka = await kafkaFixture("OAUTHBEARER", {
  java: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${endpoint.jwksUrl}`],
  listeners: async (folder) => {
    await issueCertificate(folder, { name: "idp", server: true });
    return {
      BEARER: {
        protocol: "SASL_PLAINTEXT",
        settings: {
          "sasl.enabled.mechanisms": "OAUTHBEARER",
          "oauthbearer.sasl.jaas.config": BEARER,
          "oauthbearer.sasl.server.callback.handler.class":
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
          "sasl.oauthbearer.jwks.endpoint.url": endpoint.jwksUrl,
          // Kafka's default looks at no signature when the keys are set for one listener (seen in 4.1.1).
          "sasl.oauthbearer.jwt.validator.class": "org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator",
          "sasl.oauthbearer.expected.audience": "kafka",
          "sasl.oauthbearer.expected.issuer": "tests",
          "oauthbearer.connections.max.reauth.ms": "3600000",
        },
      },
      SESSIONS: {
        protocol: "SASL_PLAINTEXT",
        settings: {
          "sasl.enabled.mechanisms": "SCRAM-SHA-256",
          "scram-sha-256.sasl.jaas.config": SCRAM,
          "scram-sha-256.connections.max.reauth.ms": String(SESSION_MS),
        },
      },
    };
  },
});

/** As people write it. */
async function settingsOf(own: Readonly<Record<string, string>> = {}): Promise<KafkaSettings> {
  const environment = {
    KAFKA_BROKERS: "by:1",
    KAFKA_SASL_MECHANISM: "OAUTHBEARER",
    KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: endpoint.url,
    KAFKA_SASL_OAUTHBEARER_CLIENT_ID: CLIENT.id,
    KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: CLIENT.secret,
    ...own,
  };
  return await kafkaSettings(readConfig(environment, []).kafka!, systemClock);
}

kafka.eachClient("one token serves every connection, and the broker knows the client by it", async (broker, openOn) => {
  const settings = await settingsOf({ KAFKA_SASL_OAUTHBEARER_SCOPE: "read write" });
  await using log = await openOn(broker, { ...settings, brokers: [broker.further.BEARER!] });
  const topic = topicName();
  await log.createTopics([{ topic, partitions: 1 }]);
  await log.produce(topic, [{ value: "by token" }]);
  const [batch] = await readAll(log, topic, 1);
  assertEquals(text(batch!.records[0]!.value), "by token");
  assertEquals(endpoint.asked, 1);
  assertEquals(Object.fromEntries(endpoint.form), { grant_type: "client_credentials", scope: "read write" });
});

kafka.eachClient(
  "extensions reach the broker: it refuses those that it does not know by name",
  async (broker, openOn) => {
    // Kafka's own handler takes any and ignores them, but refuses a name that the standard has for itself.
    const settings = await settingsOf({
      KAFKA_SASL_OAUTHBEARER_EXTENSIONS: "logicalCluster=lkc-1,identityPoolId=pool-1",
    });
    await using log = await openOn(broker, { ...settings, brokers: [broker.further.BEARER!] });
    await log.topics();
    const { sasl } = settings;
    assert(sasl?.mechanism === "oauthbearer");
    const own = { ...sasl, extensions: { auth: "me" } };
    await using other = await openOn(broker, { sasl: own, brokers: [broker.further.BEARER!] });
    await assertRejects(() => other.topics(), LogRefusedError);
  },
);

kafka.eachClient(
  "a token that the broker does not take is a refusal that names what to check",
  async (broker, openOn) => {
    endpoint.audience = "somebody else";
    const settings = await settingsOf();
    await using log = await openOn(broker, { ...settings, brokers: [broker.further.BEARER!] });
    const error = await assertRejects(
      () => log.topics(),
      LogRefusedError,
      "refused the token of the login (invalid_token)",
    );
    for (const part of ["KAFKA_SASL_OAUTHBEARER_SCOPE", "audience", "clocks"]) {
      assertStringIncludes(
        error.message,
        part,
      );
    }
    assert(!Deno.inspect(error).includes(CLIENT.secret) && !/eyJ/.test(Deno.inspect(error)));
  },
);

kafka.eachClient("a token endpoint that is away is waited for, and one that refuses is not", async (broker, openOn) => {
  const settings = await settingsOf();
  await using log = await openOn(broker, { ...settings, brokers: [broker.further.BEARER!] });
  endpoint.failure = () => new Response("<html>busy</html>", { status: 503 });
  await assertRejects(() => log.topics(), LogUnavailableError, "has trouble (503)");
  endpoint.failure = () => Response.json({ error: "invalid_client" }, { status: 401 });
  await assertRejects(() => log.topics(), LogRefusedError, "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET");
  endpoint.failure = undefined;
  await log.topics();
});

kafka.test("the CA of the token endpoint is taken from its file, and missed by name", async (broker) => {
  const { folder } = broker;
  const [cert, key] = await Promise.all(
    [`${folder}/idp.pem`, `${folder}/idp.key`].map((path) => Deno.readTextFile(path)),
  );
  await using own = new TokenEndpoint({ cert, key });
  const url = { KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: own.url };
  const trusting = await settingsOf({ ...url, KAFKA_SASL_OAUTHBEARER_CA_FILE: `${folder}/ca.pem` });
  assert(trusting.sasl?.mechanism === "oauthbearer");
  assertMatch(await trusting.sasl.token(), /^eyJ/);
  const { sasl } = await settingsOf(url);
  assert(sasl?.mechanism === "oauthbearer");
  await assertRejects(sasl.token, LogRefusedError, "set KAFKA_SASL_OAUTHBEARER_CA_FILE");
  const { cert: oldCert, key: oldKey } = await issueCertificate(folder, { name: "old-idp", server: true, days: -1 });
  await using old = new TokenEndpoint({ cert: oldCert, key: oldKey });
  const expired = await settingsOf({
    KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: old.url,
    KAFKA_SASL_OAUTHBEARER_CA_FILE: `${folder}/ca.pem`,
  });
  assert(expired.sasl?.mechanism === "oauthbearer");
  await assertRejects(expired.sasl.token, LogRefusedError, "is not valid now: renew it");
  const wrong = settingsOf({ ...url, KAFKA_SASL_OAUTHBEARER_CA_FILE: `${folder}/idp.key` });
  await assertRejects(() => wrong, ConfigError, "which holds no certificate");
});

kafka.eachClient(
  "a token for MSK goes over the wire as OAUTHBEARER: a broker that is none of MSK's refuses it",
  async (broker, openOn) => {
    const environment = { KAFKA_BROKERS: "by:1", KAFKA_SASL_MECHANISM: "aws-msk-iam", AWS_REGION: "eu-central-1" };
    await withAws({ AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cret" }, async () => {
      const settings = await kafkaSettings(readConfig(environment, []).kafka!, systemClock);
      await using log = await openOn(broker, { ...settings, brokers: [broker.further.BEARER!], ssl: false });
      const error = await assertRejects(
        () => log.topics(),
        LogRefusedError,
        "refused the token of the login (invalid_token)",
      );
      assertStringIncludes(error.message, "AWS_REGION");
      assert(!Deno.inspect(error).includes("s3cret"));
    });
  },
);

kafka.eachClient(
  "a token endpoint that is away for longer than a session: reading goes on when it is back, without a gap",
  async (broker, openOn) => {
    endpoint.lifeSeconds = TOKEN_MS / 1000;
    await using log = await openOn(broker, { ...await settingsOf(), brokers: [broker.further.BEARER!] });
    const topic = topicName();
    await log.createTopics([{ topic, partitions: 1 }]);
    await using subscription = await log.subscribe({ topic, group: topicName(), signal: new AbortController().signal });
    let generation = await soon(subscription.nextGeneration(), "A generation");
    await generation.start(new Map([[0, 0]]));
    await log.produce(topic, [{ value: "before" }]);
    const got: string[] = [];
    while (got.length < 1) got.push(...await readOnce(generation));
    endpoint.failure = () => new Response("busy", { status: 503 });
    await assertRejects(
      async () => {
        for (;;) {
          await log.produce(topic, [{ value: "lost" }]).then(() => got.push("lost"), (error: Error) => {
            // A session that ends just now may be the first that a call hears of.
            if (!error.message.includes("closed the connection")) throw error;
          });
        }
      },
      LogUnavailableError,
      "has trouble (503)",
    );
    endpoint.failure = undefined;
    await log.produce(topic, [{ value: "after" }]);
    const before = got.splice(0);
    while (!got.includes("after")) {
      if (generation.signal.aborted) {
        generation = await soon(subscription.nextGeneration(), "A new generation");
        await generation.start(new Map([[0, 1]]));
        got.length = 0;
      }
      got.push(...await soon(readOnce(generation), "Records").catch(() => []));
    }
    assertEquals(got, [...before.slice(1), "after"]);
  },
);

type Place = readonly [name: string, settings: (broker: KafkaBroker) => Promise<Partial<KafkaSettings>>];

const ending: readonly Place[] = [
  ["tokens that last three seconds", async ({ further }) => {
    endpoint.lifeSeconds = TOKEN_MS / 1000;
    return { ...await settingsOf(), brokers: [further.BEARER!] };
  }],
  ["SCRAM on a broker that wants it anew again and again", ({ further }) =>
    Promise.resolve({
      brokers: [further.SESSIONS!],
      sasl: { mechanism: "scram-sha-256", username: USERS.scram[0], password: USERS.scram[1] },
    })],
];

for (const [name, settings] of ending) {
  kafka.eachClient(
    `${name}: reading, producing and the group go on without a gap through several sessions`,
    async (broker, openOn) => {
      const warnings: string[] = [];
      await using log = await openOn(broker, await settings(broker), (message) => warnings.push(message));
      const topic = topicName();
      await log.createTopics([{ topic, partitions: 2 }]);
      const stop = new AbortController();
      const subscription = await log.subscribe({ topic, group: topicName(), signal: stop.signal });
      const generation = await soon(subscription.nextGeneration(), "A generation");
      await generation.start(new Map([[0, 0], [1, 0]]));
      const sent: string[] = [];
      const until = Date.now() + 3 * TOKEN_MS;
      const got: string[] = [];
      while (Date.now() < until) {
        const value = `record ${sent.length}`;
        await log.produce(topic, [{ value, partition: sent.length % 2 }]);
        sent.push(value);
        got.push(...await readOnce(generation));
      }
      // The producer is silent for longer than its session.
      for (const silentUntil = Date.now() + 1.2 * TOKEN_MS; Date.now() < silentUntil;) {
        got.push(...await readOnce(generation));
      }
      sent.push("after a silence");
      await log.produce(topic, [{ value: "after a silence" }]);
      while (got.length < sent.length) got.push(...await soon(readOnce(generation), "The last records"));
      assertEquals(got.toSorted(), sent.toSorted());
      assert(!generation.signal.aborted, "the generation ended");
      await generation.commit(new Map([[0, 1]]));
      assert(sent.length > 20);
      assertEquals(warnings, []);
      if (name.startsWith("tokens")) assert(endpoint.asked > 8, `${endpoint.asked} tokens for three connections`);
      stop.abort();
      await subscription[Symbol.asyncDispose]();
    },
  );
}

async function readOnce(generation: Generation): Promise<string[]> {
  const batch = await generation.next(100);
  return batch?.records.map(({ value }) => text(value)!) ?? [];
}
