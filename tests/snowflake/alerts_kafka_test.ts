// Two processes of one group that tell one webhook of alerts, killed at random times, while the receiver fails, hangs, forgets to
// answer and goes away: each alert is raised once and cleared once, by the idempotency key, and history is told to nobody.

import { assert } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { Random } from "../../simulators/random.ts";
import { history, QUICK_ALERTS, report } from "../support/alerts/episodes.ts";
import { type Mood, Receiver, SECRET } from "../support/alerts/receiver.ts";
import { checkTold } from "../support/alerts/told_once.ts";
import { domainOf } from "../support/domains.ts";
import { kafkaFixture, openOn } from "../support/kafka/fixture.ts";
import { AS_SHIPPED } from "../support/shipped.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import type { AlertMember } from "./alert_member.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 4);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const TRAINS_A_ROUND = 6;
const MOODS: readonly Mood[] = ["fails", "hangs", "forgets", "well"];
const HOUR_MS = 3_600_000;

const noSnowflake = await whyNoSnowflake();
const kafka = await kafkaFixture("alerts of two processes from Kafka to Snowflake");
const double = kafka.skip ?? noSnowflake ? undefined : await startSnowflake({ inProgressAfterMs: 1_000 });
Deno.test.afterAll(async () => await double?.stop());

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function start(member: AlertMember): Deno.ChildProcess {
  const args = [...AS_SHIPPED, "tests/snowflake/alert_member.ts", JSON.stringify(member)];
  return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "null", stderr: "inherit" }).spawn();
}

kafka.test(
  `snowflake: two processes killed ${ROUNDS} times raise each alert once and clear it once`,
  async (broker) => {
    console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats it)`);
    const random = new Random(SEED);
    const { topic, sql } = domainOf("trains");
    await using receiver = new Receiver();
    await using schema = await ownSchema(double!, { lockSeconds: 2, abandonedSeconds: 4 });
    await using warehouse = await schema.open();
    await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: sql }]);
    await using log = await openOn(broker);
    await log.createTopics([{ topic, partitions: 4 }]);
    await log.produce(topic, history(5, Date.now() - 3 * HOUR_MS));
    const member: AlertMember = {
      brokers: broker.listeners.plaintext,
      snowflake: schema.options,
      settings: {
        ...QUICK_ALERTS,
        FRESHET_ALERT_WEBHOOK: receiver.url,
        FRESHET_ALERT_WEBHOOK_SECRET: SECRET,
        FRESHET_ALERT_TIMEOUT_MS: "500",
      },
    };
    const members = [start(member), start(member)];
    try {
      for (let round = 0; round < ROUNDS; round++) {
        receiver.mood = MOODS[round % MOODS.length]!;
        if (round % MOODS.length === 3) await receiver.stop();
        for (let i = 0; i < TRAINS_A_ROUND; i++) {
          await log.produce(topic, [report(`T${round}-${i}`, Date.now(), true)]);
          await sleep(random.next() * 1_000);
        }
        await sleep(random.next() * 6_000);
        const victims = random.next() < 0.3 ? [0, 1] : [Math.floor(random.next() * 2)];
        for (const victim of victims) {
          members[victim]!.kill("SIGKILL");
          await members[victim]!.status;
          members[victim] = start(member);
        }
        if (round % MOODS.length === 3) receiver.start();
      }
      receiver.mood = "well";
      const expected = ROUNDS * TRAINS_A_ROUND;
      await receiver.untilTold(2 * expected);
      await sleep(3_000);
      const { repeats } = await checkTold(receiver, warehouse, { expected, old: 5 });
      console.log(
        `${expected} alerts, ${receiver.received.length} messages, ${repeats} of them repeats, ${receiver.asked} requests`,
      );
      assert(receiver.asked > receiver.distinct.length, "the receiver must have failed");
    } finally {
      for (const child of members) {
        child.kill("SIGKILL");
        await child.status;
      }
    }
  },
  noSnowflake,
);
