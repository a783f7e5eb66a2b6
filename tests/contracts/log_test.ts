// Runs the log contract against the embedded log, and against a real Kafka broker where one can be started.

import { systemClock } from "../../src/clock.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import { KAFKA_CLIENTS } from "../../src/log/kafka/settings.ts";
import { openRegisteredLog } from "../../src/log/registered_log.ts";
import { damageEmbedded } from "../support/embedded_damage.ts";
import { KafkaBroker } from "../support/kafka/broker.ts";
import { whyNoKafka } from "../support/kafka/jars.ts";
import { damageBatch, flipBit } from "../support/kafka/segment.ts";
import { StandInRegistry } from "../support/registry/stand_in.ts";
import { logContract } from "./log_contract.ts";

logContract({
  name: "embedded",
  sessionTimeoutMs: 1_000,
  async place() {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet-log-" });
    const options = { dataDir, sessionTimeoutMs: 1_000 };
    return {
      open: () => openEmbeddedLog(options),
      damage: (topic, partition, offset) => damageEmbedded(dataDir, { topic, partition, offset }),
      member: { kind: "embedded", ...options },
      [Symbol.asyncDispose]: () => Deno.remove(dataDir, { recursive: true }),
    };
  },
});

logContract({
  name: "embedded with a Schema Registry",
  sessionTimeoutMs: 1_000,
  async place() {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet-log-" });
    const options = { dataDir, sessionTimeoutMs: 1_000 };
    const registry = StandInRegistry.start();
    return {
      open: async () =>
        openRegisteredLog({
          log: await openEmbeddedLog(options),
          registry: { url: registry.url },
          schemas: new Map(),
          clock: systemClock,
          onWarning: () => {},
        }),
      damage: (topic, partition, offset) => damageEmbedded(dataDir, { topic, partition, offset }),
      member: { kind: "embedded", ...options },
      async [Symbol.asyncDispose]() {
        await registry[Symbol.asyncDispose]();
        await Deno.remove(dataDir, { recursive: true });
      },
    };
  },
});

const skip = await whyNoKafka();
const broker = skip === undefined ? await KafkaBroker.start() : undefined;
Deno.test.afterAll(async () => await broker?.[Symbol.asyncDispose]());

for (const client of KAFKA_CLIENTS) {
  logContract({
    name: `kafka by ${client}`,
    skip,
    sessionTimeoutMs: 3_000,
    place() {
      const settings = {
        client,
        brokers: [broker!.listeners.plaintext],
        sessionTimeoutMs: 3_000,
        rebalanceTimeoutMs: 5_000,
      };
      return Promise.resolve({
        open: () => openKafkaLog({ settings }),
        damage: (topic, partition, offset) => damageBatch(broker!, { topic, partition, offset }, flipBit),
        member: { kind: "kafka", ...settings },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
  });
}
