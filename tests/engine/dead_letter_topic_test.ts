// What becomes of the copies that the dead letter topic does not take as they are.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { randomBytes } from "node:crypto";
import { CUT_HEADER, DeadLetterTopic } from "../../src/engine/dead_letter_topic.ts";
import { LogUnavailableError, TimestampRefusedError } from "../../src/errors.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log, NewRecord } from "../../src/log/log.ts";
import { readAll, text } from "../contracts/log/place.ts";

const TOPIC = "t.dlq";
const MIB = 1024 * 1024;
const copyOf = (record: NewRecord) => ({ record, loggedAt: 5 });

async function withLog(body: (log: Log, topic: DeadLetterTopic) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic: TOPIC, partitions: 1 }]);
    await body(log, new DeadLetterTopic(log, TOPIC));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

const taken = async (log: Log, count: number) => (await readAll(log, TOPIC, count)).flatMap(({ records }) => records);

Deno.test("a record that is too large is cut, a header says how long it was, and those beside it are whole", async () => {
  await withLog(async (log, topic) => {
    const large = randomBytes(MIB);
    const copies = [{ value: "a", key: "1" }, { value: large, key: "2", headers: { h: "x" } }, {
      value: "c",
      key: "3",
    }];
    assertEquals(await topic.send(copies.map(copyOf)), { cut: 1, leftOut: 0, why: undefined });
    const records = await taken(log, 3);
    assertEquals(records.map(({ key }) => text(key)), ["1", "2", "3"]);
    const { value, headers } = records[1]!;
    assert(value!.length > 1000 && large.subarray(0, value!.length).equals(value!), `${value!.length}`);
    assertEquals([headers[CUT_HEADER], headers.h].map((header) => text(header as Uint8Array)), [`${MIB}`, "x"]);
    assertEquals([records[0]!.headers, records[2]!.headers], [{}, {}]);
  });
});

Deno.test("a record whose key or headers are too large keeps what says where it was", async () => {
  await withLog(async (log, topic) => {
    const why = { "__connect.errors.offset": "17" };
    const large = randomBytes(2 * MIB);
    await topic.send([
      copyOf({ key: large, value: "v", headers: why }),
      copyOf({ key: "k", value: null, headers: { large, ...why } }),
    ]);
    const records = await taken(log, 2);
    assertEquals(records.map(({ key, value }) => [key, value?.length]), [[null, 0], [null, 0]]);
    assertEquals(records.map(({ headers }) => text(headers["__connect.errors.offset"] as Uint8Array)), ["17", "17"]);
    assertEquals(records.map(({ headers }) => text(headers[CUT_HEADER] as Uint8Array)), ["1", "0"]);
  });
});

Deno.test("a topic that was deleted is made again", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    await using log = await openEmbeddedLog({ dataDir });
    assertEquals(await new DeadLetterTopic(log, TOPIC).send([copyOf({ value: "v" })]), { cut: 0, leftOut: 0 });
    assertEquals((await taken(log, 1)).map(({ value }) => text(value)), ["v"]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("where the log does not take our clock's time, all copies of a call go at once with their records' own", async () => {
  await withLog(async (log) => {
    const calls: number[] = [];
    const strict: Log = Object.create(log, {
      produce: {
        value: (topic: string, records: readonly NewRecord[]) => {
          calls.push(records.length);
          const isTaken = records.every(({ timestamp }) => timestamp !== undefined && timestamp < 1_000);
          return isTaken ? log.produce(topic, records) : Promise.reject(new TimestampRefusedError("Not that time"));
        },
      },
    });
    const copies = Array.from({ length: 40 }, (_, i) => ({ record: { value: `${i}` }, loggedAt: i }));
    assertEquals(await new DeadLetterTopic(strict, TOPIC).send(copies), { cut: 0, leftOut: 0 });
    assertEquals(calls, [40, 40]);
    assertEquals((await taken(log, 40)).map(({ timestamp }) => timestamp), copies.map(({ loggedAt }) => loggedAt));
    // A time that the log does not take either concerns that one alone.
    const odd = copies.slice(0, 4).map((copy, i) => i === 2 ? { ...copy, loggedAt: 5_000 } : copy);
    const { cut, leftOut } = await new DeadLetterTopic(strict, TOPIC).send(odd);
    assertEquals([cut, leftOut], [0, 1]);
  });
});

Deno.test("a log that cannot be reached has refused nothing: the copies are not given up", async () => {
  await withLog(async (log) => {
    const away: Log = Object.create(log, {
      produce: { value: () => Promise.reject(new LogUnavailableError("away")) },
    });
    await assertRejects(() => new DeadLetterTopic(away, TOPIC).send([copyOf({ value: "v" })]), LogUnavailableError);
  });
});
