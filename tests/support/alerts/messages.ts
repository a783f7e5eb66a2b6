// Messages and rows of the outbox for tests.
import type { AlertMessage } from "../../../src/alerts/channel.ts";
import { Cells } from "../../../src/warehouse/cells.ts";
import type { Warehouse } from "../../../src/warehouse/warehouse.ts";

/** A message that a train was crowded, but for what a test says. */
export function message(overrides: Partial<AlertMessage> = {}): AlertMessage {
  return {
    id: "alert_1",
    event: "raised",
    at: "2026-11-20T06:24:15.000Z",
    domain: "trains",
    alertId: "OVERCROWDING/C106/0/2026-11-20T06:24:13.750Z",
    type: "OVERCROWDING",
    severity: "critical",
    labels: { TRAIN_ID: "C106" },
    startedAt: "2026-11-20T06:24:13.750Z",
    lastSeenAt: "2026-11-20T06:24:13.750Z",
    clearedAt: null,
    eventCount: 1,
    peakValue: 1400,
    threshold: 1100,
    url: "https://freshet.example/trains",
    ...overrides,
  };
}

export interface EventRow {
  readonly alert: string;
  readonly event: "RAISED" | "CLEARED";
  readonly at: number;
  readonly type?: string;
  readonly partition?: number;
}

/** Puts events into the outbox as checkpoints do. The id of each is `<alert>/<event>`. */
export async function addEvents(
  warehouse: Warehouse,
  events: readonly EventRow[],
  channels: readonly string[],
): Promise<void> {
  await using writer = await warehouse.writer("test");
  const rows = events.map(({ alert, event, at, type = "OVERCROWDING", partition = 0 }) => ({
    EVENT_ID: `${alert}/${event}`,
    DOMAIN: "trains",
    ALERT_ID: alert,
    ALERT_TYPE: type,
    EVENT: event,
    SEVERITY: "critical",
    CHANNELS: `,${channels.join(",")},`,
    ALERT: JSON.stringify({
      ...{ ALERT_ID: alert, ALERT_TYPE: type, TRAIN_ID: alert, KEY: ["TRAIN_ID"], EVENT_COUNT: 1, VERSION: 1 },
      ...{ STARTED_AT: new Date(at).toISOString(), LAST_SEEN_AT: new Date(at).toISOString() },
      ...{ CLEARED_AT: event === "CLEARED" ? new Date(at).toISOString() : null, KAFKA_PARTITION: partition },
    }),
    TOPIC: "ats_telemetry",
    KAFKA_PARTITION: partition,
    CREATED_AT: at,
  }));
  const nowhere = rows.map(() => 0);
  const append = { table: "ALERT_EVENTS", cells: Cells.of(rows), partitions: nowhere, offsets: nowhere };
  await writer.commit({ topic: "", appends: [append], upserts: [], deletes: [], state: [], moves: [] });
}
