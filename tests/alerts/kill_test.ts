// The real program, killed at random times, while who is told of alerts fails, hangs, forgets to answer and goes away: each
// alert is raised once and cleared once, a repeat has the idempotency key of the first, and history is told to nobody.

import { assert, assertEquals } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { checkTold } from "../support/alerts/told_once.ts";
import { history, QUICK_ALERTS, report } from "../support/alerts/episodes.ts";
import { type Mood, Receiver, SECRET } from "../support/alerts/receiver.ts";
import { FRESHET, runningOn } from "../support/shipped.ts";

const ROUNDS = Number(Deno.env.get("FRESHET_KILL_ROUNDS") ?? 4);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? Date.now() % 1_000_000);
const TRAINS_A_ROUND = 4;
const MOODS: readonly Mood[] = ["fails", "hangs", "forgets", "well"];
const HOUR_MS = 3_600_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function program(dataDir: string, receiver: Receiver): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "run", "trains", "--no-simulate"],
    env: {
      ...QUICK_ALERTS,
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_CHECKPOINT_MS: "100",
      FRESHET_ALERT_WEBHOOK: receiver.url,
      FRESHET_ALERT_WEBHOOK_SECRET: SECRET,
      FRESHET_ALERT_TOPICS: "true",
      FRESHET_ALERT_TIMEOUT_MS: "500",
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

Deno.test(`alerts: ${ROUNDS} kills and a receiver in every mood, and each is raised once and cleared once`, async () => {
  console.log(`seed ${SEED} (FRESHET_SEED=${SEED} repeats it)`);
  const random = new Random(SEED);
  const dataDir = await Deno.makeTempDir();
  await using receiver = new Receiver();
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic: "ats_telemetry", partitions: 2 }]);
    await log.produce("ats_telemetry", history(5, Date.now() - 3 * HOUR_MS));
    let child = program(dataDir, receiver);
    await runningOn(dataDir);
    for (let round = 0; round < ROUNDS; round++) {
      receiver.mood = MOODS[round % MOODS.length]!;
      if (round % MOODS.length === 3) await receiver.stop();
      for (let i = 0; i < TRAINS_A_ROUND; i++) {
        await log.produce("ats_telemetry", [report(`T${round}-${i}`, Date.now(), true)]);
        await sleep(random.next() * 300);
      }
      await sleep(random.next() * 3_000);
      child.kill("SIGKILL");
      await child.status;
      if (round % MOODS.length === 3) receiver.start();
      child = program(dataDir, receiver);
      await runningOn(dataDir);
    }
    receiver.mood = "well";
    const expected = ROUNDS * TRAINS_A_ROUND;
    await receiver.untilTold(2 * expected);
    // What came after what was waited for would be one too many.
    await sleep(1_500);
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
    await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
    const { repeats } = await checkTold(receiver, warehouse, { expected, old: 5 });
    console.log(
      `${expected} alerts, ${receiver.received.length} messages, ${repeats} of them repeats, ${receiver.asked} requests`,
    );
    const [topic] = await log.topics(["trains.alerts"]);
    assertEquals(topic!.partitions.length, 1);
    assert(receiver.asked > receiver.distinct.length, "the receiver must have failed");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
