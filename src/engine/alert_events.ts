// What is told outside of a domain's alerts: when one is raised and when it is cleared, each once, as rows of ALERT_EVENTS in the
// same transaction as the alert. Whoever takes a partition over reads there what has been told. One that other partitions may
// go on with is cleared for people only when all have passed its end. Must not know who is told, nor how.

import { createHash } from "node:crypto";
import type { Element, Output, SessionChange } from "@freshet/stream";
import { type Domain, severityOf } from "../domains/domain.ts";
import type { Row, Warehouse } from "../warehouse/warehouse.ts";
import { type EpisodeOutput, isJoined, operatorOf } from "./episodes.ts";
import type { KeyedChange } from "./rows.ts";

export const ALERT_EVENTS_TABLE = "ALERT_EVENTS";

/** Whether and whom an engine lets know of alerts. */
export interface AlertOptions {
  /** Names of channels, at least one. */
  readonly channels: readonly string[];
  /** An alert that was seen last longer ago than this, by event time, is history and no news; milliseconds. */
  readonly maxAgeMs: number;
  /** What was seen last before this is history too, epoch milliseconds of event time. */
  readonly notBefore?: number;
}

export interface AlertEventsOptions {
  readonly domain: Domain;
  readonly outputs: readonly Output<unknown>[];
  readonly warehouse: Pick<Warehouse, "query">;
  /** What time it is for events, epoch milliseconds. */
  readonly eventNow: () => number;
  /** The wall clock, epoch milliseconds. */
  readonly now: () => number;
  readonly alerts: AlertOptions;
}

/** A row of ALERT_EVENTS, and the record that it came from. */
export interface AlertEvent {
  readonly partition: number;
  readonly offset: number;
  readonly row: Row;
}

/** What an alert said when it was told of: JSON values by column. */
type Told = Readonly<Record<string, unknown>>;

/** A change of an alert as it is told: `alert` is the whole row. */
interface Telling {
  readonly event: "RAISED" | "CLEARED";
  readonly partition: number;
  readonly offset: number;
  readonly alert: Told;
}

/** An alert that its partition has closed, and that is told as cleared once all partitions have passed its end. */
interface Closed {
  readonly telling: Telling;
  readonly operator: string;
  /** Epoch milliseconds. */
  readonly end: number;
}

/** Up to where all partitions of the topic have closed what an operator makes, epoch milliseconds. */
export type PassedUpTo = (operator: string) => number;

/** How many alerts are asked for by their ids at once. */
const IDS_AT_ONCE = 500;

/** Columns that hold times. */
const TIMES = ["STARTED_AT", "LAST_SEEN_AT", "CLEARED_AT", "UPDATED_AT"];

/** Knows which alerts of the partitions have been raised and not cleared, and makes the rows that say what changes. */
export class AlertEvents {
  readonly #options: AlertEventsOptions;
  /** Raised and not cleared, by ALERT_ID. */
  readonly #raised: Map<string, Told>;
  /** Raised, closed by their own partition, and not told as cleared yet; by ALERT_ID. */
  readonly #closed = new Map<string, Closed>();
  /** What ended while nobody told of it, and waits for no partition. */
  readonly overdue: readonly AlertEvent[];

  /** `ended`: those that are raised and not active any more, as their rows say it, where there are some. */
  private constructor(options: AlertEventsOptions, raised: Map<string, Told>, ended: ReadonlyMap<string, Told | null>) {
    this.#options = options;
    this.#raised = raised;
    this.overdue = [...ended].flatMap(([id, row]) => {
      const alert = row ?? raised.get(id)!;
      const telling: Telling = { event: "CLEARED", partition: Number(alert.KAFKA_PARTITION), offset: 0, alert };
      return row === null ? [this.#tell(telling)] : this.#close(outputOf(options.outputs, alert), telling);
    });
  }

  /** Reads what has been told of the partitions, which must be claimed: nobody else tells of them from then on. */
  static async read(options: AlertEventsOptions, partitions: readonly number[]): Promise<AlertEvents> {
    const raised = await readRaised(options, partitions);
    return new AlertEvents(options, raised, await readEnded(options, [...raised.keys()]));
  }

  /** What is told of the changes of one output, which `rows` stand for one by one. */
  of(
    output: EpisodeOutput,
    elements: readonly Element<SessionChange<unknown>>[],
    rows: readonly KeyedChange[],
  ): readonly AlertEvent[] {
    return elements.flatMap(({ value, offset }, i) => {
      const { partition } = value;
      const id = String(rows[i]!.row.ALERT_ID);
      const raised = this.#raised.get(id);
      if (value.kind === "removed" || value.open) this.#closed.delete(id);
      if (value.kind === "removed") {
        return raised ? [this.#tell({ event: "CLEARED", partition, offset, alert: raised })] : [];
      }
      // What is open in history is no news, whether it was told of or not.
      if (value.open && value.backfill) return [];
      const alert = told(output, rows[i]!.row);
      const isNews = raised === undefined && !value.backfill && this.#isFresh(value.last) &&
        (value.open || !(value.wasFinal ?? value.version > 1));
      const events: AlertEvent[] = [];
      if (isNews) events.push(this.#tell({ event: "RAISED", partition, offset, alert }));
      if (!value.open && (raised || isNews)) {
        events.push(...this.#close(output, { event: "CLEARED", partition, offset, alert }));
      }
      return events;
    });
  }

  /** Whether something is to be told as cleared now that all partitions are so far. */
  hasPassed(upTo: PassedUpTo): boolean {
    for (const { operator, end } of this.#closed.values()) if (end <= upTo(operator)) return true;
    return false;
  }

  /** What is told as cleared now that all partitions are so far. */
  passed(upTo: PassedUpTo): readonly AlertEvent[] {
    const over = [...this.#closed.values()].filter(({ operator, end }) => end <= upTo(operator));
    return over.map(({ telling }) => this.#tell(telling));
  }

  /** When the first of those ends that wait for other partitions, epoch milliseconds; `undefined` when none does. */
  get firstEnd(): number | undefined {
    return this.#closed.size === 0 ? undefined : Math.min(...[...this.#closed.values()].map(({ end }) => end));
  }

  /** The alert's own partition has closed it: it is told at once where no other partition can go on with it. */
  #close(output: EpisodeOutput | undefined, telling: Telling): readonly AlertEvent[] {
    const end = Date.parse(String(telling.alert.CLEARED_AT));
    if (!output || !isJoined(output) || !Number.isFinite(end)) return [this.#tell(telling)];
    this.#closed.set(String(telling.alert.ALERT_ID), { telling, operator: operatorOf(output), end });
    return [];
  }

  #isFresh(last: number): boolean {
    const { alerts: { maxAgeMs, notBefore = -Infinity }, eventNow } = this.#options;
    return last >= notBefore && eventNow() - last <= maxAgeMs;
  }

  #tell({ event, partition, offset, alert }: Telling): AlertEvent {
    const { domain, alerts: { channels }, now } = this.#options;
    const [id, type] = [String(alert.ALERT_ID), String(alert.ALERT_TYPE)];
    if (event === "RAISED") this.#raised.set(id, alert);
    else {
      this.#raised.delete(id);
      this.#closed.delete(id);
    }
    const row = {
      EVENT_ID: eventId([domain.name, id, event, String(alert.VERSION)]),
      DOMAIN: domain.name,
      ALERT_ID: id,
      ALERT_TYPE: type,
      EVENT: event,
      SEVERITY: severityOf(domain, type),
      CHANNELS: `,${channels.join(",")},`,
      ALERT: JSON.stringify(alert),
      TOPIC: domain.topic,
      KAFKA_PARTITION: partition,
      CREATED_AT: now(),
    };
    return { partition, offset, row };
  }
}

/** Of alerts that were raised more often than they were cleared what they were raised as last, by ALERT_ID. */
async function readRaised(
  { domain: { name, topic }, warehouse }: AlertEventsOptions,
  partitions: readonly number[],
): Promise<Map<string, Told>> {
  const of = `DOMAIN = ? AND TOPIC = ? AND KAFKA_PARTITION IN (${partitions.map(() => "?").join(", ")})`;
  const { rows } = await warehouse.query(
    `SELECT ALERT_ID, ALERT FROM ${ALERT_EVENTS_TABLE} WHERE EVENT = 'RAISED' AND ${of} AND ALERT_ID IN (
       SELECT ALERT_ID FROM ${ALERT_EVENTS_TABLE} WHERE ${of}
       GROUP BY ALERT_ID HAVING SUM(CASE WHEN EVENT = 'RAISED' THEN 1 ELSE -1 END) > 0
     )`,
    { binds: [name, topic, ...partitions, name, topic, ...partitions] },
  );
  const raised = new Map<string, Told>();
  for (const [id, text] of rows) {
    const alert = JSON.parse(String(text)) as Told;
    const known = raised.get(String(id));
    if (known === undefined || Number(alert.VERSION) > Number(known.VERSION)) raised.set(String(id), alert);
  }
  return raised;
}

/** Of the raised alerts those that are not active any more, as their rows say it; `null` for one whose row is gone. */
async function readEnded(
  { warehouse, outputs }: AlertEventsOptions,
  raised: readonly string[],
): Promise<ReadonlyMap<string, Told | null>> {
  const ended = new Map<string, Told | null>(raised.map((id) => [id, null]));
  if (raised.length === 0) return ended;
  for (const table of new Set(outputs.filter(({ kind }) => kind === "episodes").map(({ name }) => name))) {
    const { rows } = await warehouse.query(`SELECT ALERT_ID FROM ${table} WHERE CLEARED_AT IS NULL`);
    for (const [id] of rows) ended.delete(String(id));
    for (let ids = [...ended.keys()], i = 0; i < ids.length; i += IDS_AT_ONCE) {
      const binds = ids.slice(i, i + IDS_AT_ONCE);
      const sql = `SELECT * FROM ${table} WHERE ALERT_ID IN (${binds.map(() => "?").join(", ")})`;
      const { columns, rows } = await warehouse.query(sql, { binds });
      for (const row of rows) {
        const alert = toldRow(Object.fromEntries(columns.map(({ name }, at) => [name, row[at]])), outputs);
        ended.set(String(alert.ALERT_ID), alert);
      }
    }
  }
  return ended;
}

/** What makes alerts like this one. */
function outputOf(outputs: readonly Output<unknown>[], { ALERT_TYPE }: Told): EpisodeOutput | undefined {
  return outputs.find((output): output is EpisodeOutput => output.kind === "episodes" && output.type === ALERT_TYPE);
}

/** A row as the warehouse gives it, where times are text in UTC. */
function toldRow(row: Told, outputs: readonly Output<unknown>[]): Told {
  const times = TIMES.filter((name) => typeof row[name] === "string").map((
    name,
  ) => [name, Date.parse(`${row[name]}Z`)]);
  const keyNames = outputOf(outputs, row)?.keyNames ?? [];
  return told({ keyNames }, { ...row, ...Object.fromEntries(times) });
}

/** The same for the same event whoever tells of it, and safe in a header whatever the alert's key is. */
function eventId(parts: readonly string[]): string {
  return `alert_${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)}`;
}

/** The row with times as people write them, and which columns say what it is about. */
function told({ keyNames }: Pick<EpisodeOutput, "keyNames">, row: Row): Told {
  const cells = Object.entries(row).map(([name, value]) => [
    name,
    TIMES.includes(name) && typeof value === "number" ? new Date(value).toISOString() : value,
  ]);
  return { ...Object.fromEntries(cells), KEY: keyNames };
}
