// A process that was killed leaves its memberships behind. Who comes next does not wait for them, unless somebody else is there.

import { assert, assertEquals } from "@std/assert";
import { type EmbeddedLog, openEmbeddedLog } from "../../src/log/embedded.ts";
import { generationOf } from "../contracts/log/place.ts";
import { startMember, untilPartitions } from "../support/member.ts";

const [TOPIC, GROUP] = ["t", "g"];
/** Nobody in a test waits for so long. */
const sessionTimeoutMs = 3_600_000;

function test(behaviour: string, body: (dataDir: string) => Promise<void>): void {
  Deno.test(behaviour, async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet-presence-" });
    try {
      {
        await using log = await openEmbeddedLog({ dataDir });
        await log.createTopics([{ topic: TOPIC, partitions: 4 }]);
      }
      await body(dataDir);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}

const open = (dataDir: string) => openEmbeddedLog({ dataDir, sessionTimeoutMs });
const member = (dataDir: string) => startMember({ dataDir, sessionTimeoutMs, topic: TOPIC, group: GROUP });
const subscribe = (log: EmbeddedLog) =>
  log.subscribe({ topic: TOPIC, group: GROUP, signal: new AbortController().signal });

test("who is alone after a kill has all partitions at once", async (dataDir) => {
  {
    await using killed = member(dataDir);
    await untilPartitions(killed.generations, 4);
  }
  await using log = await open(dataDir);
  await using subscription = await subscribe(log);
  const { partitions } = await generationOf(subscription, 4);
  assertEquals(partitions.length, 4);
});

test("who finds somebody there shares with them, and their memberships stay", async (dataDir) => {
  await using other = member(dataDir);
  await untilPartitions(other.generations, 4);
  await using log = await open(dataDir);
  await using subscription = await subscribe(log);
  const half = await generationOf(subscription, 2);
  await untilPartitions(other.generations, 2);
  await using third = await open(dataDir);
  await using late = await third.subscribe({ topic: TOPIC, group: "another", signal: new AbortController().signal });
  await generationOf(late, 4);
  assert(!half.signal.aborted);
});

test("who has closed the log is not there any more", async (dataDir) => {
  const closed = await open(dataDir);
  const left = await subscribe(closed);
  await generationOf(left, 4);
  await closed[Symbol.asyncDispose]();
  {
    await using killed = member(dataDir);
    await untilPartitions(killed.generations, 4);
  }
  await using log = await open(dataDir);
  await using subscription = await subscribe(log);
  await generationOf(subscription, 4);
});
