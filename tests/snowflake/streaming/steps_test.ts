// An owner is killed at each step of taking a partition over and of writing a unit, before the step and after it: the next one
// goes on, and everything is there once.

import { assert, assertEquals } from "@std/assert";
import { FreshetError } from "../../../src/errors.ts";
import type { Warehouse } from "../../../src/warehouse/warehouse.ts";
import { rowsOf, TOPIC, unit } from "../../contracts/warehouse/suite.ts";
import { type Aim, startSnowflake, whyNoSnowflake } from "../../support/snowflake/mod.ts";
import {
  KEY_USER,
  openPlace,
  RAW,
  rawRows,
  send,
  span,
  streamingPlace,
} from "../../support/snowflake/streaming/place.ts";
import { type StepMember, workOff } from "./step_member.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake({ users: [KEY_USER], inProgressAfterMs: 1_000 }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

/** In their order. */
const STEPS: readonly (readonly [step: string, Aim, condemned?: readonly number[]])[] = [
  ["the epoch is raised", { statement: /^MERGE INTO FRESHET_OFFSETS_/ }],
  ["the channel is named", { statement: /^UPDATE FRESHET_OFFSETS_\w+ SET RAW_CHANNEL/ }],
  ["the claim is committed", { statement: "COMMIT" }],
  ["the channel is opened", { request: "open" }],
  ["the epoch is read again", { statement: /^SELECT KAFKA_PARTITION, NEXT_OFFSET/, skip: 1 }],
  ["the raw table is asked what is decided", { statement: /^SELECT MIN\(O\)/ }],
  ["rows are appended", { request: "append" }],
  ["it is asked whether they are stored", { request: "channel status" }],
  ["the unit begins", { statement: /^BEGIN/, skip: 1 }],
  ["the row of a dead letter is taken out", { statement: /^DELETE FROM "RAW_EVENTS"/ }, [5]],
  ["what is derived is inserted", { statement: /^INSERT/ }],
  ["the offset is moved", { statement: /^UPDATE FRESHET_OFFSETS_\w+ SET NEXT_OFFSET/ }],
  ["the unit is committed", { statement: "COMMIT", skip: 1 }],
];
const END = 10;

/** Derived to 3, raw to 8, with a hole at 6 that nobody has said anything of. */
async function leftBehind(warehouse: Warehouse, offsets: () => Promise<number[]>): Promise<void> {
  await using writer = await warehouse.writer("domain", RAW);
  const claims = await writer.claim(TOPIC, [0]);
  await send(writer, rawRows(span(0, 3)));
  await writer.commit(unit(claims, 3));
  await send(writer, rawRows([3, 5, 7]));
  await until(async () => (await offsets()).length === 6);
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (const late = Date.now() + 60_000; !await isSo();) {
    assert(Date.now() < late, "it takes too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** As a process that starts again until it succeeds. */
async function recover(warehouse: Warehouse): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      return await workOff(warehouse, { end: END, condemned: [] });
    } catch (error) {
      assert(error instanceof FreshetError && error.retriable && attempt < 5, String(error));
    }
  }
}

for (const [step, aim, condemned = []] of STEPS) {
  for (const when of ["before", "after"] as const) {
    Deno.test({
      name: `snowpipe streaming: killed ${when} this step, an owner leaves everything there once: ${step}`,
      ignore: skip !== undefined,
      async fn() {
        await using place = await streamingPlace(double!);
        await using warehouse = await openPlace(place);
        await leftBehind(warehouse, () => place.rawOffsets());
        const fault = double!.control.inject({ kind: when === "before" ? "cut_before" : "cut_after" }, aim);
        const member: StepMember = { snowflake: place.options, end: END, condemned };
        const child = new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--no-check",
            "--quiet",
            "-A",
            "tests/snowflake/streaming/step_member.ts",
            JSON.stringify(member),
          ],
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).spawn();
        await until(() => fault.hits > 0);
        child.kill("SIGKILL");
        await child.status;
        double!.control.clearFaults();
        await recover(warehouse);
        const dead = await rowsOf(warehouse, "SELECT KAFKA_OFFSET FROM DEAD_LETTERS ORDER BY KAFKA_OFFSET");
        // What is decided is decided: offset 5 went ahead, offsets 4 and 6 did not.
        assertEquals([await place.rawOffsets(), dead], [[0, 1, 2, 3, 5, 7, 8, 9], [[4], [6]]]);
        const derived = await rowsOf(warehouse, "SELECT ID FROM EVENTS ORDER BY ID");
        assertEquals(derived.map(([id]) => id), span(3, END));
        assertEquals(double!.streaming.violations, []);
        await double!.streaming.reset();
      },
    });
  }
}
