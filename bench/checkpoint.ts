// (e) What a checkpoint costs with 10 thousand and with 1 million keys of state, of which a thousand have changed: draining
// the state and committing it with the derived rows to a DuckDB file. The changed keys are drawn at random, and, beside that,
// are the newest ones, as they are when windows are what keys are made of.

import { openDuckDb } from "../src/warehouse/duckdb.ts";
import {
  type Batch,
  count,
  type Element,
  FanOut,
  hours,
  type Output,
  StateBackend,
  Stream,
  sum,
} from "@freshet/stream";
import { keyedChanges } from "../src/engine/rows.ts";
import type { Unit, Writer } from "../src/warehouse/warehouse.ts";
import freshetSql from "../sql/freshet.sql" with { type: "text" };
import { median, print } from "./report.ts";

const CHANGED = 1000;
const CHECKPOINTS = 25;
const TOPIC = "bench";
const DERIVED = `-- version 1: derived
CREATE TABLE STATS_PARTS (KAFKA_PARTITION BIGINT, DEVICE VARCHAR, WINDOW_START TIMESTAMP_NTZ, WINDOW_END TIMESTAMP_NTZ,
  EVENT_COUNT BIGINT, SUM_VALUE DOUBLE, IS_FINAL BOOLEAN, VERSION BIGINT, UPDATED_AT TIMESTAMP_NTZ);`;

interface Reading {
  readonly device: number;
  readonly value: number;
}

type Pick = (i: number, keys: number) => number;
const random: Pick = (_i, keys) => Math.floor(Math.random() * keys);
const newest: Pick = (i, keys) => keys - 1 - i;

class Bench {
  readonly #state = new StateBackend();
  readonly #output: Output<Reading>;
  readonly #operators: FanOut<Reading>;
  #offset = 0;
  #checkpoint = 0;

  constructor(private readonly writer: Writer, private readonly epoch: number) {
    this.#output = Stream.of<Reading>({ state: this.#state, allowedLatenessMs: hours(1) })
      .keyBy({ DEVICE: (reading) => `device ${reading.device}` })
      .tumbling(hours(1))
      .aggregate("STATS_PARTS", { EVENT_COUNT: count(), SUM_VALUE: sum((reading) => reading.value) });
    this.#operators = new FanOut([this.#output.operator]);
  }

  /** One reading for each device, then a checkpoint; how long the checkpoint took, in milliseconds. */
  async round(devices: readonly number[]): Promise<number> {
    const elements = devices.map((device): Element<Reading> => (
      { value: { device, value: device / 7 }, time: 1000, offset: this.#offset++, watermark: 0 }
    ));
    await this.#operators.push(this.#batch(elements, false));
    const start = performance.now();
    const [answer] = await this.#operators.push(this.#batch([], true));
    const rows = keyedChanges(this.#output as Output<unknown>, answer!.elements, Date.now()).map(({ row }) => row);
    const keyColumns = ["KAFKA_PARTITION", "DEVICE", "WINDOW_START"];
    const unit: Unit = {
      topic: TOPIC,
      appends: [],
      upserts: [{ table: "STATS_PARTS", keyColumns, rows }],
      deletes: [],
      state: this.#state.drain(),
      moves: [this.#move()],
    };
    await this.writer.commit(unit);
    return performance.now() - start;
  }

  #moved = 0;
  #move(): Unit["moves"][number] {
    const move = {
      partition: 0,
      epoch: this.epoch,
      checkpoint: this.#checkpoint++,
      expectedOffset: this.#moved,
      to: { nextOffset: this.#offset, watermark: 0, maxEventTime: 0, lastTimestamp: null },
    };
    this.#moved = this.#offset;
    return move;
  }

  #batch(elements: Element<Reading>[], early: boolean): Batch<Reading> {
    const side = { late: [], failed: [] };
    return {
      partition: 0,
      elements,
      nextOffset: this.#offset,
      watermark: 0,
      closedBefore: 0,
      eventWatermark: 0,
      early,
      backfill: false,
      ended: false,
      side,
    };
  }
}

async function measure(keys: number, pick: Pick): Promise<number> {
  const dir = await Deno.makeTempDir();
  try {
    await using warehouse = await openDuckDb({ path: `${dir}/bench.duckdb` });
    await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "bench", text: DERIVED }]);
    await using writer = await warehouse.writer("bench");
    const [claim] = await writer.claim(TOPIC, [0]);
    const bench = new Bench(writer, claim!.epoch);
    for (let first = 0; first < keys; first += 50_000) {
      await bench.round(Array.from({ length: Math.min(50_000, keys - first) }, (_, i) => first + i));
    }
    const times: number[] = [];
    for (let i = 0; i < CHECKPOINTS; i++) {
      const devices = new Set(Array.from({ length: CHANGED }, (_, n) => pick(n, keys)));
      times.push(await bench.round([...devices]));
    }
    return median(times);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const [how, pick] of [["the newest keys", newest], ["keys at random", random]] as const) {
  const small = await measure(10_000, pick);
  const large = await measure(1_000_000, pick);
  print(`(e) Checkpoint of ${CHANGED} changed keys, ${how}`, [
    { what: "10 k keys", figure: `${small.toFixed(1)} ms`, ratio: "1.00" },
    {
      what: "1 M keys",
      figure: `${large.toFixed(1)} ms`,
      ratio: (large / small).toFixed(2),
      isCost: true,
      target: "at most 1.3",
    },
  ]);
}
