// A schema of a test's own whose raw rows go by Snowpipe Streaming, and how a test writes and reads them.

import type { Limits } from "../../../../src/warehouse/snowflake/account.ts";
import { LIMITS } from "../../../../src/warehouse/snowflake/account.ts";
import type { SnowflakeOptions } from "../../../../src/warehouse/snowflake.ts";
import type { RawRow, RawTable, Script, Warehouse, Writer } from "../../../../src/warehouse/warehouse.ts";
import { SYSTEM, TABLES, TOPIC } from "../../../contracts/warehouse/suite.ts";
import { type OwnSchema, ownSchema, QUICK } from "../adapter.ts";
import type { SnowflakeDouble } from "../mod.ts";
import { PRIVATE_KEY } from "./key.ts";

export { KEY_USER } from "./key.ts";

/** What the adapter needs besides the schema's own options. */
export const STREAMING: Pick<SnowflakeOptions, "credentials" | "rawIngest"> = {
  credentials: { kind: "key", key: { text: PRIVATE_KEY } },
  rawIngest: "streaming",
};

/** The same as settings of the program. */
export const STREAMING_SETTINGS: Readonly<Record<string, string>> = {
  SNOWFLAKE_PRIVATE_KEY: PRIVATE_KEY,
  SNOWFLAKE_RAW_INGEST: "streaming",
  SNOWFLAKE_PASSWORD: "",
};

export const RAW: RawTable = { table: "RAW_EVENTS", metadata: "RECORD_METADATA" };

export const RAW_SCRIPT: Script = {
  name: "raw",
  text: `-- version 1: a raw table
    CREATE TABLE IF NOT EXISTS RAW_EVENTS (
      RECORD_METADATA VARIANT, RECORD_CONTENT VARIANT, NAME VARCHAR, SEEN BIGINT, HAPPENED_AT TIMESTAMP_NTZ
    );`,
};

/** Waits for tests: what takes seconds in production takes less. */
export const QUICK_STREAMING: Partial<Limits> = {
  ...QUICK,
  streaming: { ...LIMITS.streaming, requestMs: 5_000, retryMs: 3_000, storedMs: 10_000, countedMs: 3_000 },
};

export interface StreamingPlace extends OwnSchema {
  readonly double: SnowflakeDouble;
  /** Offsets of the raw table's rows of a partition, in order. */
  rawOffsets(partition?: number): Promise<number[]>;
}

export async function streamingPlace(double: SnowflakeDouble): Promise<StreamingPlace> {
  const schema = await ownSchema(double, QUICK_STREAMING);
  return {
    ...schema,
    double,
    options: { ...schema.options, ...STREAMING },
    open: (changes) => schema.open({ ...STREAMING, ...changes }),
    async rawOffsets(partition = 0) {
      const rows = await schema.sql(
        `SELECT RECORD_METADATA:"offset"::NUMBER(38,0) FROM $SCHEMA.RAW_EVENTS ` +
          `WHERE RECORD_METADATA:"partition"::NUMBER(38,0) = ${partition}`,
      );
      return rows.map(([offset]) => Number(offset)).sort((a, b) => a - b);
    },
  };
}

/** Opens the place with its tables made. */
export async function openPlace(place: StreamingPlace): Promise<Warehouse> {
  const warehouse = await place.open();
  await warehouse.migrate([SYSTEM, TABLES, RAW_SCRIPT]);
  return warehouse;
}

const encoder = new TextEncoder();

/** Raw rows of the offsets, as the engine makes them: JSON in bytes. */
export function rawRows(
  offsets: readonly number[],
  partition = 0,
  content = (offset: number) => `{"n":${offset}}`,
): RawRow[] {
  return offsets.map((offset) => ({
    offset,
    value: {
      RECORD_METADATA: encoder.encode(`{"topic":"${TOPIC}","partition":${partition},"offset":${offset}}`),
      RECORD_CONTENT: encoder.encode(content(offset)),
    },
  }));
}

/** Offsets from `from` to before `to`. */
export const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Sends rows of a partition ahead of their unit. */
export async function send(writer: Writer, rows: readonly RawRow[], partition = 0): Promise<void> {
  await writer.raw!.append(TOPIC, partition, rows);
}
