// A keyed copy of a topic: every record once, also when writes fail or their answers are lost, and each key in one partition in
// the order of its records' times.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Clock, systemClock } from "../src/clock.ts";
import { readConfig } from "../src/config/mod.ts";
import type { Logger } from "../src/engine/options.ts";
import { ConfigError, LogUnavailableError, TopicMissingError } from "../src/errors.ts";
import { KeyedCopy, provideCopy, readingCopies } from "../src/keyed_copy.ts";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import type { Log, LogRecord } from "../src/log/log.ts";
import { loggerFor } from "../src/logging.ts";
import { MergedPartitions } from "../src/merged_partitions.ts";
import { provideTopics } from "../src/parts.ts";
import { until } from "./contracts/log/place.ts";
import { domainOf } from "./support/domains.ts";
import { damageEmbedded } from "./support/embedded_damage.ts";

const [domain] = readingCopies([domainOf("wine")], ["wine"]) as [ReturnType<typeof domainOf>];
const START_MS = Date.UTC(2026, 0, 1);
const signal = new AbortController().signal;

const order = (i: number) =>
  JSON.stringify({
    event_type: "ORDER_CREATED",
    order_line_id: `o${i}`,
    customer_id: 1,
    product_id: 1000 + i % 7,
    quantity: 1,
    event_ts: START_MS + i * 1000,
  });

async function produce(log: Log, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  await log.produce("sales_events", numbers.map((i) => ({ value: order(i), timestamp: START_MS + i * 1000 })));
}

/** The numbers of the orders in each partition of the copy, in their order there. */
async function copied(log: Log): Promise<number[][]> {
  const [info] = await log.topics([domain.topic]);
  await using members = await log.subscribe({
    topic: domain.topic,
    group: "look",
    signal: new AbortController().signal,
  });
  const generation = await members.nextGeneration();
  await generation.start(new Map(generation.partitions.map((p) => [p, 0])));
  const found = info!.partitions.map((): number[] => []);
  while (!generation.partitions.every((p) => generation.caughtUp(p))) {
    const batch = await generation.next(100);
    for (const { value } of batch?.records ?? []) {
      const { order_line_id } = JSON.parse(new TextDecoder().decode(value!)) as { readonly order_line_id: string };
      found[batch!.partition]!.push(Number(order_line_id.slice(1)));
    }
  }
  return found;
}

function assertCopied(found: readonly number[][], count: number): void {
  assertEquals(found.flat().toSorted((a, b) => a - b), Array.from({ length: count }, (_, i) => i));
  for (let product = 0; product < 7; product++) {
    const places = found.map((numbers) => numbers.filter((i) => i % 7 === product)).filter(({ length }) => length > 0);
    assertEquals(places.length, 1, `product ${product} is in several partitions`);
    assertEquals(places[0], places[0]!.toSorted((a, b) => a - b));
  }
}

async function withLog(body: (log: Log, copyBy: (log: Log) => KeyedCopy) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_copy_" });
  try {
    await using log = await openEmbeddedLog({ dataDir });
    const copyBy = (log: Log) =>
      new KeyedCopy({
        ...{ domain, log, clock: systemClock, logger: loggerFor("copy"), onDamage: "stop" },
        onGap: () => Promise.reject(new Error("Nothing is damaged here")),
        truncations: () => Promise.resolve(new Map()),
      });
    await log.createTopics([{ topic: "sales_events", partitions: 4 }]);
    await copyBy(log).provide(signal);
    await body(log, copyBy);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test("records without keys are copied once each, and run after run only what is new", async () => {
  await withLog(async (log, copyBy) => {
    for (const [from, to] of [[0, 2_500], [2_500, 2_500], [2_500, 3_000]] as const) {
      await produce(log, from, to);
      await copyBy(log).run(signal, { untilEnd: true });
      assertCopied(await copied(log), to);
    }
  });
});

Deno.test("what a write has left behind when its answer was lost is not written again", async () => {
  await withLog(async (log, copyBy) => {
    await produce(log, 0, 3_500);
    let writes = 0;
    const failing: Log = {
      kind: log.kind,
      description: log.description,
      topics: (names) => log.topics(names),
      createTopics: (specs) => log.createTopics(specs),
      subscribe: (options) => log.subscribe(options),
      committed: (topic, group) => log.committed(topic, group),
      [Symbol.asyncDispose]: () => Promise.resolve(),
      async produce(topic, records, options) {
        writes++;
        // Lost before, in the middle of, and after writing.
        if (writes === 2) throw new LogUnavailableError("away");
        const written = writes === 4 ? records.slice(0, 300) : records;
        const positions = await log.produce(topic, written, options);
        if (writes === 4 || writes === 6) throw new LogUnavailableError("away");
        return positions;
      },
    };
    const stop = new AbortController();
    const copying = copyBy(failing).run(stop.signal);
    while ((await copied(log)).flat().length < 3_500) await systemClock.sleep(50);
    stop.abort();
    await copying;
    await copyBy(log).run(signal, { untilEnd: true });
    assertEquals(writes, 6);
    assertCopied(await copied(log), 3_500);
  });
});

Deno.test("records of which no key can be read keep their own, which is counted, and told once", async () => {
  await withLog(async (log) => {
    const warnings: string[] = [];
    const counts: [number, number][] = [];
    const silent = () => {};
    const warn: Logger["warn"] = (_, about) => void warnings.push(String(about?.place));
    const logger: Logger = { debug: silent, info: silent, warn, error: silent };
    const copy = new KeyedCopy({
      ...{ domain, log, clock: systemClock, logger, onDamage: "stop" },
      onGap: () => Promise.resolve(),
      truncations: () => Promise.resolve(new Map()),
      onCopied: (...count) => void counts.push(count),
    });
    const bad = [0, 1].map((i) => ({ key: `own ${i}`, value: "no event", partition: 0, timestamp: START_MS + i }));
    await log.produce("sales_events", [...bad, { value: order(2), timestamp: START_MS + 2, partition: 0 }]);
    await copy.run(signal, { untilEnd: true });
    assertEquals(warnings, ["0/0"]);
    assertEquals(counts.reduce(([all, own], [a, b]) => [all + a, own + b], [0, 0]), [3, 2]);
    assertEquals(copy.status().partitions[0], { partition: 0, nextOffset: 3, highOffset: 3, lag: 0 });
  });
});

Deno.test("a partition that has stopped goes on by itself when the log can be read there again", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_copy_" });
  const spot = { topic: "sales_events", partition: 1, offset: 0 };
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await log.createTopics([{ topic: "sales_events", partitions: 2 }]);
    for (const i of [0, 1, 2]) {
      await log.produce("sales_events", [{ value: order(i), timestamp: START_MS + i, partition: i % 2 }]);
    }
    await damageEmbedded(dataDir, spot);
    let laterMs = 0;
    const clock: Clock = {
      now: () => systemClock.now(),
      monotonic: () => systemClock.monotonic() + laterMs,
      sleep: (ms, signal) => systemClock.sleep(ms, signal),
    };
    const onGap = () => Promise.reject(new Error("Nothing is skipped"));
    const truncations = () => Promise.resolve(new Map<number, number>());
    const copy = new KeyedCopy({ domain, log, clock, logger: loggerFor("copy"), onDamage: "stop", onGap, truncations });
    await copy.provide(signal);
    const stop = new AbortController();
    const copying = copy.run(stop.signal);
    const stopped = () => copy.status().partitions.map((one) => one.stopped?.reason);
    await until(() => Promise.resolve(copy.status().partitions[0]?.nextOffset === 2), "the other goes on");
    assertEquals([stopped(), copy.standstill?.kind], [[undefined, "unreadable"], "partition_stopped"]);
    // Tried again in vain first.
    laterMs += 61_000;
    await systemClock.sleep(500);
    assertEquals(stopped(), [undefined, "unreadable"]);
    await damageEmbedded(dataDir, spot);
    laterMs += 61_000;
    await until(() => Promise.resolve(copy.status().partitions[1]?.nextOffset === 1), "it goes on");
    assertEquals([stopped(), copy.standstill, copy.error], [[undefined, undefined], null, undefined]);
    stop.abort();
    await copying;
    assertEquals((await copied(log)).flat().toSorted(), [0, 1, 2]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("a copy of a topic has as many partitions as that, and none is made of a topic that there is not", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_copy_" });
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await assertRejects(() => provideCopy(log, domain), TopicMissingError, '"sales_events"');
    assertEquals(await log.topics(), []);
    await log.createTopics([{ topic: "sales_events", partitions: 3 }]);
    assertEquals(await provideTopics(log, [domain], readConfig({ FRESHET_TOPIC_PARTITIONS: "8" }, [])), [domain.topic]);
    assertEquals((await log.topics([domain.topic]))[0]!.partitions.length, 3);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("a domain that there is not has no keyed copy", () => {
  assertThrows(() => readingCopies([domainOf("wine")], ["beer"]), ConfigError, '"beer"');
});

Deno.test("partitions are merged by time as far as nothing older can come", () => {
  const caughtUp = new Set<number>();
  const merged = new MergedPartitions({ caughtUp: (p) => caughtUp.has(p) }, new Map([[0, 0], [1, 5], [2, 0]]));
  const records = (from: number, ...times: number[]) =>
    times.map((timestamp, i): LogRecord => ({ offset: from + i, timestamp, key: null, value: null, headers: {} }));
  const times = (most = 10) => merged.oldest(most).map(({ partition, record }) => [partition, record.timestamp]);
  merged.take({ partition: 0, records: records(0, 10, 30, 60), nextOffset: 3 });
  assert(merged.mustWait);
  merged.take({ partition: 1, records: records(5, 20, 40), nextOffset: 7 });
  assert(merged.mustWait);
  caughtUp.add(2);
  assert(!merged.mustWait);
  assertEquals(times(2), [[0, 10], [1, 20]]);
  assertEquals(merged.given(), new Map([[0, 1], [1, 6], [2, 0]]));
  // After 40 partition 1 may have more, older than 60.
  assertEquals(times(), [[0, 30], [1, 40]]);
  assert(merged.mustWait && !merged.isAtEnd);
  caughtUp.add(0).add(1);
  assertEquals(times(), [[0, 60]]);
  assert(merged.isAtEnd);
});
