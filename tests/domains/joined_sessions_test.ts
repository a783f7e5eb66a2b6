// Sessions and alerts of keys that are in several partitions, as the joined views have them: when a row is final, and what a
// version says.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Batch, FanOut, type Output, PartitionInput, StateBackend } from "@freshet/stream";
import { type Domain, outputsOf } from "../../src/domains/domain.ts";
import { closeAll, noteClosed } from "../../src/engine/end_of_input.ts";
import { Pending } from "../../src/engine/pending.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Row, Upsert, Warehouse } from "../../src/warehouse/warehouse.ts";
import { loose, SYSTEM } from "../contracts/warehouse/suite.ts";
import { domainOf } from "../support/domains.ts";
import { propertyRuns } from "../support/simulation/runs.ts";

const MINUTE_MS = 60_000;
const DAY = Date.UTC(2026, 0, 15);
/** The time of day of so many minutes since ten o'clock. */
const at = (minutes: number) => DAY + 600 * MINUTE_MS + minutes * MINUTE_MS;
const clock = (ms: unknown) => new Date(Number(ms)).toISOString().slice(11, 16);

const actions = domainOf("actions");
const trains = domainOf("trains");
const wine = domainOf("wine");

interface Joined {
  readonly user: string;
  readonly start: number;
  readonly final: boolean;
  readonly version: number;
  /** Everything else that the row says. */
  readonly said: string;
}

/** The engine's own steps from records to rows, partition by partition, into a warehouse. */
class Partitions {
  readonly #state = new StateBackend();
  readonly #outputs: readonly Output<unknown>[];
  readonly #operators: FanOut<unknown>;
  readonly #inputs: readonly PartitionInput[];
  #pending: Pending;

  constructor(private readonly warehouse: Warehouse, count: number, private readonly domain: Domain = actions) {
    const { time } = domain;
    this.#outputs = outputsOf(domain, { state: this.#state, allowedLatenessMs: time.allowedLatenessMs });
    this.#operators = new FanOut(this.#outputs.map(({ operator }) => operator));
    this.#inputs = Array.from({ length: count }, (_, p) => new PartitionInput(p, time));
    this.#pending = new Pending(domain, this.#outputs);
  }

  /** The warehouse knows the operators, and nothing of how far partitions have come. */
  async begin(): Promise<this> {
    await using writer = await this.warehouse.writer("test");
    const deletes = ["FRESHET_OFFSETS", "FRESHET_CLOSED"].map((table) => (
      { table, keyColumns: ["DOMAIN"], rows: [{ DOMAIN: this.domain.name }] }
    ));
    await writer.commit(loose({ deletes }));
    const rows = [...this.#state.fingerprints].map(([OPERATOR, FINGERPRINT]) => (
      { DOMAIN: this.domain.name, OPERATOR, FINGERPRINT, UPDATED_AT: DAY }
    ));
    await this.#commit([{ table: "FRESHET_OPERATORS", keyColumns: ["DOMAIN", "OPERATOR"], rows }]);
    return this;
  }

  /** A user's actions, at minutes since ten o'clock; the watermark is half a minute behind the last. */
  async act(partition: number, user: string, ...minutes: number[]): Promise<void> {
    const page = (minute: number) => `/${partition}/${minute}`;
    await this.take(partition, minutes, (minute) => ({ user_id: user, action: "view", page: page(minute) }));
  }

  /** Records of what `said` makes of minutes since ten o'clock, and a checkpoint. */
  async take(partition: number, minutes: readonly number[], said: (minute: number) => object): Promise<void> {
    const input = this.#inputs[partition]!;
    const elements = minutes.map((minute) => ({
      value: { timestamp: at(minute), ...said(minute) },
      time: at(minute),
      offset: input.nextOffset++,
      watermark: input.watermark.observe(at(minute)),
    }));
    await this.#push(input.batch<unknown>(elements, { early: true }));
    await this.#commit();
  }

  /** Moves the partitions' watermarks to so many minutes since ten o'clock, by users of each. */
  async pass(minute: number, ...partitions: number[]): Promise<void> {
    for (const partition of partitions) await this.act(partition, `of ${partition}`, minute + 0.5);
  }

  /** No record comes for so many minutes. */
  async silence(minutes: number): Promise<void> {
    for (const input of this.#inputs) {
      input.watermark.busy();
      input.watermark.quiet(0);
      if (input.watermark.quiet(this.domain.time.idleAfterMs + minutes * MINUTE_MS)) {
        await this.#push(input.batch<unknown>([], { early: true }));
      }
    }
    await this.#commit();
  }

  /** The end of a bounded input. */
  async end(): Promise<void> {
    const partitions = new Map(this.#inputs.map((input, p) => [p, input]));
    const ended = { pipeline: { state: this.#state, outputs: this.#outputs }, partitions, push: this.#push };
    await closeAll(ended as unknown as Parameters<typeof closeAll>[0]);
    noteClosed(ended as unknown as Parameters<typeof noteClosed>[0], this.#pending, DAY);
    await this.#commit();
  }

  readonly #push = async (batch: Batch<unknown>): Promise<void> => {
    this.#pending.addAnswers(batch, await this.#operators.push(batch), DAY);
  };

  async #commit(more: readonly Upsert[] = []): Promise<void> {
    const { upserts, deletes } = this.#pending.unit([], []);
    this.#pending = new Pending(this.domain, this.#outputs);
    const known = { DOMAIN: this.domain.name, TOPIC: this.domain.topic };
    const positions = this.#inputs.map(({ position: { watermark, nextOffset } }, KAFKA_PARTITION): Row => ({
      ...{ ...known, KAFKA_PARTITION, NEXT_OFFSET: nextOffset, EPOCH: 1, CHECKPOINT_ID: 1 },
      ...{ WATERMARK: watermark, UPDATED_AT: DAY },
    }));
    const offsets = { table: "FRESHET_OFFSETS", keyColumns: ["DOMAIN", "TOPIC", "KAFKA_PARTITION"], rows: positions };
    await using writer = await this.warehouse.writer("test");
    await writer.commit(loose({ upserts: [...more, ...upserts, offsets], deletes }));
  }

  async joined(users = "7"): Promise<readonly Joined[]> {
    const { rows } = await this.warehouse.query(
      `SELECT USER_ID, epoch_ms(WINDOW_START), epoch_ms(WINDOW_END), EVENT_COUNT, DURATION_S, FIRST_PAGE, LAST_PAGE,
         IS_FINAL, VERSION
       FROM USER_SESSIONS_JOINED WHERE USER_ID LIKE '${users}' ORDER BY 1, 2`,
      { maxRows: 10_000 },
    );
    return rows.map(([user, start, end, count, duration, first, last, final, version]) => ({
      ...{ user: String(user), start: Number(start), final: final === true, version: Number(version) },
      said: `to ${clock(end)}, ${count} in ${duration} s, ${first} to ${last}`,
    }));
  }

  /** User 7's sessions, in short. */
  async sessions(): Promise<readonly string[]> {
    return (await this.joined()).map(({ start, said, final, version }) =>
      `${clock(start)} ${said.split(" in ")[0]}, v${version}${final ? " final" : ""}`
    );
  }
}

async function onWarehouse(body: (warehouse: Warehouse) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await using warehouse = await openDuckDb({ path: `${dir}/test.duckdb` });
    await warehouse.migrate([SYSTEM, ...[actions, trains, wine].map(({ name, sql: text }) => ({ name, text }))]);
    await body(warehouse);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a user in one partition so far has no final session before every partition has passed it", () =>
  onWarehouse(async (warehouse) => {
    const partitions = await new Partitions(warehouse, 2).begin();
    await partitions.act(0, "7", 0, 20);
    await partitions.pass(52, 0);
    await partitions.pass(30, 1);
    assertEquals(await partitions.sessions(), ["10:00 to 10:50, 2, v1"]);
    // In time, where the other partition stands: it is still the same session.
    await partitions.act(1, "7", 45);
    assertEquals(await partitions.sessions(), ["10:00 to 11:15, 3, v1"]);
    await partitions.pass(75, 0, 1);
    assertEquals(await partitions.sessions(), ["10:00 to 11:15, 3, v1 final"]);
  }));

Deno.test("a late record in a partition that knew nothing of the user gives what was final a new version", () =>
  onWarehouse(async (warehouse) => {
    const partitions = await new Partitions(warehouse, 2).begin();
    await partitions.act(0, "7", 0, 20);
    await partitions.pass(55, 0, 1);
    assertEquals(await partitions.sessions(), ["10:00 to 10:50, 2, v1 final"]);
    await partitions.act(1, "7", 10);
    assertEquals(await partitions.sessions(), ["10:00 to 10:50, 3, v2 final"]);
    // One that makes it longer than all have come opens it again, under a new version.
    await partitions.act(1, "7", 40);
    assertEquals(await partitions.sessions(), ["10:00 to 11:10, 4, v3"]);
    await partitions.pass(70, 0, 1);
    assertEquals(await partitions.sessions(), ["10:00 to 11:10, 4, v3 final"]);
  }));

Deno.test("a late record that lets an open session grow back to what was final elsewhere gives it a new version", () =>
  onWarehouse(async (warehouse) => {
    const partitions = await new Partitions(warehouse, 2).begin();
    await partitions.act(0, "7", 0, 20);
    await partitions.act(1, "7", 52);
    await partitions.pass(55, 0, 1);
    assertEquals(await partitions.sessions(), ["10:00 to 10:50, 2, v1 final", "10:52 to 11:22, 1, v1"]);
    await partitions.act(1, "7", 40);
    await partitions.pass(85, 0, 1);
    assertEquals(await partitions.sessions(), ["10:00 to 11:22, 4, v2 final"]);
  }));

Deno.test("after the end of an input new sessions are open, and what it closed stays final", () =>
  onWarehouse(async (warehouse) => {
    const partitions = await new Partitions(warehouse, 2).begin();
    await partitions.act(0, "7", 0, 20);
    await partitions.act(1, "7", 10);
    await partitions.end();
    assertEquals(await partitions.sessions(), ["10:00 to 10:50, 3, v1 final"]);
    await partitions.act(0, "7", 60);
    await partitions.act(1, "7", 65);
    assertEquals(await partitions.sessions(), ["10:00 to 10:50, 3, v1 final", "11:00 to 11:35, 2, v1"]);
    // Up to where one partition was closed no other has anything open.
    await partitions.act(1, "7", 49);
    assertEquals((await partitions.sessions())[0]!.slice(-2), "v2");
  }));

const READING = { passenger_count: 1500, total_weight_tons: 200, power_draw_kw: 100, speed_kmh: 50 };

/** Partitions in which train T1 is crowded, and others run. */
class Trains {
  private constructor(private readonly warehouse: Warehouse, readonly partitions: Partitions) {}

  static async begin(warehouse: Warehouse, count: number): Promise<Trains> {
    return new Trains(warehouse, await new Partitions(warehouse, count, trains).begin());
  }

  async crowded(partition: number, ...minutes: number[]): Promise<void> {
    await this.partitions.take(partition, minutes, () => ({ ...READING, train_id: "T1" }));
  }

  /** Moves the partitions' watermarks to so many minutes since ten o'clock, by trains that are not crowded. */
  async pass(minute: number, ...partitions: number[]): Promise<void> {
    const others = () => ({ ...READING, train_id: "T2", passenger_count: 0 });
    for (const partition of partitions) await this.partitions.take(partition, [minute + 0.5], others);
  }

  async alerts(): Promise<readonly string[]> {
    const { rows } = await this.warehouse.query(
      "SELECT STATUS, EVENT_COUNT, VERSION, epoch_ms(CLEARED_AT) FROM ATS_ALERTS_JOINED ORDER BY STARTED_AT",
    );
    return rows.map(([status, count, version, cleared]) =>
      `${status} ${count}, v${version}${cleared === null ? "" : ` at ${clock(cleared)}`}`
    );
  }
}

Deno.test("a late record in a partition that knew nothing of the train gives an alert that was cleared a new version", () =>
  onWarehouse(async (warehouse) => {
    const topic = await Trains.begin(warehouse, 2);
    await topic.crowded(0, 0, 1);
    assertEquals(await topic.alerts(), ["ACTIVE 2, v1"]);
    await topic.pass(10, 0, 1);
    assertEquals(await topic.alerts(), ["CLEARED 2, v1 at 10:03"]);
    await topic.crowded(1, 0.5);
    assertEquals(await topic.alerts(), ["CLEARED 3, v2 at 10:03"]);
  }));

Deno.test("a joined alert is active until a partition that is behind has passed its end", () =>
  onWarehouse(async (warehouse) => {
    const topic = await Trains.begin(warehouse, 2);
    await topic.crowded(0, 0, 1);
    await topic.pass(10, 0);
    assertEquals(await topic.alerts(), ["ACTIVE 2, v1"], "partition 1 has not come at all");
    await topic.pass(1, 1);
    assertEquals(await topic.alerts(), ["ACTIVE 2, v1"], "partition 1 is behind");
    // In time, where the other partition stands: it is still the same alert.
    await topic.crowded(1, 2);
    await topic.pass(3.5, 1);
    assertEquals(await topic.alerts(), ["ACTIVE 3, v1"]);
    await topic.pass(4, 1);
    assertEquals(await topic.alerts(), ["CLEARED 3, v1 at 10:04"]);
  }));

Deno.test("the end of an input clears joined alerts, wherever its partitions stand", () =>
  onWarehouse(async (warehouse) => {
    const topic = await Trains.begin(warehouse, 2);
    await topic.crowded(0, 0, 1);
    await topic.crowded(1, -20);
    await topic.partitions.end();
    assertEquals(await topic.alerts(), ["CLEARED 1, v1 at 09:42", "CLEARED 2, v1 at 10:03"]);
  }));

Deno.test("a joined alert that was over for long when it was written is not active, though a partition is behind", () =>
  onWarehouse(async (warehouse) => {
    const topic = await Trains.begin(warehouse, 2);
    const [of, long] = [-60 * 24 * 9, -60 * 24 * 8];
    await topic.crowded(0, of);
    await topic.pass(long, 0);
    assertEquals(await topic.alerts(), ["CLEARED 1, v1"]);
    await topic.pass(long, 1);
    assertEquals(await topic.alerts(), ["CLEARED 1, v1 at 10:02"]);
  }));

Deno.test("an alert of low stock is one row of the joined alerts, as its partition has it", () =>
  onWarehouse(async (warehouse) => {
    const partitions = await new Partitions(warehouse, 2, wine).begin();
    const order = {
      event_type: "ORDER_CREATED",
      order_line_id: "o",
      customer_id: 1,
      product_id: 7,
      quantity: 1_000_000,
    };
    await partitions.take(0, [0], (minute) => ({ ...order, event_ts: at(minute) }));
    const { rows } = await warehouse.query("SELECT ALERT_TYPE, STATUS, PRODUCT_ID FROM STOCK_ALERTS_JOINED");
    assertEquals(rows, [["LOW_STOCK", "ACTIVE", 7]]);
  }));

type Step =
  | {
    readonly kind: "act";
    readonly partition: number;
    readonly user: number;
    readonly on: number;
    readonly back: number;
  }
  | { readonly kind: "silence"; readonly minutes: number }
  | { readonly kind: "end" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      ...{ kind: fc.constant("act" as const), partition: fc.nat(2), user: fc.nat(1), on: fc.nat(25) },
      back: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(80) }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("silence" as const), minutes: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const) }) },
);

/** What readers have seen of joined rows: nothing final is said twice with other words, or opens again under its version. */
class Seen {
  readonly #said = new Map<string, string>();
  readonly #final = new Map<string, number>();

  look(rows: readonly Joined[]): void {
    for (const { user, start, final, version, said } of rows) {
      const key = `${user} ${start}`;
      const before = this.#final.get(key) ?? 0;
      assert(version >= before, `${key} had version ${before} and has ${version}`);
      if (!final) {
        assert(version > before, `${key} was final with version ${before} and is open with it`);
        continue;
      }
      assertEquals(said, this.#said.get(`${key} ${version}`) ?? said, `${key} was final with version ${version}`);
      this.#said.set(`${key} ${version}`, said);
      this.#final.set(key, version);
    }
  }
}

/** Alerts of trains are final when they are cleared. */
async function joinedAlerts(warehouse: Warehouse, trainsLike: string): Promise<readonly Joined[]> {
  const { rows } = await warehouse.query(
    `SELECT TRAIN_ID, epoch_ms(STARTED_AT), epoch_ms(CLEARED_AT), epoch_ms(LAST_SEEN_AT), EVENT_COUNT, STATUS, VERSION
     FROM ATS_ALERTS_JOINED WHERE TRAIN_ID LIKE '${trainsLike}' ORDER BY 1, 2`,
    { maxRows: 10_000 },
  );
  return rows.map(([train, start, cleared, last, count, status, version]) => {
    assertEquals(status, cleared === null ? "ACTIVE" : "CLEARED");
    return {
      ...{ user: String(train), start: Number(start), final: cleared !== null, version: Number(version) },
      said: `last seen ${clock(last)}, ${count}`,
    };
  });
}

for (
  const [what, domain, act, joined] of [
    [
      "final session",
      actions,
      (topic: Partitions, partition: number, user: string, minute: number) => topic.act(partition, user, minute),
      (_: Warehouse, topic: Partitions, users: string) => topic.joined(users),
    ],
    [
      "cleared alert",
      domainOf("trains", { ATS_ALERT_GAP_SECONDS: "1800" }),
      (topic: Partitions, partition: number, user: string, minute: number) =>
        topic.take(partition, [minute], () => ({ ...READING, train_id: user })),
      (warehouse: Warehouse, _: Partitions, users: string) => joinedAlerts(warehouse, users),
    ],
  ] as const
) {
  Deno.test(`no ${what} has two contents under one version, whatever comes in which partition when`, () =>
    onWarehouse(async (warehouse) => {
      let run = 0;
      const steps = fc.array(step, { minLength: 5, maxLength: 25 });
      const property = fc.asyncProperty(fc.constantFrom(1, 2, 3), steps, async (count, steps) => {
        const name = `run${++run}`;
        const topic = await new Partitions(warehouse, count, domain).begin();
        const seen = new Seen();
        let now = 0;
        for (const each of steps) {
          if (each.kind === "silence") await topic.silence(each.minutes);
          else if (each.kind === "end") await topic.end();
          else {
            now += each.on;
            await act(topic, each.partition % count, `${name}/${each.user}`, Math.max(0, now - each.back));
          }
          seen.look(await joined(warehouse, topic, `${name}/%`));
        }
      });
      await fc.assert(property, propertyRuns(20));
    }));
}
