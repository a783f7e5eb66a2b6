// The queries of docs/migration.md that compare Freshet's tables with those of an old system by partition and offset, and a topic
// of rides to ask them about: read as it is, or a keyed copy of it.

import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { systemClock } from "../../src/clock.ts";
import type { Domain } from "../../src/domains/domain.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { copyGroupOf, KeyedCopy, readingCopies } from "../../src/keyed_copy.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log } from "../../src/log/log.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { domainOf } from "../support/domains.ts";

const rides = domainOf("rides");
/** Reading the topic, and a copy of it. */
export const readers: readonly Domain[] = [rides, ...readingCopies([rides], ["rides"])];

const PARTITIONS = 3;
const PER_PARTITION = 40;
/** The first offset of partition 0 that Freshet has: what is before it is history. */
const FIRST = 10;
const START_MS = Date.UTC(2026, 0, 1);

/** The query of the document that begins like this, of rides, with the old schema's tables beside Freshet's. */
async function documented(beginning: string): Promise<string> {
  const text = await Deno.readTextFile(new URL("../../docs/migration.md", import.meta.url));
  const query = [...text.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, sql]) => sql!).find((sql) =>
    sql.startsWith(beginning)
  );
  return query!.replaceAll("ATS_RAW_JSON", "RIDE_REQUESTS").replaceAll("'trains'", "'rides'")
    .replaceAll("FRESHET_SCHEMA.", "").replaceAll("OLD.RIDE_REQUESTS_BEFORE", "OLD_RIDES")
    .replaceAll("OLD.RIDE_REQUESTS", "OLD_RIDES");
}

/** Requests of a few zones, each in whatever partition; one in ten is no request. */
async function produce(log: Log): Promise<void> {
  await log.createTopics([{ topic: rides.topic, partitions: PARTITIONS }]);
  const records = Array.from({ length: PARTITIONS * PER_PARTITION }, (_, i) => {
    const timestamp = START_MS + i * 1_000;
    const ride = { ride_id: `r${i}`, user_id: `u${i}`, ride_type: "pool", location: `Z${i % 5}`, timestamp };
    const headers = i % 4 === 0 ? { trace: `t${i}`, "freshet.else": null } : undefined;
    const value = i % 10 === 9 ? "no request" : JSON.stringify(ride);
    return { value, timestamp, headers, partition: i % PARTITIONS };
  });
  await log.produce(rides.topic, records);
}

/** Works the topic off; in a copy from `FIRST` on of partition 0. */
export async function work(domain: Domain, log: Log, warehouse: Warehouse): Promise<void> {
  const [clock, logger] = [systemClock, { debug() {}, info() {}, warn() {}, error() {} }];
  const { signal } = new AbortController();
  if (domain.copyOf !== undefined) {
    {
      await using members = await log.subscribe({ topic: domain.copyOf, group: copyGroupOf(domain), signal });
      await (await members.nextGeneration()).commit(new Map([[0, FIRST]]));
    }
    const onGap = () => Promise.reject(new Error("Nothing is damaged here"));
    const truncations = () => Promise.resolve(new Map<number, number>());
    const copy = new KeyedCopy({ domain, log, clock, logger, onDamage: "stop", onGap, truncations });
    await copy.provide(signal);
    await copy.run(signal, { untilEnd: true });
  }
  await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "rides", text: domain.sql }]);
  const sizes = { checkpointRows: 1_000, checkpointMs: 60_000, checkpointBacklogRows: 50_000 };
  await new DomainRunner({ domain, log, warehouse, clock, logger, ...sizes, untilEnd: true, maxRestarts: 1 }).run(
    signal,
  );
}

/** The places of the topic's records in the old table: one is missing, one is there twice, and one is of a partition before. */
function oldPlaces(): readonly (readonly [number, number])[] {
  const all = Array.from(
    { length: PARTITIONS * PER_PARTITION },
    (_, i) => [i % PARTITIONS, Math.floor(i / PARTITIONS)] as const,
  );
  return [...all.filter(([p, o]) => p !== 1 || o !== 20), [2, 30], [PARTITIONS, 5]];
}

export const oldTable = (name: string, json: (text: string) => string) =>
  `CREATE TABLE ${name} AS ` +
  oldPlaces().map(([partition, offset]) =>
    `SELECT ${json(JSON.stringify({ partition, offset }))} AS RECORD_METADATA, ${json("{}")} AS RECORD_CONTENT`
  ).join(" UNION ALL ");

interface Answers {
  readonly compared: readonly (readonly unknown[])[];
  /** Records that the view with history has, and how many of them the old table gave. */
  readonly history: readonly [number, number];
}

export async function ask(warehouse: Warehouse, write: (sql: string) => string): Promise<Answers> {
  const view = (await documented("CREATE VIEW OLD.ATS_RAW_JSON AS\nSELECT RECORD_METADATA, RECORD_CONTENT"))
    .split("\n").slice(1).join("\n");
  const compared = await warehouse.query(write(await documented("WITH OLD_ROWS AS (\n  SELECT (RECORD_METADATA")));
  const history = await warehouse.query(write(view), { maxRows: 1_000 });
  const old = history.rows.filter(([, content]) => JSON.stringify(content) === "{}").length;
  return {
    compared: compared.rows.map(([text, ...rest]) => [text, ...rest.map(Number)]),
    history: [history.rows.length, old],
  };
}

/** A tenth of the records are dead letters, and so in no raw table. */
export function expected(domain: Domain): Answers {
  const [first, all] = [domain.copyOf === undefined ? 0 : FIRST, PARTITIONS * PER_PARTITION];
  const before = first === 0 ? [] : [["only in the old table", 0, first, 0, first - 1]];
  const skipped = Array.from({ length: all }, (_, i) => i).filter((i) =>
    i % PARTITIONS === 0 && i / PARTITIONS < first
  );
  const read = Array.from({ length: all }, (_, i) => i).filter((i) => !skipped.includes(i) && i % 10 !== 9);
  const beginsLater = [0, 1, 2].map((p) => read.filter((i) => i % PARTITIONS === p)[0]!)
    .reduce((sum, i) => sum + Math.floor(i / PARTITIONS), 0);
  return {
    compared: [
      ["more than once in the old table", 2, 1, 30, 30],
      ["only in Freshet", 1, 1, 20, 20],
      ...before,
      ["only in the old table", PARTITIONS, 1, 5, 5],
    ],
    history: [read.length + beginsLater + 1, beginsLater + 1],
  };
}

export async function withTopic(body: (log: Log, dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_places_" });
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await produce(log);
    await body(log, dataDir);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}
