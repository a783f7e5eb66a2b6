// What is mended in kafkajs's logins, on one of its own connections to a real broker.

import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import type { AuthenticationProviderArgs } from "kafkajs";
import { LogUnavailableError } from "../../src/errors.ts";
import { errorContext, translateKafkaError } from "../../src/log/kafka/errors.ts";
import { completeSettings } from "../../src/log/kafka/settings.ts";
import { mendKafkaJs } from "../../src/log/kafka/kafkajs/mends.ts";
import { type KafkaBroker, USERS } from "../support/kafka/broker.ts";
import { kafkaFixture } from "../support/kafka/fixture.ts";

interface Protocol {
  readonly request: { encode(): Promise<unknown> };
  readonly response: unknown;
}

/** The parts of kafkajs's connection that are used here. */
interface Connection {
  authenticatedAt: unknown;
  send(protocol: Protocol): Promise<{ readonly brokers: readonly unknown[] }>;
}

interface KafkaJsBroker {
  readonly connectionPool: { readonly pool: readonly Connection[] };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

const kafka = await kafkaFixture("logins of kafkajs", {
  listeners: () =>
    Promise.resolve({
      SESSIONS: {
        protocol: "SASL_PLAINTEXT",
        settings: {
          "sasl.enabled.mechanisms": "PLAIN",
          "plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required " +
            `user_${USERS.plain[0]}="${USERS.plain[1]}";`,
          "plain.connections.max.reauth.ms": "60000",
        },
      },
    }),
});

/** A broker as kafkajs has it, which logs in by PLAIN and calls `onLogin` in the midst of it. */
async function brokerOf({ further }: KafkaBroker, onLogin: () => Promise<void>): Promise<KafkaJsBroker> {
  const [{ default: Broker }, { default: ConnectionPool }, { default: socketFactory }, { default: loggers }] =
    await Promise
      .all([
        import("kafkajs/src/broker/index.js"),
        import("kafkajs/src/network/connectionPool.js"),
        import("kafkajs/src/network/socketFactory.js"),
        import("kafkajs/src/loggers/index.js"),
      ]);
  const logger = loggers.createLogger({ level: loggers.LEVELS.NOTHING, logCreator: () => () => {} });
  const [host, port] = further.SESSIONS!.split(":");
  const said = Buffer.from(`\0${USERS.plain[0]}\0${USERS.plain[1]}`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(said.length);
  const connectionPool = new ConnectionPool({
    ...{ host, port: Number(port), logger, socketFactory: socketFactory() },
    ...{ requestTimeout: 5_000, connectionTimeout: 2_000 },
    sasl: {
      mechanism: "plain",
      authenticationProvider: ({ saslAuthenticate }: AuthenticationProviderArgs) => ({
        async authenticate() {
          await onLogin();
          await saslAuthenticate({ request: { encode: () => Buffer.concat([length, said]) } });
        },
      }),
    },
  });
  return new Broker({ connectionPool, logger }) as KafkaJsBroker;
}

kafka.test("a request that is ready in the midst of a login waits for the end of it", async (broker) => {
  await mendKafkaJs();
  const { default: requests } = await import("kafkajs/src/protocol/requests/index.js");
  const metadata = (): Protocol => requests.requests.Metadata.protocol({ version: 1 })({ topics: [] });
  const ready = Promise.withResolvers<void>();
  let logins = 0;
  const kafkaJsBroker = await brokerOf(broker, async () => {
    logins += 1;
    if (logins === 1) return;
    ready.resolve();
    await new Promise((resolve) => setTimeout(resolve, 100)); // the slow request is ready now, and the login goes on
  });
  await kafkaJsBroker.connect();
  const connection = kafkaJsBroker.connectionPool.pool[0]!;
  const { request, response } = metadata();
  const slow = connection.send({
    request: { ...request, encode: () => ready.promise.then(() => request.encode()) },
    response,
  });
  connection.authenticatedAt = null; // the session is over
  const quick = connection.send(metadata());
  const answers = await Promise.all([slow, quick]);
  assertEquals([answers.map(({ brokers }) => brokers.length), logins], [[1, 1], 2]);
  await kafkaJsBroker.disconnect();
});

for (const lost of ["Closed connection", "Not connected", "Connection timeout"]) {
  Deno.test(`a connection that is lost in the midst of a login (${lost}) is no refusal of the password`, async () => {
    const { default: errors } = await import("kafkajs/src/errors.js");
    const { KafkaJSSASLAuthenticationError } = errors as Record<string, new (message: string) => Error>;
    const thrown = new KafkaJSSASLAuthenticationError!(`SASL SCRAM SHA256 authentication failed: ${lost}`);
    const settings = completeSettings({ brokers: ["b:1"], sasl: { mechanism: "plain", username: "u", password: "p" } });
    assert(translateKafkaError(thrown, errorContext(settings)) instanceof LogUnavailableError);
  });
}
