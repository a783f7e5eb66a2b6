// What the benchmarks of the whole way share: the trains domain over a log of records and some warehouse.

import { systemClock } from "../src/clock.ts";
import { type Domain, domainModules } from "../src/domains/mod.ts";
import { DomainRunner, type Observer } from "../src/engine/mod.ts";
import type { Log, NewRecord } from "../src/log/log.ts";
import { openDuckDb } from "../src/warehouse/duckdb.ts";
import { DUCKDB } from "../src/warehouse/duckdb/traits.ts";
import type { Claim, Warehouse, Writer } from "../src/warehouse/warehouse.ts";
import freshetSql from "../sql/freshet.sql" with { type: "text" };
import { z } from "zod";
import { telemetry } from "./records.ts";

const PRODUCE_AT_ONCE = 5000;

const trains = domainModules.find(({ name }) => name === "trains")!;

/** The trains domain with default settings, reading `topic`. */
export function trainsOn(topic: string): Domain {
  return { ...trains.define(z.object(trains.settings).parse({})), topic };
}

/** Makes a topic of `count` records. */
export async function fill(log: Log, topic: string, partitions: number, count: number): Promise<void> {
  await log.createTopics([{ topic, partitions }]);
  await produce(log, topic, { first: 0, count });
}

/** Records of the fleet into a topic: so many from the `first` on. */
export async function produce(
  log: Log,
  topic: string,
  { first, count }: { readonly first: number; readonly count: number },
): Promise<void> {
  for (let at = first; at < first + count; at += PRODUCE_AT_ONCE) {
    const length = Math.min(PRODUCE_AT_ONCE, first + count - at);
    await log.produce(topic, Array.from({ length }, (_, i): NewRecord => telemetry(at + i)));
  }
}

export interface RunOptions {
  readonly domain: Domain;
  readonly log: Log;
  readonly warehouse: Warehouse;
  readonly checkpointRows?: number;
  readonly checkpointMs?: number;
  readonly checkpointBacklogRows?: number;
  readonly untilEnd?: boolean;
  readonly observer?: Observer;
  readonly signal?: AbortSignal;
}

const quiet = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error };

/** Runs the domain to the end of what is in the topic, or until the signal. */
export async function run(options: RunOptions): Promise<void> {
  const { rows, ms, backlogRows } = DUCKDB.checkpoints;
  const { checkpointRows = rows, checkpointBacklogRows = backlogRows, checkpointMs = ms, untilEnd = true, signal } =
    options;
  const runner = new DomainRunner({
    ...options,
    clock: systemClock,
    logger: quiet,
    group: crypto.randomUUID(),
    checkpointRows,
    checkpointBacklogRows,
    checkpointMs,
    untilEnd,
    maxRestarts: 0,
  });
  await runner.run(signal ?? new AbortController().signal);
}

/** A DuckDB file with the domain's tables. */
export async function warehouseAt(path: string, domain: Domain): Promise<Warehouse> {
  const warehouse = await openDuckDb({ path });
  await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: domain.name, text: domain.sql }]);
  return warehouse;
}

/** Takes everything and keeps nothing: what is left is the work before the warehouse. */
export function discarding(): Warehouse {
  const claims = (partitions: readonly number[]): Claim[] =>
    partitions.map((partition) => (
      { partition, epoch: 1, checkpoint: 0, nextOffset: 0, watermark: null, maxEventTime: null, lastTimestamp: null }
    ));
  const nothing = () => Promise.resolve();
  const writer: Writer = {
    claim: (_topic, partitions) => Promise.resolve(claims(partitions)),
    async *state() {},
    async *stateSince() {},
    packer: () => ({ add: () => true, take: () => [] }),
    commit: nothing,
    positions: (_topic, partitions) => Promise.resolve(claims(partitions)),
    compactState: nothing,
    operators: () => Promise.resolve(new Map()),
    registerOperators: nothing,
    [Symbol.asyncDispose]: nothing,
  };
  return {
    ...DUCKDB,
    description: "nothing",
    migrate: () => Promise.resolve([]),
    restore: () => Promise.resolve([]),
    writer: () => Promise.resolve(writer),
    query: () => Promise.reject(new Error("There is nothing to query")),
    [Symbol.asyncDispose]: nothing,
  };
}
