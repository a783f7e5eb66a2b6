// What is sent, muted and given up, by the real sender, outbox and warehouse, to a real receiver.

import { assert, assertEquals } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { webhook } from "../../src/alerts/channels/webhook.ts";
import { Outbox } from "../../src/alerts/outbox.ts";
import { Sender, type SendOutcome } from "../../src/alerts/sender.ts";
import { SmallWrites } from "../../src/alerts/small_writes.ts";
import { systemClock } from "../../src/clock.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { addEvents, type EventRow } from "../support/alerts/messages.ts";
import { Receiver, SECRET } from "../support/alerts/receiver.ts";

const MINUTE_MS = 60_000;

class Bench implements AsyncDisposable {
  readonly receiver = new Receiver();
  readonly outcomes: Partial<Record<SendOutcome, number>> = {};
  /** What was complained of. */
  readonly said: string[] = [];
  giveUpMs = 3_600_000;
  partitions = [0];

  private constructor(readonly warehouse: Warehouse) {}

  static async open(): Promise<Bench> {
    const warehouse = await openDuckDb({ path: ":memory:" });
    await warehouse.migrate([{ name: "freshet", text: freshetSql }]);
    return new Bench(warehouse);
  }

  async add(...events: readonly EventRow[]): Promise<void> {
    await addEvents(this.warehouse, events, ["webhook"]);
  }

  async mute(type: string, { from = Date.now(), to }: { readonly from?: number; readonly to: number }): Promise<void> {
    await using writer = await this.warehouse.writer("test");
    const row = { MUTE_ID: type, DOMAIN: "trains", ALERT_TYPE: type, MUTED_BY: "me", MUTED_AT: from, ENDS_AT: to };
    const upsert = { table: "ALERT_MUTES", keyColumns: ["MUTE_ID"], rows: [row] };
    await writer.commit({ topic: "", appends: [], upserts: [upsert], deletes: [], state: [], moves: [] });
  }

  /** Runs a sender, as a process that is started and stopped, until `done`. */
  async send(done: () => boolean | Promise<boolean>): Promise<void> {
    const complain = (message: string, properties?: Record<string, unknown>) =>
      void this.said.push(`${message} ${JSON.stringify(properties)}`);
    await using writes = new SmallWrites(this.warehouse);
    const outbox = new Outbox({ warehouse: this.warehouse, writes, now: Date.now });
    await using channel = webhook({ url: this.receiver.url, secret: SECRET, timeoutMs: 300, now: Date.now });
    const owned = () => this.partitions.map((partition) => ({ domain: "trains", topic: "ats_telemetry", partition }));
    const sender = new Sender({
      ...{ channel, outbox, clock: systemClock, owned, giveUpMs: this.giveUpMs, lookEveryMs: 200 },
      dashboardUrl: undefined,
      logger: { debug() {}, info() {}, warn: complain, error: complain },
      onOutcome: (outcome, messages) => void (this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + messages),
    });
    const stop = new AbortController();
    const running = sender.run(stop.signal);
    try {
      for (const giveUpAt = Date.now() + 30_000; !await done();) {
        assert(Date.now() < giveUpAt, `not done: ${JSON.stringify(this.outcomes)} ${this.said.join("\n")}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      stop.abort();
      await running;
    }
  }

  async deliveries(): Promise<readonly (readonly unknown[])[]> {
    return (await this.warehouse.query("SELECT EVENT_ID, STATUS FROM ALERT_DELIVERIES ORDER BY EVENT_ID")).rows;
  }

  get told(): readonly string[] {
    return this.receiver.received.map(({ id }) => id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.receiver[Symbol.asyncDispose]();
    await this.warehouse[Symbol.asyncDispose]();
  }
}

Deno.test("what is delivered is not sent again by the next process, nor what is of others' partitions", async () => {
  await using bench = await Bench.open();
  const at = Date.now();
  await bench.add({ alert: "A", event: "RAISED", at }, { alert: "A", event: "CLEARED", at }, {
    alert: "B",
    event: "RAISED",
    at,
    partition: 1,
  });
  await bench.send(() => bench.told.length === 2);
  bench.partitions = [0, 1];
  await bench.send(() => bench.told.length === 3);
  assertEquals(bench.told, ["A/RAISED", "A/CLEARED", "B/RAISED"]);
  assertEquals((await bench.deliveries()).map(([, status]) => status), ["DELIVERED", "DELIVERED", "DELIVERED"]);
});

Deno.test("raised comes before cleared also where the clock of who wrote that was behind", async () => {
  await using bench = await Bench.open();
  const at = Date.now();
  await bench.add({ alert: "A", event: "RAISED", at }, { alert: "A", event: "CLEARED", at: at - MINUTE_MS });
  await bench.send(() => bench.told.length === 2);
  assertEquals(bench.told, ["A/RAISED", "A/CLEARED"]);
});

Deno.test("a message that the receiver forgot to answer comes again with the same key", async () => {
  await using bench = await Bench.open();
  await bench.add({ alert: "A", event: "RAISED", at: Date.now() });
  bench.receiver.mood = "forgets";
  await bench.send(() => bench.told.length === 1);
  bench.receiver.mood = "well";
  await bench.send(async () => (await bench.deliveries()).length === 1);
  assertEquals(bench.told, ["A/RAISED", "A/RAISED"]);
});

Deno.test("a refused message is a dead letter at once, and holds up no other", async () => {
  await using bench = await Bench.open();
  await bench.add({ alert: "A", event: "RAISED", at: Date.now() });
  bench.receiver.mood = "refuses";
  await bench.send(() => bench.outcomes.failed === 1);
  bench.receiver.mood = "well";
  await bench.add({ alert: "B", event: "RAISED", at: Date.now() });
  await bench.send(() => bench.told.length === 1);
  assertEquals(await bench.deliveries(), [["A/RAISED", "FAILED"], ["B/RAISED", "DELIVERED"]]);
  assert(bench.said.some((text) => text.includes("dead letter") && text.includes("404")), bench.said.join("\n"));
});

Deno.test("what cannot be delivered for long is a dead letter in the end, and is tried once even when it is old already", async () => {
  await using bench = await Bench.open();
  bench.giveUpMs = 10 * MINUTE_MS;
  const at = Date.now();
  await bench.add({ alert: "A", event: "RAISED", at: at - 11 * MINUTE_MS }, { alert: "B", event: "RAISED", at });
  bench.receiver.mood = "fails";
  await bench.send(() => bench.outcomes.failed === 1 && (bench.outcomes.retried ?? 0) > 0);
  assertEquals(await bench.deliveries(), [["A/RAISED", "FAILED"]]);
  bench.receiver.mood = "well";
  await bench.send(() => bench.told.length === 1);
  assertEquals(bench.told, ["B/RAISED"]);
});

Deno.test("a muted alert is told when the mute ends and it is still raised, and never when it was over by then", async () => {
  await using bench = await Bench.open();
  const at = Date.now();
  await bench.add(
    { alert: "A", event: "RAISED", at },
    { alert: "B", event: "RAISED", at },
    { alert: "B", event: "CLEARED", at },
    { alert: "C", event: "RAISED", at, type: "HIGH_POWER_DRAW" },
  );
  await bench.mute("OVERCROWDING", { to: Date.now() + 1_500 });
  await bench.send(() => bench.told.length === 1 && bench.outcomes.muted === 2);
  assertEquals(bench.told, ["C/RAISED"]);
  await bench.send(() => bench.told.length === 2);
  assertEquals(bench.told, ["C/RAISED", "A/RAISED"]);
  assertEquals(await bench.deliveries(), [
    ["A/RAISED", "DELIVERED"],
    ["B/CLEARED", "MUTED"],
    ["B/RAISED", "MUTED"],
    ["C/RAISED", "DELIVERED"],
  ]);
});

Deno.test("an alert that people know of is cleared for them although its rule is muted by then", async () => {
  await using bench = await Bench.open();
  await bench.add({ alert: "A", event: "RAISED", at: Date.now() });
  await bench.send(() => bench.told.length === 1);
  await bench.mute("OVERCROWDING", { to: Date.now() + MINUTE_MS });
  await bench.add({ alert: "A", event: "CLEARED", at: Date.now() });
  await bench.send(() => bench.told.length === 2);
  assertEquals(bench.told, ["A/RAISED", "A/CLEARED"]);
});
