// When people are told that an alert is cleared: once every partition of the topic has passed its end, whoever has them.

import { assert, assertEquals } from "@std/assert";
import { readings, WINDOW } from "../support/simulation/domain.ts";
import { type Instance, START, World } from "../support/simulation/world.ts";

const IDLE_MS = 300;
const BEGIN = START - 5000;
const ALERTS = { alerts: { channels: ["webhook"], maxAgeMs: Infinity } };

/** A world in which somebody is told of alerts, and key `a` has one in partition 0 that the partition has passed. */
class Told {
  readonly world: World;

  constructor(partitions: number, idleAfterMs = IDLE_MS) {
    this.world = new World(readings(idleAfterMs), 1, partitions);
  }

  produce(partition: number, ms: number, x = 1): void {
    this.world.produce({ key: "a", time: BEGIN + ms, x }, { partition });
  }

  start(): Instance {
    return this.world.start(ALERTS);
  }

  get events(): readonly unknown[] {
    return this.world.warehouse.rows("ALERT_EVENTS").map(({ EVENT, KAFKA_PARTITION, ALERT }) =>
      `${EVENT} ${KAFKA_PARTITION} ${JSON.parse(String(ALERT)).EVENT_COUNT}`
    );
  }

  /** Whether the tables have it as over in its own partition. */
  get isClosed(): boolean {
    return this.world.warehouse.rows("ALERTS").some(({ STATUS }) => STATUS === "CLEARED");
  }

  /** The least watermark in the tables. */
  get passed(): number {
    return Math.min(...[...this.world.warehouse.claims.values()].map(({ watermark }) => watermark ?? -Infinity));
  }

  async until(events: number): Promise<void> {
    await this.world.until(() => this.events.length >= events);
  }

  /** For this long of wall-clock time. */
  async pass(ms: number): Promise<void> {
    const until = this.world.turns.now() + ms;
    await this.world.until(() => this.world.turns.now() >= until);
  }
}

const END = BEGIN + 10 + WINDOW.alertGap;

Deno.test("an alert is not told as cleared while a partition is behind, and is once it has come", async () => {
  const told = new Told(2, Infinity);
  told.produce(1, 5);
  told.produce(0, 10, 30);
  told.produce(0, 120);
  const instance = told.start();
  await told.world.until(() => told.isClosed && told.world.committed);
  await told.pass(2000);
  assertEquals(told.events, ["RAISED 0 1"]);
  told.produce(1, 120);
  await told.until(2);
  assertEquals(told.events, ["RAISED 0 1", "CLEARED 0 1"]);
  assert(told.passed >= END, "it was told in the unit that passed its end");
  await told.world.stopped(instance);
});

Deno.test("a silent partition that is behind holds an alert up only until its clock has passed the end", async () => {
  const told = new Told(2);
  told.produce(1, -2000);
  told.produce(0, 10, 30);
  told.produce(0, 120);
  const instance = told.start();
  await told.until(2);
  assertEquals(told.events, ["RAISED 0 1", "CLEARED 0 1"]);
  assert(told.passed >= END);
  await told.world.stopped(instance);
});

for (const how of ["stopped", "crashed"] as const) {
  Deno.test(`what waits for a partition when a run is ${how} is told once by the next one, when that has come`, async () => {
    const told = new Told(2, Infinity);
    told.produce(1, 5);
    told.produce(0, 10, 30);
    told.produce(0, 12, 30);
    told.produce(0, 120);
    const first = told.start();
    await told.world.until(() => told.isClosed && told.world.committed);
    if (how === "stopped") await told.world.stopped(first);
    else {
      told.world.crash(first);
      told.world.expel(first);
    }
    const second = told.start();
    await told.pass(2000);
    assertEquals(told.events, ["RAISED 0 2"]);
    told.produce(1, 120);
    await told.until(2);
    await told.pass(2000);
    assertEquals(told.events, ["RAISED 0 2", "CLEARED 0 2"]);
    await told.world.stopped(second);
  });
}

Deno.test("partitions of another member count, also where only that one has come further since", async () => {
  const told = new Told(2, Infinity);
  const instances = [told.start(), told.start()];
  await told.world.until(() => instances.every(({ runner }) => runner.status().partitions.length === 1));
  told.produce(1, 5);
  told.produce(0, 10, 30);
  told.produce(0, 120);
  await told.world.until(() => told.isClosed && told.world.committed);
  await told.pass(130_000);
  assertEquals(told.events, ["RAISED 0 1"]);
  told.produce(1, 120);
  await told.until(2);
  assertEquals(told.events, ["RAISED 0 1", "CLEARED 0 1"]);
  for (const instance of instances) await told.world.stopped(instance);
});

Deno.test("the end of an input clears what waits for a partition that is behind", async () => {
  const told = new Told(2, Infinity);
  told.produce(1, 5);
  told.produce(0, 10, 30);
  told.produce(0, 120);
  await told.world.workOff(ALERTS);
  assertEquals(told.events, ["RAISED 0 1", "CLEARED 0 1"]);
});
