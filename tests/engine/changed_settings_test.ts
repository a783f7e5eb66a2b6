// Time settings that change at a restart, in every combination: no final row loses a record, and each record is in its windows or
// in LATE_RECORDS, which names those that it missed.

import { assert, assertEquals } from "@std/assert";
import type { Unit } from "../../src/warehouse/warehouse.ts";
import { sorted } from "../stream/feed.ts";
import { sessionsOf } from "../stream/models.ts";
import { disorderedRecords, HOPS, type Shape, shapes } from "../support/simulation/shapes.ts";
import { World } from "../support/simulation/world.ts";

const RECORDS = Number(Deno.env.get("FRESHET_RUNS") ?? 1) * 240;
const PARTITIONS = 2;

const LATENESS = [0, 20_000, 10_000_000];
const DISORDER = [0, 5_000, 1_000_000];
const IDLENESS = [200, Infinity];
const SETTINGS = LATENESS.flatMap((allowedLatenessMs) =>
  DISORDER.flatMap((maxOutOfOrdernessMs) =>
    IDLENESS.map((idleAfterMs) => ({ allowedLatenessMs, maxOutOfOrdernessMs, idleAfterMs }))
  )
);

type Row = Readonly<Record<string, unknown>>;
const COUNT: Readonly<Record<string, string>> = { TUMBLING: "n", HOPPING: "n", DAYS: "n", SESSIONS: "n" };

/** Rows that were final stay final, change only under a new version, and never hold less. */
function watchFinalRows({ warehouse }: World): void {
  warehouse.watch = ({ upserts }: Unit) => {
    for (const { table, keyColumns, rows } of upserts) {
      const count = COUNT[table];
      if (count === undefined) continue;
      const known = new Map(warehouse.rows(table).map((row) => [JSON.stringify(keyColumns.map((c) => row[c])), row]));
      for (const row of rows) {
        const before = known.get(JSON.stringify(keyColumns.map((column) => row[column])));
        if (before?.IS_FINAL !== true) continue;
        assert(row.IS_FINAL, `${table}: a final row is open again`);
        assert(Number(row.VERSION) > Number(before.VERSION), `${table}: a final row changed under its version`);
        assert(Number(row[count]) >= Number(before[count]), `${table}: a final row lost records`);
      }
    }
  };
}

interface Numbered extends Shape {
  readonly offset: number;
}

/** Of each record that an operator has reported as late, the end of the last window that it missed. */
function missedUpTo({ warehouse }: World, operator: string, partition: number): ReadonlyMap<number, number> {
  const rows = warehouse.rows("LATE_RECORDS").filter((row) =>
    row.OPERATOR === operator && row.KAFKA_PARTITION === partition
  );
  assertEquals(new Set(rows.map((row) => row.KAFKA_OFFSET)).size, rows.length, `${operator}: a record is late twice`);
  return new Map(rows.map((row) => [Number(row.KAFKA_OFFSET), Number(row.WINDOW_END)]));
}

function counted(names: Iterable<string>): Record<string, unknown> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return sorted([...counts]);
}

function checkPartition(world: World, partition: number, records: readonly Numbered[]): void {
  const rows = (table: string) => world.warehouse.rows(table).filter((row) => row.KAFKA_PARTITION === partition);
  const stored = (table: string) =>
    sorted(rows(table).map((row: Row) => [`${row.K} ${row.WINDOW_START}..${row.WINDOW_END}`, row.n]));
  for (const [table, advance] of [["TUMBLING", HOPS.size], ["HOPPING", HOPS.advance]] as const) {
    const missed = missedUpTo(world, table, partition);
    const names = records.flatMap(({ key, time, offset }) => {
      const first = (Math.floor(time / advance) + 1) * advance;
      const ends = Array.from({ length: HOPS.size / advance }, (_, i) => first + i * advance);
      return ends.filter((end) => end > (missed.get(offset) ?? -Infinity)).map((end) =>
        `${key} ${end - HOPS.size}..${end}`
      );
    });
    assertEquals(stored(table), counted(names), table);
  }
  const late = missedUpTo(world, "SESSIONS", partition);
  const byKey = Map.groupBy(records.filter(({ offset }) => !late.has(offset)), ({ key }) => key);
  const sessions = [...byKey.values()].flatMap((own) => sessionsOf(own, 3_000));
  assertEquals(
    stored("SESSIONS"),
    sorted(sessions.map((own) => [`${own[0]!.key} ${own[0]!.time}..${own.at(-1)!.time + 3_000}`, own.length])),
    "SESSIONS",
  );
  const days = rows("DAYS").reduce((sum, row) => sum + Number(row.n), 0);
  assertEquals(days + missedUpTo(world, "DAYS", partition).size, records.length, "DAYS");
}

Deno.test("whatever time settings change at restarts, final rows lose nothing and each record is in its windows or late", async () => {
  const records = disorderedRecords(RECORDS, PARTITIONS);
  const third = Math.ceil(RECORDS / PARTITIONS / 3);
  for (const [i, before] of SETTINGS.entries()) {
    for (const [j, after] of SETTINGS.entries()) {
      const world = new World(shapes, i * SETTINGS.length + j, PARTITIONS);
      world.log.maxBatch = 60;
      watchFinalRows(world);
      for (const [turn, time] of [before, after, before].entries()) {
        records.forEach((list, partition) => {
          for (const record of list.slice(turn * third, (turn + 1) * third)) world.produce(record, { partition });
        });
        const isLast = turn === 2;
        // A silence, which moves the watermark where idleness is short.
        const instance = world.start({ time, checkpointRows: 40, untilEnd: isLast });
        const from = world.turns.now();
        await world.until(() => instance.outcome !== undefined || world.committed && world.turns.now() - from > 1_000);
        await world.stopped(instance);
      }
      records.forEach((list, partition) =>
        checkPartition(world, partition, list.slice(0, 3 * third).map((record, offset) => ({ ...record, offset })))
      );
    }
  }
});
