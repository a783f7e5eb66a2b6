// A log with a Schema Registry: what is produced is framed, what is read waits for schemas that nobody knows yet, and
// nothing else waits.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { LogDamagedError, SchemaRegistryRefusedError, SchemaRegistryUnavailableError } from "../../src/errors.ts";
import { type EmbeddedLog, openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Generation, Log, LogBatch, NewRecord } from "../../src/log/log.ts";
import { openRegisteredLog } from "../../src/log/registered_log.ts";
import { framed, namedBy, SCHEMA_HEADER } from "../../src/log/wire_format.ts";
import { readAll, text, until } from "../contracts/log/place.ts";
import { StandInRegistry } from "../support/registry/stand_in.ts";

const SCHEMA = '{"title":"UserAction"}';

interface Scene extends AsyncDisposable {
  readonly server: StandInRegistry;
  /** With the registry. */
  readonly log: Log;
  /** The same log without it. */
  readonly plain: Log;
  readonly warnings: string[];
  /** How often it has slept for so long. */
  readonly sleeps: (ms: number) => number;
}

async function scene(partitions = 1): Promise<Scene> {
  const dataDir = await Deno.makeTempDir();
  const server = StandInRegistry.start();
  const plain = await openEmbeddedLog({ dataDir });
  await plain.createTopics([{ topic: "events", partitions }, { topic: "other", partitions: 1 }]);
  const warnings: string[] = [];
  const sleeps: number[] = [];
  const sleep: typeof systemClock.sleep = (ms, signal) => {
    sleeps.push(ms);
    return systemClock.sleep(ms, signal);
  };
  const log = openRegisteredLog({
    log: await openEmbeddedLog({ dataDir }),
    registry: { url: server.url, timeoutMs: 500 },
    schemas: new Map([["events", { subject: "events-value", schema: SCHEMA }]]),
    clock: { ...systemClock, sleep },
    onWarning: (message) => warnings.push(message),
  });
  return {
    server,
    log,
    plain,
    warnings,
    sleeps: (ms) => sleeps.filter((slept) => slept === ms).length,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await plain[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

async function values(log: Log, topic: string, count: number): Promise<(Uint8Array | null)[]> {
  return (await readAll(log, topic, count)).flatMap(({ records }) => records.map(({ value }) => value));
}

Deno.test("what is produced to a topic with a schema is framed; elsewhere, and where a frame is there already, it is as given", async () => {
  await using place = await scene();
  const { log, plain, server } = place;
  const own = framed(77, "{}");
  const records: NewRecord[] = [
    { value: '{"page":"é"}' },
    { value: new TextEncoder().encode("{}") },
    { value: own },
    { value: null },
    { value: "" },
    { value: "{}", headers: { [SCHEMA_HEADER]: Uint8Array.of(0, 0, 0, 0, 1) } },
  ];
  await log.produce("events", records);
  await log.produce("events", [{ value: "as it was" }], { asIs: true });
  await log.produce("other", [{ value: "{}" }]);
  const [first, second, ...rest] = await values(plain, "events", records.length + 1);
  assertEquals([server.schemaOf(1), [...first!.subarray(0, 5)]], [SCHEMA, [0, 0, 0, 0, 1]]);
  assertEquals([first, second].map((value) => text(namedBy(value!)!.rest)), ['{"page":"é"}', "{}"]);
  assertEquals(text(rest.pop()!), "as it was");
  assertEquals(rest.map((value) => value && [...value]), [[...own], null, [], [123, 125]]);
  assertEquals((await values(plain, "other", 1)).map(text), ["{}"]);
});

Deno.test("nothing is produced while the id of the schema is not known, and afterwards it is", async () => {
  await using place = await scene();
  const { log, plain, server } = place;
  server.status = 503;
  await assertRejects(() => log.produce("events", [{ value: "{}" }]), SchemaRegistryUnavailableError);
  assertEquals((await plain.topics(["events"]))[0]!.partitions, [{ low: 0, high: 0 }]);
  server.status = undefined;
  await log.produce("events", [{ value: "{}" }]);
  server.status = 503;
  await log.produce("events", [{ value: "{}" }]);
  assertEquals((await plain.topics(["events"]))[0]!.partitions, [{ low: 0, high: 2 }]);
});

Deno.test("an empty call asks nobody", async () => {
  await using place = await scene();
  assertEquals(await place.log.produce("events", []), []);
  assertEquals(place.server.requests, []);
});

/** Joins, and starts every partition at its beginning. */
async function reading(log: Log): Promise<{ generation: Generation; [Symbol.asyncDispose](): PromiseLike<void> }> {
  const subscription = await log.subscribe({ topic: "events", group: "g", signal: new AbortController().signal });
  const generation = await subscription.nextGeneration();
  await generation.start(new Map(generation.partitions.map((partition) => [partition, 0])));
  return { generation, [Symbol.asyncDispose]: () => subscription[Symbol.asyncDispose]() };
}

/** Pulls until `done`; the batches that came. */
async function pullUntil(generation: Generation, done: (batches: readonly LogBatch[]) => boolean): Promise<LogBatch[]> {
  const batches: LogBatch[] = [];
  await until(async () => {
    const batch = await generation.next(20);
    if (batch) batches.push(batch);
    return done(batches);
  }, "batches");
  return batches;
}

const offsets = (batches: readonly LogBatch[], partition: number) =>
  batches.filter((batch) => batch.partition === partition).flatMap(({ records }) =>
    records.map(({ offset }) => offset)
  );

Deno.test("records of new schemas come when the registry has answered, and it is asked for each schema once", async () => {
  await using place = await scene();
  const { log, plain, server } = place;
  const [json, avro] = [server.add("JSON"), server.add(undefined)];
  const header = Uint8Array.from([1, ...Uint8Array.fromHex(server.guidOf(json).replaceAll("-", ""))]);
  await plain.produce("events", [
    { value: "{}" },
    { value: framed(json, "{}") },
    { value: framed(avro, "x") },
    { value: "{}", headers: { [SCHEMA_HEADER]: header } },
    { value: framed(json, "{}") },
  ]);
  await using members = await reading(log);
  const batches = await pullUntil(members.generation, (seen) => offsets(seen, 0).length === 5);
  assertEquals(offsets(batches, 0), [0, 1, 2, 3, 4]);
  assertEquals([json, avro, server.guidOf(json)].map((schema) => log.schemas!.of(schema)?.type), [
    "JSON",
    "AVRO",
    "JSON",
  ]);
  assertEquals(server.requests.filter((request) => request.startsWith("GET /schemas/")).length, 3);
});

Deno.test("whoever reads a topic is warned when its subject takes no record of Freshet's, and nothing is registered", async () => {
  await using place = await scene();
  const { log, server, warnings } = place;
  await using _first = await reading(log);
  await until(() => server.requests.length === 2, "the question");
  assertEquals(warnings, []);
  server.add("JSON", { subject: "events-value" });
  server.isCompatible = false;
  await using _second = await log.subscribe({ topic: "events", group: "g2", signal: new AbortController().signal });
  await until(() => warnings.length > 0, "the warning");
  assert(/Nothing can be sent to "events".*USE_LATEST_VERSION=true/s.test(warnings[0]!), warnings[0]);
  assertEquals(server.requests.filter((request) => request.endsWith("/versions")), []);
});

Deno.test("while the registry is away only the partition with a new schema waits, in order, and it comes when the registry is back", async () => {
  await using place = await scene(2);
  const { log, plain, server, warnings } = place;
  const [known, fresh] = [server.add("JSON"), server.add("JSON")];
  await plain.produce("events", [{ value: framed(known, "{}"), partition: 0 }]);
  await using members = await reading(log);
  const { generation } = members;
  await pullUntil(generation, (seen) => offsets(seen, 0).length === 1);
  server.status = 503;
  await plain.produce("events", [{ value: framed(fresh, "{}"), partition: 1 }]);
  assertEquals(await pullUntil(generation, () => warnings.length > 0), []);
  for (let i = 0; i < 3; i++) {
    await plain.produce("events", [
      { value: framed(known, "{}"), partition: 0 },
      { value: framed(fresh, "{}"), partition: 1 },
    ]);
  }
  const meanwhile = await pullUntil(generation, (seen) => offsets(seen, 0).length === 3);
  assertEquals([offsets(meanwhile, 0), offsets(meanwhile, 1)], [[1, 2, 3], []]);
  assertEquals([generation.caughtUp(1), log.schemas!.of(fresh)?.type], [false, undefined]);
  assert(/does not answer.*Partition 1 of "events" waits for 2/s.test(warnings[0]!), warnings[0]);
  server.status = undefined;
  const later = await pullUntil(generation, (seen) => offsets(seen, 1).length === 4);
  assertEquals([offsets(later, 1), log.schemas!.of(fresh)?.type], [[0, 1, 2, 3], "JSON"]);
  await until(async () => await generation.next(20) === undefined && generation.caughtUp(1), "the end");
});

Deno.test("while a partition waits, reading for the others is bounded", async () => {
  await using place = await scene(1);
  const { log, plain, server } = place;
  server.status = 503;
  await plain.produce("events", [{ value: framed(1, "{}") }]);
  await using members = await reading(log);
  await pullUntil(members.generation, () => server.requests.length > 0);
  const value = framed(1, "{}");
  for (let i = 0; i < 30; i++) await plain.produce("events", Array.from({ length: 1000 }, () => ({ value })));
  for (let i = 0; i < 100; i++) assertEquals(await members.generation.next(5), undefined);
  const before = place.sleeps(5);
  for (let i = 0; i < 5; i++) assertEquals(await members.generation.next(5), undefined);
  assertEquals(place.sleeps(5) - before, 5, "when enough waits nothing more is read");
  server.status = undefined;
  server.add("JSON");
  const batches = await pullUntil(members.generation, (seen) => offsets(seen, 0).length === 30_001);
  assertEquals(offsets(batches, 0), Array.from({ length: 30_001 }, (_, i) => i));
});

Deno.test("damage behind records that wait for a schema is told after them", async () => {
  await using place = await scene(1);
  const { log, plain, server } = place;
  server.status = 503;
  for (let i = 0; i < 3; i++) await plain.produce("events", [{ value: framed(1, "{}") }]);
  const { file } = plain as EmbeddedLog;
  await file.write("other", () => file.run("UPDATE segments SET records = zeroblob(3) WHERE base_offset = 1"));
  await using members = await reading(log);
  for (let i = 0; i < 50; i++) assertEquals(await members.generation.next(5), undefined);
  server.status = undefined;
  server.add("JSON");
  const seen: LogBatch[] = [];
  const { damage } = await assertRejects(async () => {
    while (true) seen.push(...await pullUntil(members.generation, (batches) => batches.length > 0));
  }, LogDamagedError);
  assertEquals([offsets(seen, 0), damage.from, damage.to], [[0], 1, 2]);
  members.generation.skip(0, 2);
  assertEquals(offsets(await pullUntil(members.generation, (batches) => batches.length > 0), 0), [2]);
});

Deno.test("a login that the registry refuses ends the reading, and nothing is delivered unchecked", async () => {
  await using place = await scene();
  const { log, plain, server } = place;
  server.authorization = "Basic x";
  await plain.produce("events", [{ value: framed(1, "{}") }]);
  await using members = await reading(log);
  await assertRejects(() => pullUntil(members.generation, () => false), SchemaRegistryRefusedError);
});

Deno.test("a generation that ends while records wait delivers nothing more, and leaves nobody waiting", async () => {
  const place = await scene();
  const { log, plain, server } = place;
  server.hangs = true;
  await plain.produce("events", [{ value: framed(1, "{}") }]);
  const members = await reading(log);
  await pullUntil(members.generation, () => server.requests.length > 0);
  await members[Symbol.asyncDispose]();
  assertEquals([members.generation.signal.aborted, await members.generation.next(50)], [true, undefined]);
  await place[Symbol.asyncDispose]();
});
