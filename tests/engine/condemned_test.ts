// Records that operators or the warehouse cannot take: each becomes a dead letter, and the rest is as if it had never come.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { RowsRefusedError } from "../../src/errors.ts";
import { type Reading, readings } from "../support/simulation/domain.ts";
import { checkAccounting, checkDerived, type Fate, watchInvariants } from "../support/simulation/oracle.ts";
import { START, World } from "../support/simulation/world.ts";

const good = (i: number) => ({ key: i % 3 ? "a" : "b", time: START - 2000 + i * 7, x: i });

/** Closes all windows. */
const END = { key: "end", time: START + 10_000, x: 0 };

/** Forty records, some with something more, all worked off; returns the world and where each must end. */
async function workOff(
  special: Readonly<Record<number, Record<string, unknown>>>,
  fate: Fate,
): Promise<{ world: World; fates: Map<string, Fate> }> {
  const world = new World(readings(Infinity));
  watchInvariants(world);
  world.warehouse.refuses = (table, row) =>
    table === "RAW" && String(row.CONTENT).includes('"refuse"') ? "Conversion failed" : undefined;
  const fates = new Map<string, Fate>();
  for (let i = 0; i < 40; i++) {
    const offset = world.produce({ ...good(i), ...special[i] });
    fates.set(`0/${offset}`, special[i] ? fate : undefined);
  }
  fates.set(`0/${world.produce(END)}`, undefined);
  await world.workOff();
  return { world, fates };
}

for (const poison of ["row", "sum", "raw"] as const satisfies readonly Reading["poison"][]) {
  Deno.test(`a record on which ${poison} throws becomes a dead letter, and the rest is as without it`, async () => {
    const { world, fates } = await workOff({ 7: { poison } }, "operator");
    checkAccounting(world, fates);
    checkDerived(world, { versions: true });
    const [letter] = world.warehouse.rows("DEAD_LETTERS");
    assertEquals([letter!.REASON, letter!.KAFKA_OFFSET], ["operator_error", 7]);
    assertStringIncludes(String(letter!.DETAIL), `poisoned ${poison}`);
  });
}

Deno.test("of latest rows only those that are given out are made, and one that throws becomes a dead letter", async () => {
  const { world, fates } = await workOff({ 39: { poison: "latest" } }, "operator");
  checkAccounting(world, fates);
  checkDerived(world, { versions: true });
  assertStringIncludes(String(world.warehouse.rows("DEAD_LETTERS")[0]!.DETAIL), "LATEST: Error: poisoned latest");
});

Deno.test("many poisoned records of one checkpoint are found out together", async () => {
  const special = Object.fromEntries([3, 4, 5, 9, 12, 17].map((i) => [i, { poison: "row" }]));
  const { world, fates } = await workOff(special, "operator");
  checkAccounting(world, fates);
  checkDerived(world, { versions: true });
});

Deno.test("a row that the warehouse refuses makes its record a dead letter of stage write", async () => {
  const { world, fates } = await workOff({ 2: { refuse: true }, 30: { refuse: true } }, "write");
  checkAccounting(world, fates);
  checkDerived(world, { versions: true });
  const [letter] = world.warehouse.rows("DEAD_LETTERS");
  assertEquals([letter!.REASON, letter!.DETAIL], ["row_refused", "RAW: Conversion failed"]);
});

Deno.test("a poisoned record does not count as a failed attempt: the run goes on without waiting", async () => {
  const world = new World(readings(Infinity));
  for (let i = 0; i < 30; i++) world.produce({ ...good(i), ...(i % 5 === 0 && { poison: "row" }) });
  const instance = await world.workOff({ checkpointRows: 5, maxRestarts: 0 });
  assertEquals(instance.runner.status().totals.deadLetters, 6);
  assertEquals(world.messages.filter(({ level }) => level === "warn"), []);
});

Deno.test("a run ends when the warehouse refuses a record also as a dead letter, and nothing is lost", async () => {
  const world = new World(readings(Infinity));
  world.warehouse.refuses = (table) => table === "DEAD_LETTERS" ? "Table is broken" : undefined;
  for (let i = 0; i < 5; i++) world.produce(i === 2 ? "no JSON" : good(i));
  const instance = world.start({ maxRestarts: 3 });
  const outcome = await world.ended(instance);
  assert(outcome instanceof RowsRefusedError);
  assertStringIncludes(outcome.message, "Table is broken");
  assertEquals([world.warehouse.claims.get(0)!.nextOffset, world.warehouse.rows("RAW").length], [0, 0]);

  world.warehouse.refuses = () => undefined;
  await world.workOff();
  checkAccounting(world, new Map([[0], [1], [2, "decode"], [3], [4]].map(([i, fate]) => [`0/${i}`, fate as Fate])));
});

Deno.test("a stop while records are being condemned ends the run without an error, and the next one goes on", async () => {
  const world = new World(readings(Infinity));
  for (let i = 0; i < 10; i++) world.produce({ ...good(i), ...(i === 5 && { poison: "row" }) });
  const instance = world.start({ checkpointRows: 1000, checkpointMs: 1e9 });
  await world.until(() => instance.runner.status().partitions[0]?.highOffset === 10);
  for (let turns = 0; turns < 20; turns++) await world.turns.next();
  await world.stopped(instance);
  world.produce(END);
  await world.workOff();
  checkDerived(world, { versions: true });
  assertEquals(world.warehouse.rows("DEAD_LETTERS").length, 1);
});
