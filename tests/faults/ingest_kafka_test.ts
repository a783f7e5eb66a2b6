// The real program with a real broker that goes and comes back while events come in over HTTP: /health says so in time,
// nobody waits for ever, and what was acknowledged is in the topic where the answer said.

import { assert, assertEquals } from "@std/assert";
import { kafkaFixture } from "../support/kafka/fixture.ts";
import { FRESHET, runningOn } from "../support/shipped.ts";

const CLIENTS = 16;
const TOPIC = "events";

const kafka = await kafkaFixture("events over HTTP into Kafka");
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Answer {
  readonly status: number;
  readonly ms: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(url: string, init?: RequestInit): Promise<Answer> {
  const begin = performance.now();
  const response = await fetch(url, init);
  const body = await response.json();
  return { status: response.status, ms: performance.now() - begin, body };
}

/** Sends events one after the other until it is told to stop. */
async function client(url: string, name: string, stop: AbortSignal): Promise<(Answer & { readonly user: string })[]> {
  const answers = [];
  for (let n = 0; !stop.aborted; n++) {
    const user = `${name}_${n}`;
    const body = JSON.stringify({ user_id: user, action: "click", page: "/", timestamp: new Date().toISOString() });
    const answer = await ask(`${url}/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    answers.push({ ...answer, user });
    if (answer.status !== 200) await sleep(100);
  }
  return answers;
}

/** Asks until the status is as expected; gives that answer. */
async function healthBecomes(url: string, status: string): Promise<Answer> {
  while (true) {
    const answer = await ask(`${url}/health`);
    assert(answer.ms < 4_000, `/health took ${answer.ms} ms`);
    if (answer.body.status === status) return answer;
    await sleep(100);
  }
}

kafka.eachClient(
  "the broker goes and comes back: health, refusals in time, and every acknowledged event",
  async (broker, openOn) => {
    const dataDir = await Deno.makeTempDir();
    await using log = await openOn(broker);
    await log.createTopics([{ topic: TOPIC, partitions: 4 }]);
    const child = new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, "run", "actions", "--no-simulate"],
      env: {
        KAFKA_BROKERS: broker.listeners.plaintext,
        FRESHET_DATA_DIR: dataDir,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
        // A quick machine sends more than the default lets one address send.
        FRESHET_RATE_LIMIT: "0",
      },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const { url } = await runningOn(dataDir);
      const well = await healthBecomes(url, "ok");
      assertEquals([well.status, well.body.kafka], [200, "ok"]);

      const stop = new AbortController();
      const clients = Array.from({ length: CLIENTS }, (_, n) => client(url, String(n), stop.signal));
      await sleep(2_000);
      await broker.end("SIGKILL");
      const away = await healthBecomes(url, "degraded");
      assertEquals([away.status, away.body.kafka], [503, "unreachable"]);
      await sleep(15_000);
      await broker.resume();
      const back = await healthBecomes(url, "ok");
      assertEquals(back.body.kafka, "ok");
      await sleep(3_000);
      stop.abort();
      const answers = (await Promise.all(clients)).flat();

      const slowest = answers.reduce((most, { ms }) => Math.max(most, ms), 0);
      const acknowledged = answers.filter(({ status }) => status === 200);
      const refused = answers.filter(({ status }) => status !== 200);
      console.log(
        `${acknowledged.length} acknowledged, ${refused.length} refused, the slowest answer took ${
          Math.round(slowest)
        } ms`,
      );
      assert(acknowledged.length > 100 && refused.length > 0);
      assert(slowest < 13_000, `an answer took ${slowest} ms`);
      for (const { status } of refused) assert(status === 503 || status === 504, `status ${status}`);

      const inTopic = new Map<string, string>();
      const [info] = await log.topics([TOPIC]);
      await using members = await log.subscribe({ topic: TOPIC, group: "test", signal: new AbortController().signal });
      const generation = await members.nextGeneration();
      await generation.start(new Map(info!.partitions.map(({ low }, partition) => [partition, low])));
      const total = info!.partitions.reduce((sum, { low, high }) => sum + high - low, 0);
      while (inTopic.size < total) {
        const batch = await generation.next(1_000);
        for (const { offset, value } of batch?.records ?? []) {
          inTopic.set(`${batch!.partition}/${offset}`, JSON.parse(new TextDecoder().decode(value!)).user_id);
        }
      }
      for (const { user, body: { partition, offset } } of acknowledged) {
        assertEquals(inTopic.get(`${partition}/${offset}`), user);
      }
    } finally {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(dataDir, { recursive: true });
    }
  },
);
