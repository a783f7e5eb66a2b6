// Two processes from a real Kafka broker to the double, killed again and again, with faults at any statement.

import { kafkaFixture } from "../support/kafka/fixture.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { killRounds, ROUNDS } from "./kill_rounds.ts";

const noSnowflake = await whyNoSnowflake();
const kafka = await kafkaFixture("kill rounds from Kafka to Snowflake");
const double = kafka.skip ?? noSnowflake ? undefined : await startSnowflake({ inProgressAfterMs: 1_000 });
Deno.test.afterAll(async () => await double?.stop());

kafka.test(
  `snowflake: two processes killed ${ROUNDS} times, with faults at any statement, leave no gap, no duplicate and right tables`,
  (broker) =>
    killRounds({ broker, double: double! }, { processes: 2, options: {}, settings: {}, aims: [], faults: [] }),
  noSnowflake,
);
