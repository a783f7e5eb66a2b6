// What a load costs: figures that can be reckoned by hand from Snowflake's rules.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { costOf, type Load } from "../../src/warehouse/snowflake/cost.ts";

const LOAD: Load = {
  rates: [0.8],
  everySeconds: 60,
  rows: 1_000,
  backlogRows: 50_000,
  recordBytes: 300,
  requestBytes: 8 * 1024 * 1024,
  creditsAnHour: 1,
};
const every = (seconds: number, load: Partial<Load> = {}) =>
  costOf({ ...LOAD, rows: Infinity, everySeconds: seconds, ...load });

Deno.test("checkpoints a minute apart keep the warehouse awake: 24 credits a day, of generation 2 32.4", () => {
  assertAlmostEquals(costOf(LOAD).credits, 24, 1e-3);
  assertEquals(costOf(LOAD).wakings, 0);
  assertAlmostEquals(costOf({ ...LOAD, creditsAnHour: 1.35 }).credits, 32.4, 1e-3);
});

Deno.test("a quarter of an hour apart they are billed a minute and what they take each time", () => {
  const { wakings, credits, awakeSeconds } = every(900);
  assertAlmostEquals(wakings, 96, 1e-6);
  assertAlmostEquals(credits, 96 * 63 / 3600, 0.01);
  assertAlmostEquals(awakeSeconds, credits * 3600, 1e-6);
});

Deno.test("five domains that come at the same ticks cost little more than one", () => {
  const five = every(900, { rates: [0.8, 0.8, 0.8, 0.8, 0.8] });
  assert(five.credits < 1.85, `${five.credits}`);
  assertAlmostEquals(five.wakings, 96, 1e-6);
  assertAlmostEquals(five.checkpoints, 5 * 96, 1e-6);
});

Deno.test("raw rows by streaming are paid by the GB, and leave the warehouse less to load", () => {
  const load = { rates: [1_000], backlogRows: Infinity };
  const [sql, streaming] = [every(900, load), every(900, { ...load, streamsRaw: true })];
  const streamed = 1_000 * 86_400 * 500 / 1e9 * 0.0037;
  assertAlmostEquals(streaming.credits - streaming.awakeSeconds / 3600, streamed, 1e-9);
  assert(streaming.awakeSeconds < sql.awakeSeconds);
  assertEquals(every(60, { rates: [0], streamsRaw: true }).credits, 0);
});

Deno.test("without records nothing is paid, and few of them wake it seldom", () => {
  assertEquals([every(60, { rates: [0, 0] }).credits, every(60, { rates: [] }).statements], [0, 0]);
  const { wakings } = every(900, { rates: [1 / 86_400] });
  assert(wakings > 0.9 && wakings <= 1, `${wakings}`);
});

Deno.test("rows and bytes make checkpoints more often than their age does", () => {
  assertAlmostEquals(costOf({ ...LOAD, rates: [100] }).everySeconds, 10, 1e-9);
  const bytes = every(3600, { rates: [1_000] });
  assertAlmostEquals(bytes.everySeconds, 32 * 1024 * 1024 / 300_000, 1e-9);
  assert(bytes.statements / bytes.checkpoints > 10);
});
