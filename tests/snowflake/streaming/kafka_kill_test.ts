// Three processes from a real Kafka broker to the double, whose raw rows go ahead by Snowpipe Streaming, killed again and again,
// with faults on both ways.

import { kafkaFixture } from "../../support/kafka/fixture.ts";
import { startSnowflake, whyNoSnowflake } from "../../support/snowflake/mod.ts";
import { KEY_USER, STREAMING, STREAMING_SETTINGS } from "../../support/snowflake/streaming/place.ts";
import { killRounds, ROUNDS } from "../kill_rounds.ts";

const noSnowflake = await whyNoSnowflake();
const kafka = await kafkaFixture("kill rounds from Kafka to Snowpipe Streaming");
const double = kafka.skip ?? noSnowflake
  ? undefined
  : await startSnowflake({ users: [KEY_USER], inProgressAfterMs: 1_000 });
Deno.test.afterAll(async () => await double?.stop());

kafka.test(
  `snowpipe streaming: three processes killed ${ROUNDS} times, with faults at any request, leave no gap, no duplicate and right tables`,
  async (broker) => {
    double!.streaming.behaviour.commitMs = 600;
    await killRounds({ broker, double: double! }, {
      processes: 3,
      options: STREAMING,
      settings: STREAMING_SETTINGS,
      aims: [{ request: "open" }, { request: "append" }, { request: "channel status" }],
      faults: [
        { kind: "status", status: 503 },
        { kind: "status", status: 429, retryAfterSeconds: 1 },
        { kind: "status", status: 409 },
        { kind: "cut_before" },
        { kind: "cut_after" },
        { kind: "slow", ms: 1_500 },
        { kind: "lost_under_way" },
        { kind: "token_expired" },
      ],
    });
  },
  noSnowflake,
);
