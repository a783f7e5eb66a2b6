// From a row of ALERT_EVENTS to the message that it stands for.
import type { AlertMessage } from "./channel.ts";

/** A row as the outbox reads it. */
export interface AlertEventRow {
  readonly eventId: string;
  readonly domain: string;
  readonly alertId: string;
  readonly type: string;
  readonly event: string;
  readonly severity: string;
  /** JSON object. */
  readonly alert: string;
  /** As the warehouse gives it. */
  readonly createdAt: string;
}

const number = (value: unknown): number | null => typeof value === "number" && Number.isFinite(value) ? value : null;

/** `2026-01-31 13:45:00.123`, which is UTC, as ISO 8601. */
export const isoOf = (timestamp: string): string => new Date(`${timestamp.replace(" ", "T")}Z`).toISOString();

/** The message. `dashboardUrl` is where people reach the dashboard, if that is known. */
export function messageOf(row: AlertEventRow, dashboardUrl: string | undefined): AlertMessage {
  const alert = JSON.parse(row.alert) as Readonly<Record<string, unknown>>;
  const keys = Array.isArray(alert.KEY) ? alert.KEY.map(String) : [];
  const at = isoOf(row.createdAt);
  const isCleared = row.event === "CLEARED";
  return {
    id: row.eventId,
    event: isCleared ? "cleared" : "raised",
    at,
    domain: row.domain,
    alertId: row.alertId,
    type: row.type,
    severity: row.severity as AlertMessage["severity"],
    labels: Object.fromEntries(keys.map((name) => [name, String(alert[name] ?? "")])),
    startedAt: String(alert.STARTED_AT),
    lastSeenAt: String(alert.LAST_SEEN_AT),
    // Of what became part of another alert nothing says when it was over but that it is.
    clearedAt: isCleared ? String(alert.CLEARED_AT ?? at) : null,
    eventCount: number(alert.EVENT_COUNT) ?? 0,
    peakValue: number(alert.PEAK_VALUE),
    threshold: number(alert.THRESHOLD),
    url: dashboardUrl === undefined ? null : `${dashboardUrl}/${row.domain}`,
  };
}

/** The message as JSON, in the form of the Standard Webhooks: `type`, `timestamp`, `data`. */
export function jsonOf(message: AlertMessage): string {
  const { id, event, at, domain, alertId, type, severity, labels } = message;
  const data = {
    id,
    domain,
    alert_id: alertId,
    alert_type: type,
    severity,
    status: event === "raised" ? "active" : "cleared",
    labels,
    started_at: message.startedAt,
    last_seen_at: message.lastSeenAt,
    cleared_at: message.clearedAt,
    event_count: message.eventCount,
    peak_value: message.peakValue,
    threshold: message.threshold,
    url: message.url,
  };
  return JSON.stringify({ type: `alert.${event}`, timestamp: at, data });
}
