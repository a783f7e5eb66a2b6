// Rows that are merged from several partitions: they are final when every partition of the topic has passed their window.

import { assert, assertEquals } from "@std/assert";
import { count } from "@freshet/stream";
import type { Domain } from "../../src/domains/domain.ts";
import { type Reading, readings, TOPIC, WINDOW } from "../support/simulation/domain.ts";
import { watchInvariants } from "../support/simulation/oracle.ts";
import { type Instance, START, World } from "../support/simulation/world.ts";

const IDLE_MS = 300;
const WINDOW_START = START - 5000;
const WINDOW_END = WINDOW_START + 100;

interface Merged {
  readonly n: number;
  readonly final: boolean;
  readonly version: number;
}

/** Worlds whose merged row of the window is looked at with every commit: what was seen final keeps its version or gets a new one. */
class MergedRows {
  readonly world: World;
  readonly seen: Merged[] = [];
  readonly #ofVersion = new Map<number, number>();

  constructor(partitions: number) {
    this.world = new World(readings(IDLE_MS), 1, partitions);
    watchInvariants(this.world);
    const { watch, write } = this.world.warehouse;
    this.world.warehouse.watch = watch;
    this.world.warehouse.write = (unit) => {
      write.call(this.world.warehouse, unit);
      this.look();
    };
  }

  get row(): Merged | undefined {
    const { claims } = this.world.warehouse;
    const closed = (partition: number) =>
      this.world.warehouse.rows("FRESHET_CLOSED").filter((row) =>
        row.OPERATOR === "TUMBLING" && row.KAFKA_PARTITION === partition
      ).map((row) => Number(row.CLOSED_UP_TO));
    const parts = this.world.warehouse.rows("TUMBLING").filter(({ WINDOW_END: end }) => end === WINDOW_END);
    if (parts.length === 0) return undefined;
    const final = [...claims.values()].every(({ partition, watermark }) =>
      Math.max(watermark ?? -Infinity, ...closed(partition)) >= WINDOW_END
    );
    const sum = (of: (row: Readonly<Record<string, unknown>>) => number) =>
      parts.reduce((all, row) => all + of(row), 0);
    return { n: sum((row) => Number(row.n)), final, version: 1 + sum((row) => Number(row.VERSION) - 1) };
  }

  /** Looks at the row as a reader would, and holds it to what it said before. */
  look(): void {
    const row = this.row;
    if (!row || JSON.stringify(row) === JSON.stringify(this.seen.at(-1))) return;
    assert(row.final || !this.seen.at(-1)?.final, "The row was final and is open again");
    if (row.final) {
      const before = this.#ofVersion.get(row.version) ?? row.n;
      assertEquals(row.n, before, `Version ${row.version} was seen final with other contents`);
      this.#ofVersion.set(row.version, row.n);
    }
    this.seen.push(row);
  }

  produce(partition: number, ms: number): void {
    this.world.produce({ key: "a", time: WINDOW_START + ms, x: 1 }, { partition });
  }

  async running(): Promise<Instance> {
    const instance = this.world.start();
    await this.world.until(() => this.world.committed);
    return instance;
  }

  becomes(wanted: Merged): Promise<void> {
    return this.world.until(() => JSON.stringify(this.row) === JSON.stringify(wanted));
  }
}

Deno.test("a merged row is not final while a partition has not passed its window, and a row that it adds then is no correction", async () => {
  const merged = new MergedRows(2);
  merged.produce(0, 10);
  merged.produce(0, 500);
  merged.produce(1, 5);
  const instance = await merged.running();
  assertEquals(merged.row, { n: 2, final: false, version: 1 });
  merged.produce(1, 20);
  await merged.becomes({ n: 3, final: false, version: 1 });
  merged.produce(1, 120);
  await merged.becomes({ n: 3, final: true, version: 1 });
  merged.produce(1, 30);
  await merged.becomes({ n: 4, final: true, version: 2 });
  await merged.world.stopped(instance);
});

Deno.test("partitions without any event hold nothing up, and the first event of one corrects what is final", async () => {
  const merged = new MergedRows(3);
  merged.produce(0, 10);
  merged.produce(0, 120);
  const instance = await merged.running();
  await merged.becomes({ n: 1, final: true, version: 1 });
  merged.produce(2, 30);
  await merged.becomes({ n: 2, final: true, version: 2 });
  await merged.world.stopped(instance);
});

Deno.test("a silent partition that is behind makes rows final in time, though it has nothing to write itself", async () => {
  const merged = new MergedRows(2);
  merged.produce(0, 10);
  merged.produce(0, 120);
  merged.produce(1, -2000);
  const instance = await merged.running();
  assertEquals(merged.row, { n: 1, final: false, version: 1 });
  await merged.becomes({ n: 1, final: true, version: 1 });
  // Its clock has gone on at the pace of the wall clock.
  assert(merged.world.warehouse.claims.get(1)!.watermark! < WINDOW_END + 1000);
  await merged.world.stopped(instance);
});

Deno.test("rows that a run left open become final in the next one, though no record comes any more", async () => {
  const merged = new MergedRows(2);
  merged.produce(0, 10);
  merged.produce(0, 120);
  merged.produce(1, -2000);
  await merged.world.catchUp();
  assertEquals(merged.row, { n: 1, final: false, version: 1 });
  const instance = merged.world.start();
  await merged.becomes({ n: 1, final: true, version: 1 });
  await merged.world.stopped(instance);
});

Deno.test("a partition that is added to the topic begins where the others are: what it brings corrects", async () => {
  const merged = new MergedRows(1);
  merged.produce(0, 10);
  merged.produce(0, 200);
  const first = await merged.running();
  await merged.becomes({ n: 1, final: true, version: 1 });
  await merged.world.stopped(first);
  merged.world.log.topics.get(TOPIC)!.push({ low: 0, high: 0, records: [], damaged: [] });
  merged.produce(1, 20);
  const second = await merged.running();
  await merged.becomes({ n: 2, final: true, version: 2 });
  await merged.world.stopped(second);
});

Deno.test("partitions of another member count, and its silent ones are written down as long as rows are made", async () => {
  const merged = new MergedRows(2);
  merged.produce(1, -2000);
  const instances = [await merged.running(), merged.world.start()];
  await merged.world.until(() => instances.every(({ runner }) => runner.status().partitions.length === 1));
  merged.produce(0, 10);
  merged.produce(0, 120);
  await merged.becomes({ n: 1, final: false, version: 1 });
  await merged.becomes({ n: 1, final: true, version: 1 });
  for (const instance of instances) await merged.world.stopped(instance);
});

Deno.test("a member whose partitions never had an event goes along with those of the others", async () => {
  const merged = new MergedRows(2);
  const instances = [merged.world.start(), merged.world.start()];
  await merged.world.until(() => instances.every(({ runner }) => runner.status().partitions.length === 1));
  merged.produce(0, 10);
  merged.produce(0, 120);
  await merged.becomes({ n: 1, final: true, version: 1 });
  for (const instance of instances) await merged.world.stopped(instance);
});

Deno.test("the end of an input closes merged rows in all partitions; what a later run brings has a higher version", async () => {
  const merged = new MergedRows(2);
  merged.produce(0, 10);
  await merged.world.workOff();
  assertEquals(merged.row, { n: 1, final: true, version: 1 });
  merged.produce(1, 20);
  await merged.world.workOff();
  assertEquals(merged.row, { n: 2, final: true, version: 2 });
  // The record's time was forgotten long ago: it is late, and the row stays.
  merged.produce(1, 10_000);
  merged.produce(1, 30);
  await merged.world.workOff();
  assertEquals(merged.row, { n: 2, final: true, version: 2 });
  assertEquals(merged.world.warehouse.rows("LATE_RECORDS").some((row) => row.OPERATOR === "TUMBLING"), true);
});

Deno.test("at the end of an input that has brought nothing new nothing is written", async () => {
  const merged = new MergedRows(2);
  merged.produce(0, 10);
  await merged.world.workOff();
  const { claims } = merged.world.warehouse;
  const checkpoints = () => [...claims.values()].map(({ checkpoint }) => checkpoint);
  const before = checkpoints();
  await merged.world.workOff();
  assertEquals(checkpoints(), before);
});

/** A world with sessions and no windows, whose partitions are so many. */
function sessionsOnly(partitions: number): World {
  const domain: Pick<Domain<Reading>, "tables"> = {
    tables: (events) => [
      events.keyBy({ K: (e) => e.key }).session(WINDOW.gap).aggregate("SESSIONS", { n: count() }),
    ],
  };
  const world = new World({ ...readings(IDLE_MS), ...domain } as Domain, 1, partitions);
  watchInvariants(world);
  return world;
}

/** The end of the last session, and up to when every partition has closed what it has. */
function ends({ warehouse }: World) {
  const last = Math.max(...warehouse.rows("SESSIONS").map((row) => Number(row.WINDOW_END)));
  return { last, passed: Math.min(...[...warehouse.claims.values()].map(({ watermark }) => watermark ?? -Infinity)) };
}

Deno.test("sessions of a silent topic become final: the watermark of a partition that is behind is written once it has passed them", async () => {
  const world = sessionsOnly(2);
  const produce = (partition: number, ms: number) =>
    world.produce({ key: "a", time: WINDOW_START + ms, x: 1 }, { partition });
  produce(0, 10);
  produce(0, 120);
  produce(1, -2000);
  const instance = world.start();
  await world.until(() => world.committed);
  assert(ends(world).passed < ends(world).last);
  await world.until(() => ends(world).passed >= ends(world).last);
  assertEquals(ends(world).last, WINDOW_START + 120 + WINDOW.gap);
  // From then on silence costs nothing.
  const checkpoints = () => [...world.warehouse.claims.values()].map(({ checkpoint }) => checkpoint);
  const before = checkpoints();
  const until = world.turns.now() + 5000;
  await world.until(() => world.turns.now() >= until);
  assertEquals(checkpoints(), before);
  await world.stopped(instance);
});

Deno.test("sessions of another member become final, too, though its partitions alone had records", async () => {
  const world = sessionsOnly(2);
  const instances = [world.start(), world.start()];
  await world.until(() => instances.every(({ runner }) => runner.status().partitions.length === 1));
  world.produce({ key: "a", time: WINDOW_START - 2000, x: 1 }, { partition: 1 });
  await world.until(() => world.committed);
  world.produce({ key: "a", time: WINDOW_START + 10, x: 1 }, { partition: 0 });
  await world.until(() => world.committed);
  assert(ends(world).passed < ends(world).last);
  await world.until(() => ends(world).passed >= ends(world).last);
  assertEquals(ends(world).last, WINDOW_START + 10 + WINDOW.gap);
  for (const instance of instances) await world.stopped(instance);
});
