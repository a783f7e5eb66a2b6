// Every fault at every statement of a unit: it is written once, or not at all and then again, with nothing lost or twice.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { commitUnit } from "../../src/engine/checkpoint.ts";
import { FencedError, FreshetError } from "../../src/errors.ts";
import { Cells } from "../../src/warehouse/cells.ts";
import type { Claim, Unit, Warehouse, Writer } from "../../src/warehouse/warehouse.ts";
import { append, segment, SYSTEM, TABLES, TOPIC } from "../contracts/warehouse/suite.ts";
import { type OwnSchema, ownSchema, QUICK } from "../support/snowflake/adapter.ts";
import { type Fault, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake({ inProgressAfterMs: 500 }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

const PARTITIONS = [0, 1];

/** The n-th unit: rows of all kinds, from offset 2n to before 2n + 2 of each partition. */
function unitOf(topic: string, n: number, claims: readonly Claim[]): Unit {
  const rows = PARTITIONS.flatMap((partition) =>
    [0, 1].map((i) => ({ ID: (2 * n + i) * 10 + partition, NAME: `n${n}` }))
  );
  const partitions = [0, 0, 1, 1];
  const offsets = [2 * n, 2 * n + 1, 2 * n, 2 * n + 1];
  return {
    topic,
    appends: [
      { table: "EVENTS", cells: Cells.of(rows), partitions, offsets },
      { table: "EVERY_TYPE", cells: Cells.of(rows.map(({ ID }) => ({ ID, A_VARIANT: "{}" }))), partitions, offsets },
      append(
        "DEAD_LETTERS",
        segment([{
          DOMAIN: "domain",
          TOPIC: topic,
          KAFKA_PARTITION: 0,
          KAFKA_OFFSET: 2 * n,
          STAGE: "decode",
          REASON: "none",
          SEEN_AT: 0,
        }]),
      ),
    ],
    upserts: [{
      table: "COUNTS",
      keyColumns: ["NAME"],
      rows: [{ NAME: "all", TOTAL: n }, { NAME: `n${n}`, TOTAL: n }],
    }],
    deletes: [{ table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: `n${n - 1}` }] }],
    state: [{ operator: "o", partition: 0, namespace: 0, key: "k", value: `${n}` }],
    moves: claims.map(({ partition, epoch, checkpoint, nextOffset: expectedOffset }) => ({
      partition,
      epoch,
      checkpoint,
      expectedOffset,
      to: { nextOffset: 2 * n + 2, watermark: n, maxEventTime: n, lastTimestamp: n },
    })),
  };
}

/** Commits units as the engine does: after an error that can be retried it claims again and goes on from there. */
class Run implements AsyncDisposable {
  errors: string[] = [];
  written = 0;
  #writer: Writer | undefined;
  #claims: readonly Claim[] = [];

  constructor(private readonly warehouse: Warehouse, private readonly topic = TOPIC) {}

  async writeNext(): Promise<void> {
    const n = this.written;
    for (let attempt = 0; this.written === n; attempt++) {
      assert(attempt < 4, `unit ${n} is not written after 4 attempts: ${this.errors.join("; ")}`);
      try {
        await this.#attempt(n);
      } catch (error) {
        if (!(error instanceof FreshetError)) throw error;
        assert(error.retriable, error.message);
        this.errors.push(error.message);
        await this[Symbol.asyncDispose]();
      }
    }
  }

  async #attempt(n: number): Promise<void> {
    if (!this.#writer) {
      this.#writer = await this.warehouse.writer("domain");
      this.#claims = await this.#writer.claim(this.topic, PARTITIONS);
    }
    if (this.#claims[0]!.nextOffset === 2 * n) {
      await commitUnit(this.#writer, unitOf(this.topic, n, this.#claims));
      this.#claims = this.#claims.map((claim) => ({
        ...claim,
        checkpoint: claim.checkpoint + 1,
        nextOffset: 2 * n + 2,
      }));
    }
    this.written++;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
    this.#writer = undefined;
  }
}

/** What the tables must hold after so many units. */
async function assertWritten(schema: OwnSchema, units: number): Promise<void> {
  const numbers = async (sql: string) => (await schema.sql(sql)).map((row) => row.map(Number));
  const ids = Array.from({ length: units * 2 }, (_, i) => [i * 10, i * 10 + 1]).flat();
  for (const table of ["EVENTS", "EVERY_TYPE"]) {
    assertEquals((await numbers(`SELECT ID FROM $SCHEMA.${table} ORDER BY ID`)).flat(), ids, table);
  }
  const dead = await numbers("SELECT KAFKA_OFFSET FROM $SCHEMA.DEAD_LETTERS ORDER BY KAFKA_OFFSET");
  assertEquals(dead.flat(), Array.from({ length: units }, (_, n) => 2 * n));
  assertEquals(await numbers("SELECT TOTAL FROM $SCHEMA.COUNTS"), [[units - 1], [units - 1]]);
  assertEquals(
    await numbers("SELECT NEXT_OFFSET, CHECKPOINT_ID FROM $SCHEMA.FRESHET_OFFSETS"),
    [[units * 2, units], [units * 2, units]],
  );
  const state = await schema.sql(
    "SELECT STATE_VALUE FROM $SCHEMA.FRESHET_STATE WHERE STATE_VALUE IS NOT NULL ORDER BY CHECKPOINT_ID",
  );
  assertEquals(state.at(-1), [`${units - 1}`]);
}

Deno.test({
  name: "snowflake: of a unit in many chunks each is inserted once, whichever the retry runs again",
  ignore: skip !== undefined,
  async fn() {
    await using schema = await ownSchema(double!, { ...QUICK, requestBytes: 40 });
    await using warehouse = await schema.open();
    await warehouse.migrate([SYSTEM, TABLES]);
    await using run = new Run(warehouse);
    try {
      for (const skip of [0, 1, 2, 3]) {
        const fault: Fault = { kind: "cut_after", retry: "run_again" };
        const injected = double!.control.inject(fault, { statement: /^INSERT ALL/, skip });
        double!.clearLog();
        await run.writeNext();
        assertEquals(injected.hits, 1);
        const inserts = double!.statements().filter(({ sql }) => sql.startsWith("INSERT ALL"));
        assert(inserts.length > 4, `${inserts.length}`);
      }
      await assertWritten(schema, run.written);
      assertEquals(run.errors, []);
    } finally {
      double!.control.clearFaults();
    }
  },
});

const STATEMENTS = [
  /^BEGIN/,
  /^SELECT CURRENT_TRANSACTION/,
  /^INSERT ALL/,
  /^MERGE INTO "COUNTS"/,
  /^DELETE FROM "COUNTS"/,
  /^UPDATE FRESHET_OFFSETS_\w+ SET UPDATED_AT/,
  /^UPDATE FRESHET_OFFSETS_\w+ SET NEXT_OFFSET/,
  /^COMMIT/,
];

const FAULTS: readonly (readonly [
  name: string,
  fault: Fault,
  times?: number,
  afterForcedRollback?: "silent" | "error",
])[] = [
  ["503 instead of an answer", { kind: "status", status: 503 }],
  ["429 that asks to wait", { kind: "status", status: 429, retryAfterSeconds: 1 }],
  ["the line cut before a statement", { kind: "cut_before" }, 2],
  ["the line cut after a statement, whose retry is answered", { kind: "cut_after" }, 2],
  ["the line cut after a statement, which the retry runs again", { kind: "cut_after", retry: "run_again" }],
  ["the line cut after a statement, whose retry meets a dead session", { kind: "cut_after", retry: "dead_session" }],
  ["an expired token", { kind: "token_expired" }],
  ["an expired master token", { kind: "master_token_expired" }],
  ["a session that is gone", { kind: "session_gone" }],
  ["a transaction that the server takes back in silence", { kind: "transaction_aborted" }],
  ["a transaction that the server takes back and says so", { kind: "transaction_aborted" }, 1, "error"],
  ["an internal error", { kind: "error", code: "000603", sqlState: "XX000", message: "SQL execution internal error" }],
  ["a statement that was cancelled", { kind: "error", code: "000604", sqlState: "57014", message: "canceled" }],
  ["a slow statement", { kind: "slow", ms: 700 }],
];

for (const [name, fault, times = 1, afterForcedRollback = "silent"] of FAULTS) {
  Deno.test({
    name: `snowflake: every unit is written once, whichever statement meets ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      await using warehouse = await schema.open();
      await warehouse.migrate([SYSTEM, TABLES]);
      await using run = new Run(warehouse);
      await double!.control.set({ after_forced_rollback: afterForcedRollback });
      try {
        await run.writeNext();
        for (const statement of STATEMENTS) {
          const injected = double!.control.inject(fault, { statement, times });
          await run.writeNext();
          assertEquals(injected.hits, times, `${statement}`);
        }
        double!.control.clearFaults();
        await run.writeNext();
        await assertWritten(schema, run.written);
      } finally {
        double!.control.clearFaults();
        await double!.control.set({ after_forced_rollback: "silent" });
      }
    },
  });
}

const CLAIM_STATEMENTS = [
  /^BEGIN/,
  /^SELECT CURRENT_TRANSACTION/,
  /^UPDATE FRESHET_OFFSETS_\w+ SET UPDATED_AT/,
  /^MERGE INTO FRESHET_OFFSETS/,
  /^SELECT KAFKA_PARTITION/,
  /^COMMIT/,
];

/** Those that the driver meets alone, and waits for, are the same at any statement. */
const OF_THE_SESSION = FAULTS.filter(([, { kind, ...more }]) =>
  kind.endsWith("_gone") || kind === "transaction_aborted" || kind === "error" || "retry" in more
);

for (const [name, fault, times = 1, afterForcedRollback = "silent"] of OF_THE_SESSION) {
  Deno.test({
    name: `snowflake: partitions are claimed, and the claim before is fenced out, whichever statement meets ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      await using warehouse = await schema.open();
      await warehouse.migrate([SYSTEM, TABLES]);
      await double!.control.set({ after_forced_rollback: afterForcedRollback });
      try {
        for (const [i, statement] of CLAIM_STATEMENTS.entries()) {
          await using run = new Run(warehouse, `topic${i}`);
          // A topic that has no rows yet, and one that has.
          for (const claim of ["first", "second"]) {
            await using before = await warehouse.writer("domain");
            const stale = claim === "first" ? [] : await before.claim(`topic${i}`, PARTITIONS);
            const injected = double!.control.inject(fault, { statement, times });
            await run.writeNext();
            await run[Symbol.asyncDispose]();
            double!.control.clearFaults();
            assertEquals(injected.hits, times, `${statement}`);
            if (stale.length > 0) await assertRejects(() => before.commit(unitOf(`topic${i}`, 2, stale)), FencedError);
          }
        }
        const offsets = await schema.sql("SELECT NEXT_OFFSET, CHECKPOINT_ID FROM $SCHEMA.FRESHET_OFFSETS");
        assertEquals(offsets.map((row) => row.map(Number)), CLAIM_STATEMENTS.flatMap(() => [[4, 2], [4, 2]]));
        const events = await schema.sql("SELECT COUNT(*) FROM $SCHEMA.EVENTS");
        assertEquals(events.map((row) => row.map(Number)), [[CLAIM_STATEMENTS.length * 2 * 4]]);
      } finally {
        double!.control.clearFaults();
        await double!.control.set({ after_forced_rollback: "silent" });
      }
    },
  });
}
