import { assert, assertEquals, assertThrows } from "@std/assert";
import { TrainTelemetry } from "../../src/domains/trains/mod.ts";
import { spoil, SPOILED_KINDS, type SpoiledKind, spoiledValue } from "../../simulators/spoil.ts";
import { trains } from "../../simulators/trains.ts";
import type { SimulatedRecord } from "../../simulators/simulator.ts";

const START = Date.parse("2026-11-19T08:00:00Z");
const NOW = START + 60_000;

function some(count: number): SimulatedRecord[] {
  const source = trains.generate({ seed: 1, start: START, intervalMs: 30_000 });
  return Array.from({ length: count }, () => source.next().value);
}

const [good] = some(1);
const value = (kind: SpoiledKind) => spoiledValue(good!, kind, { fields: trains.fields, now: NOW });
const event = (kind: SpoiledKind) => JSON.parse(value(kind) as string);

Deno.test("each kind is wrong in its own way", () => {
  assertThrows(() => new TextDecoder("utf-8", { fatal: true }).decode(value("not_utf8") as Uint8Array));
  assertThrows(() => event("not_json"), SyntaxError);
  assertEquals(value("empty"), "");
  assertEquals(value("tombstone"), null);
  assertEquals(event("infinite_number").passenger_count, Infinity);
  assert(!("train_id" in event("missing_field")));
  assertEquals(event("mistyped_field").passenger_count, "many");
  assertEquals(event("negative_amount").passenger_count, -3);
  assert(Number.isNaN(Date.parse(event("no_time").timestamp)));
  assertEquals(Date.parse(event("future_time").timestamp), NOW + 3_600_000);
  assertEquals((value("deep_nesting") as string).length, 400_000);
});

Deno.test("the schema refuses every kind that is JSON, but for those whose time alone is wrong", () => {
  for (
    const kind of ["infinite_number", "missing_field", "mistyped_field", "negative_amount", "deep_nesting"] as const
  ) {
    assert(!TrainTelemetry.safeParse(event(kind)).success, kind);
  }
});

Deno.test("the ratio is the share of spoiled records, every kind among them, keys and timestamps kept", () => {
  const records = some(20_000);
  const options = { seed: 3, ratio: 0.1, fields: trains.fields, now: () => NOW };
  const mixed = [...spoil(records, options)];
  assertEquals(
    mixed.map(({ key, timestamp }) => [key, timestamp]),
    records.map(({ key, timestamp }) => [key, timestamp]),
  );
  const spoiled = mixed.filter((record, i) => record !== records[i]);
  assert(Math.abs(spoiled.length / records.length - 0.1) < 0.01, String(spoiled.length));
  assert(spoiled.length > SPOILED_KINDS.length);
  assertEquals(spoiled.filter(({ value }) => typeof value === "string" && value.length === 400_000).length, 1);
  assertEquals([...spoil(records, options)], mixed);
  assertEquals([...spoil(records, { ...options, ratio: 0 })], records);
});
