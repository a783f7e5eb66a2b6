// What is sent, muted and given up, by the real sender, outbox and warehouse, to a real receiver.

import { setTimeout as delay } from "node:timers/promises";
import { assert, assertEquals, assertRejects } from "@std/assert";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import type { Channel } from "../../src/alerts/channel.ts";
import { webhook } from "../../src/alerts/channels/webhook.ts";
import { Outbox } from "../../src/alerts/outbox.ts";
import { Sender, type SendOutcome } from "../../src/alerts/sender.ts";
import { SmallWrites } from "../../src/alerts/small_writes.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { WarehouseUnavailableError } from "../../src/errors.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Upsert, Warehouse } from "../../src/warehouse/warehouse.ts";
import { addEvents, type EventRow } from "../support/alerts/messages.ts";
import { Receiver, SECRET } from "../support/alerts/receiver.ts";

const MINUTE_MS = 60_000;

class Bench implements AsyncDisposable {
  readonly receiver = new Receiver();
  readonly outcomes: Partial<Record<SendOutcome, number>> = {};
  /** What was complained of. */
  readonly said: string[] = [];
  giveUpMs = 3_600_000;
  lookEveryMs = 200;
  /** So many notes of what was delivered fail. */
  failingNotes = 0;
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

  /** A sender of this process; `channel` is the receiver's webhook and the clock the machine's when nothing else is said. */
  sender({ channel, writes, clock = systemClock }: {
    readonly channel: Channel;
    readonly writes: SmallWrites;
    readonly clock?: Clock;
  }): Sender {
    const complain = (message: string, properties?: Record<string, unknown>) =>
      void this.said.push(`${message} ${JSON.stringify(properties)}`);
    const failingWrites = {
      write: (upserts: readonly Upsert[]) =>
        this.failingNotes > 0 && this.failingNotes-- > 0 ? Promise.reject(new Error("no room")) : writes.write(upserts),
    };
    const outbox = new Outbox({
      warehouse: this.warehouse,
      writes: this.failingNotes > 0 ? failingWrites : writes,
      now: Date.now,
    });
    const owned = () => this.partitions.map((partition) => ({ domain: "trains", topic: "ats_telemetry", partition }));
    return new Sender({
      ...{ channel, outbox, clock, owned, giveUpMs: this.giveUpMs, lookEveryMs: this.lookEveryMs },
      dashboardUrl: undefined,
      logger: { debug() {}, info() {}, warn: complain, error: complain },
      onOutcome: (outcome, messages) => void (this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + messages),
    });
  }

  /** Runs a sender, as a process that is started and stopped, until `done`. */
  async send(done: () => boolean | Promise<boolean>): Promise<void> {
    await using writes = new SmallWrites(this.warehouse);
    await using channel = webhook({ url: this.receiver.url, secret: SECRET, timeoutMs: 300, now: Date.now });
    const sender = this.sender({ channel, writes });
    const stop = new AbortController();
    const running = sender.run(stop.signal);
    try {
      for (const giveUpAt = Date.now() + 30_000; !await done();) {
        assert(Date.now() < giveUpAt, `not done: ${JSON.stringify(this.outcomes)} ${this.said.join("\n")}`);
        await delay(20);
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
  await bench.send(() => bench.outcomes.delivered === 2);
  bench.partitions = [0, 1];
  await bench.send(() => bench.outcomes.delivered === 3);
  assertEquals(bench.told, ["A/RAISED", "A/CLEARED", "B/RAISED"]);
  assertEquals((await bench.deliveries()).map(([, status]) => status), ["DELIVERED", "DELIVERED", "DELIVERED"]);
});

Deno.test("raised comes before cleared also where the clock of who wrote that was behind", async () => {
  await using bench = await Bench.open();
  const at = Date.now();
  await bench.add({ alert: "A", event: "RAISED", at }, { alert: "A", event: "CLEARED", at: at - MINUTE_MS });
  await bench.send(() => bench.outcomes.delivered === 2);
  assertEquals(bench.told, ["A/RAISED", "A/CLEARED"]);
});

Deno.test("a message that the receiver forgot to answer comes again with the same key", async () => {
  await using bench = await Bench.open();
  await bench.add({ alert: "A", event: "RAISED", at: Date.now() });
  bench.receiver.mood = "forgets";
  await bench.send(() => bench.outcomes.retried === 1);
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
  await bench.send(() => bench.outcomes.delivered === 1);
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
  await bench.send(() => bench.outcomes.delivered === 1);
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
  await bench.send(() => bench.outcomes.delivered === 1 && bench.outcomes.muted === 2);
  assertEquals(bench.told, ["C/RAISED"]);
  await bench.send(() => bench.outcomes.delivered === 2);
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
  await bench.send(() => bench.outcomes.delivered === 1);
  await bench.mute("OVERCROWDING", { to: Date.now() + MINUTE_MS });
  await bench.add({ alert: "A", event: "CLEARED", at: Date.now() });
  await bench.send(() => bench.outcomes.delivered === 2);
  assertEquals(bench.told, ["A/RAISED", "A/CLEARED"]);
});

Deno.test("what is more than one look holds is told when its mute ends, also where nothing looks by itself", async () => {
  await using bench = await Bench.open();
  bench.lookEveryMs = Infinity;
  const at = Date.now();
  const over = Array.from({ length: 250 }, (_, i) => `OVER-${String(i).padStart(3, "0")}`);
  await bench.add(...over.flatMap((alert) => [
    { alert, event: "RAISED", at } as const,
    { alert, event: "CLEARED", at } as const,
  ]));
  await bench.add({ alert: "STILL", event: "RAISED", at: at + 1 });
  await bench.mute("OVERCROWDING", { to: Date.now() + 2_500 });
  await bench.send(() => bench.outcomes.delivered === 1);
  assertEquals(bench.told, ["STILL/RAISED"]);
  assertEquals(bench.outcomes.muted, 500);
});

Deno.test("what waited for the end of a mute is tried for as long as anything else from then on", async () => {
  await using bench = await Bench.open();
  bench.giveUpMs = 10 * MINUTE_MS;
  const at = Date.now();
  await bench.add({ alert: "A", event: "RAISED", at: at - 60 * MINUTE_MS });
  await bench.mute("OVERCROWDING", { from: at - 90 * MINUTE_MS, to: at - MINUTE_MS });
  bench.receiver.mood = "fails";
  await bench.send(() => (bench.outcomes.retried ?? bench.outcomes.failed ?? 0) > 0);
  bench.receiver.mood = "well";
  await bench.send(() => bench.outcomes.delivered === 1);
  assertEquals(await bench.deliveries(), [["A/RAISED", "DELIVERED"]]);
});

Deno.test("what was told is not told again because noting it has failed", async () => {
  await using bench = await Bench.open();
  await bench.add({ alert: "A", event: "RAISED", at: Date.now() });
  bench.failingNotes = 1;
  await bench.send(async () => (await bench.deliveries()).length === 1);
  assertEquals([bench.failingNotes, bench.told, bench.outcomes.delivered], [0, ["A/RAISED"], 1]);
});

/** A receiver that answers when the test says so. */
function heldChannel() {
  const sent: { readonly ids: readonly string[]; readonly answer: PromiseWithResolvers<void> }[] = [];
  const channel: Channel = {
    ...{ name: "webhook", description: "a receiver that is held", atOnce: 1 },
    send(messages) {
      const answer = Promise.withResolvers<void>();
      sent.push({ ids: messages.map(({ id }) => id), answer });
      return answer.promise;
    },
    async [Symbol.asyncDispose]() {},
  };
  return { channel, sent };
}

Deno.test("what comes while another message fails does not wait until that one is tried again", async () => {
  await using bench = await Bench.open();
  await bench.add({ alert: "A", event: "RAISED", at: Date.now() });
  const { channel, sent } = heldChannel();
  await using writes = new SmallWrites(bench.warehouse);
  const stop = new AbortController();
  // Its time stands still: a wait for the next try never ends.
  const clock = { ...systemClock, monotonic: () => 0 };
  const sender = bench.sender({ channel, writes, clock });
  const running = sender.run(stop.signal);
  while (sent.length === 0) await delay(10);
  await bench.add({ alert: "B", event: "RAISED", at: Date.now() });
  sender.wake();
  sent[0]!.answer.reject(new Error("not today"));
  while (sent.length === 1) await delay(10);
  assertEquals(sent.map(({ ids }) => ids), [["A/RAISED"], ["B/RAISED"]]);
  stop.abort();
  sent[1]!.answer.resolve();
  await running;
});

Deno.test("a channel is told what is for it, and writing goes on after what was refused", async () => {
  await using bench = await Bench.open();
  await addEvents(bench.warehouse, [{ alert: "A", event: "RAISED", at: Date.now() }], ["mail"]);
  await bench.add({ alert: "B", event: "RAISED", at: Date.now() });
  await bench.send(() => bench.outcomes.delivered === 1);
  assertEquals(bench.told, ["B/RAISED"]);
  await using writes = new SmallWrites(bench.warehouse);
  const row = { MUTE_ID: "m", DOMAIN: "trains", ALERT_TYPE: "T", MUTED_BY: "me", MUTED_AT: 0, ENDS_AT: 1 };
  const write = (table: string) => writes.write([{ table, keyColumns: ["MUTE_ID"], rows: [row] }]);
  await assertRejects(() => write("NO_SUCH_TABLE"));
  await write("ALERT_MUTES");
  assertEquals((await bench.warehouse.query("SELECT MUTE_ID FROM ALERT_MUTES")).rows, [["m"]]);
});

Deno.test("a receiver is reminded of what is raised until it is cleared, also by who takes over", async () => {
  await using bench = await Bench.open();
  const reminded: string[][] = [];
  const channel: Channel = {
    ...{ name: "webhook", description: "a receiver that forgets", atOnce: 10 },
    send: () => Promise.resolve(),
    reminder: {
      everyMs: 20,
      remind: (active) => Promise.resolve(void reminded.push(active.map(({ alertId }) => alertId).sort())),
    },
    async [Symbol.asyncDispose]() {},
  };
  const until = async (expected: readonly string[]) => {
    reminded.length = 0;
    const isTold = () => reminded.some((ids) => ids.join() === expected.join());
    for (const giveUpAt = Date.now() + 20_000; !isTold();) {
      assert(Date.now() < giveUpAt, JSON.stringify(reminded.at(-1)));
      await delay(10);
    }
  };
  const at = Date.now();
  await bench.add(...["A", "B"].map((alert) => ({ alert, event: "RAISED", at } as const)));
  for (const first of [true, false]) {
    await using writes = new SmallWrites(bench.warehouse);
    const stop = new AbortController();
    const running = bench.sender({ channel, writes }).run(stop.signal);
    await until(first ? ["A", "B"] : ["B", "C"]);
    if (first) {
      await bench.add({ alert: "A", event: "CLEARED", at });
      await until(["B"]);
      // Another process tells of a partition that comes over.
      await bench.add({ alert: "C", event: "RAISED", at, partition: 1 });
      bench.partitions = [0, 1];
      await until(["B", "C"]);
      bench.partitions = [1];
      await until(["C"]);
      bench.partitions = [0, 1];
    }
    stop.abort();
    await running;
  }
});

Deno.test("whoever ends does not wait for a receiver that says nothing", async () => {
  await using bench = await Bench.open();
  await bench.add({ alert: "A", event: "RAISED", at: Date.now() });
  const { channel, sent } = heldChannel();
  const writes = new SmallWrites(bench.warehouse);
  const stop = new AbortController();
  const running = bench.sender({ channel, writes }).run(stop.signal);
  while (sent.length === 0) await delay(10);
  stop.abort();
  await running;
  await writes[Symbol.asyncDispose]();
  // What comes of it later opens nothing anew.
  sent[0]!.answer.resolve();
  await delay(200);
  assertEquals(await bench.deliveries(), []);
  await assertRejects(
    () => writes.write([{ table: "ALERT_MUTES", keyColumns: ["MUTE_ID"], rows: [] }]),
    WarehouseUnavailableError,
  );
});
