// What is told outside of a domain's alerts: when one is raised and when it is cleared, each once, as rows of ALERT_EVENTS in the
// same transaction as the alert. Whoever takes a partition over reads there what has been told. Must not know who is told, nor how.

import { createHash } from "node:crypto";
import type { Element, Output, SessionChange } from "@freshet/stream";
import { type Domain, severityOf } from "../domains/domain.ts";
import type { Row, Warehouse } from "../warehouse/warehouse.ts";
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

type EpisodeOutput = Extract<Output<unknown>, { readonly kind: "episodes" }>;
/** What an alert said when it was told of: JSON values by column. */
type Told = Readonly<Record<string, unknown>>;

/** A change of an alert as it is told: `alert` is the whole row. */
interface Telling {
  readonly event: "RAISED" | "CLEARED";
  readonly partition: number;
  readonly offset: number;
  readonly alert: Told;
}

/** Columns that hold times. */
const TIMES = ["STARTED_AT", "LAST_SEEN_AT", "CLEARED_AT", "UPDATED_AT"];

/** Knows which alerts of the partitions have been raised and not cleared, and makes the rows that say what changes. */
export class AlertEvents {
  readonly #options: AlertEventsOptions;
  /** Raised and not cleared, by ALERT_ID. */
  readonly #raised: Map<string, Told>;
  /** What ended while nobody told of it. */
  readonly overdue: readonly AlertEvent[];

  private constructor(options: AlertEventsOptions, raised: Map<string, Told>, active: ReadonlySet<string>) {
    this.#options = options;
    this.#raised = raised;
    this.overdue = [...raised].filter(([id]) => !active.has(id)).map(([, alert]) =>
      this.#tell({ event: "CLEARED", partition: Number(alert.KAFKA_PARTITION), offset: 0, alert })
    );
  }

  /** Reads what has been told of the partitions, which must be claimed: nobody else tells of them from then on. */
  static async read(options: AlertEventsOptions, partitions: readonly number[]): Promise<AlertEvents> {
    const { warehouse, outputs } = options;
    const raised = await readRaised(options, partitions);
    const active = new Set<string>();
    if (raised.size > 0) {
      for (const table of new Set(outputs.filter(({ kind }) => kind === "episodes").map(({ name }) => name))) {
        const sql = `SELECT ALERT_ID FROM ${table} WHERE CLEARED_AT IS NULL`;
        for (const [id] of (await warehouse.query(sql)).rows) active.add(String(id));
      }
    }
    return new AlertEvents(options, raised, active);
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
      if (!value.open && (raised || isNews)) events.push(this.#tell({ event: "CLEARED", partition, offset, alert }));
      return events;
    });
  }

  #isFresh(last: number): boolean {
    const { alerts: { maxAgeMs, notBefore = -Infinity }, eventNow } = this.#options;
    return last >= notBefore && eventNow() - last <= maxAgeMs;
  }

  #tell({ event, partition, offset, alert }: Telling): AlertEvent {
    const { domain, alerts: { channels }, now } = this.#options;
    const [id, type] = [String(alert.ALERT_ID), String(alert.ALERT_TYPE)];
    if (event === "RAISED") this.#raised.set(id, alert);
    else this.#raised.delete(id);
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

/** The same for the same event whoever tells of it, and safe in a header whatever the alert's key is. */
function eventId(parts: readonly string[]): string {
  return `alert_${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)}`;
}

/** The row with times as people write them, and which columns say what it is about. */
function told({ keyNames }: EpisodeOutput, row: Row): Told {
  const cells = Object.entries(row).map(([name, value]) => [
    name,
    TIMES.includes(name) && typeof value === "number" ? new Date(value).toISOString() : value,
  ]);
  return { ...Object.fromEntries(cells), KEY: keyNames };
}
