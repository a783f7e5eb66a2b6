// What is to be told and what has been: ALERT_EVENTS, which checkpoints write, read together with ALERT_DELIVERIES, which is
// written here. Must not know who is told, nor how.
import type { Bind, Row, Warehouse } from "../warehouse/warehouse.ts";
import type { AlertEventRow } from "./message.ts";
import type { SmallWrites } from "./small_writes.ts";

/** A partition that this process has: it tells of its alerts, and nobody else. */
export interface OwnedPartition {
  readonly domain: string;
  readonly topic: string;
  readonly partition: number;
}

/** Something to be told. */
export interface Undelivered extends AlertEventRow {
  /** When the mute of its rule ends, epoch milliseconds; `null` where it is not muted. */
  readonly mutedUntil: number | null;
  /** Since when it may be sent: since there it is, or a mute of its rule has ended. Epoch milliseconds. */
  readonly dueSince: number;
}

/** What became of a message. */
export interface Delivery {
  readonly eventId: string;
  readonly domain: string;
  readonly channel: string;
  readonly status: "DELIVERED" | "MUTED" | "FAILED";
  readonly attempts: number;
  readonly detail: string | null;
}

/** So many are read at once. */
const AT_ONCE = 500;
/** Of a receiver that is reminded of them. */
const MAX_ACTIVE = 10_000;
const QUERY_MS = 60_000;
const MAX_DETAIL = 2_000;

const COLUMNS = "E.EVENT_ID, E.DOMAIN, E.ALERT_ID, E.ALERT_TYPE, E.EVENT, E.SEVERITY, E.ALERT, E.CREATED_AT";

export interface OutboxOptions {
  readonly warehouse: Pick<Warehouse, "query">;
  readonly writes: Pick<SmallWrites, "write">;
  /** The wall clock, epoch milliseconds. */
  readonly now: () => number;
}

export class Outbox {
  readonly #options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** What is to be told on a channel of the partitions' alerts, the oldest first; what is muted comes after all others. */
  async undelivered(channel: string, owned: readonly OwnedPartition[]): Promise<readonly Undelivered[]> {
    if (owned.length === 0) return [];
    const of = partitionsAre(owned);
    const now = this.#options.now();
    const { rows } = await this.#options.warehouse.query(
      `SELECT ${COLUMNS}, M.ENDS_AT FROM ALERT_EVENTS AS E
       LEFT JOIN ALERT_DELIVERIES AS D ON D.EVENT_ID = E.EVENT_ID AND D.CHANNEL = ?
       LEFT JOIN (
         SELECT DOMAIN, ALERT_TYPE, MAX(ENDS_AT) AS ENDS_AT FROM ALERT_MUTES GROUP BY DOMAIN, ALERT_TYPE
       ) AS M ON M.DOMAIN = E.DOMAIN AND M.ALERT_TYPE = E.ALERT_TYPE
       WHERE D.EVENT_ID IS NULL AND E.CHANNELS LIKE ? AND (${of.sql})
       ORDER BY CASE WHEN M.ENDS_AT > CAST(? AS TIMESTAMP_NTZ) THEN 1 ELSE 0 END, E.CREATED_AT, E.ALERT_ID, E.EVENT DESC LIMIT ${AT_ONCE}`,
      {
        binds: [channel, `%,${channel},%`, ...of.binds, new Date(now).toISOString().slice(0, -1)],
        timeoutMs: QUERY_MS,
      },
    );
    return rows.map((row) => {
      const event = eventOf(row);
      const [createdAt, endsAt] = [momentOf(event.createdAt), row[8] === null ? -Infinity : momentOf(String(row[8]))];
      const isMuted = endsAt > now;
      return {
        ...event,
        mutedUntil: isMuted ? endsAt : null,
        dueSince: isMuted ? createdAt : Math.max(createdAt, endsAt),
      };
    });
  }

  /** The newest alerts that a channel has been told are raised, and not that they are cleared. */
  async active(channel: string, owned: readonly OwnedPartition[]): Promise<readonly AlertEventRow[]> {
    if (owned.length === 0) return [];
    const of = partitionsAre(owned);
    const { rows } = await this.#options.warehouse.query(
      `SELECT ${COLUMNS} FROM ALERT_EVENTS AS E
       JOIN ALERT_DELIVERIES AS D ON D.EVENT_ID = E.EVENT_ID AND D.CHANNEL = ? AND D.STATUS = 'DELIVERED'
       WHERE E.EVENT = 'RAISED' AND (${of.sql}) AND E.ALERT_ID NOT IN (
         SELECT ALERT_ID FROM ALERT_EVENTS GROUP BY ALERT_ID HAVING SUM(CASE WHEN EVENT = 'RAISED' THEN 1 ELSE -1 END) <= 0
       )
       ORDER BY E.CREATED_AT DESC LIMIT ${MAX_ACTIVE}`,
      { binds: [channel, ...of.binds], timeoutMs: QUERY_MS },
    );
    return rows.map(eventOf);
  }

  /** Notes what became of messages. */
  async settle(deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return;
    const now = this.#options.now();
    const rows = deliveries.map(({ eventId, channel, domain, status, attempts, detail }): Row => ({
      EVENT_ID: eventId,
      CHANNEL: channel,
      DOMAIN: domain,
      STATUS: status,
      ATTEMPTS: attempts,
      DETAIL: detail?.slice(0, MAX_DETAIL) ?? null,
      UPDATED_AT: now,
    }));
    await this.#options.writes.write([{ table: "ALERT_DELIVERIES", keyColumns: ["EVENT_ID", "CHANNEL"], rows }]);
  }
}

function eventOf(row: readonly unknown[]): AlertEventRow {
  const [eventId, domain, alertId, type, event, severity, alert, createdAt] = row.map(String) as [
    ...[string, string, string, string],
    ...[string, string, string, string],
  ];
  return { eventId, domain, alertId, type, event, severity, alert, createdAt };
}

/** The condition that a row of `E` is of one of the partitions. */
function partitionsAre(owned: readonly OwnedPartition[]): { readonly sql: string; readonly binds: Bind[] } {
  const topics = [...Map.groupBy(owned, ({ domain, topic }) => JSON.stringify([domain, topic])).values()];
  return {
    sql: topics.map((of) =>
      `E.DOMAIN = ? AND E.TOPIC = ? AND E.KAFKA_PARTITION IN (${of.map(({ partition }) => partition).join(", ")})`
    ).join(" OR "),
    binds: topics.flatMap(([{ domain, topic } = { domain: "", topic: "" }]) => [domain, topic]),
  };
}

const momentOf = (timestamp: string): number => Date.parse(`${timestamp.replace(" ", "T")}Z`);
