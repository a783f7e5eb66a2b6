// Alerts of one type at one place are one row, where there are several: a wall of them is read at a glance.
import type { Alert } from "../../../../panels/answers.ts";
import { momentOf } from "../format.ts";

export type Severity = "critical" | "warning" | "info";

/** The less, the more it matters. */
export const RANKS: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/** The most severe of them. */
export function worstOf(severities: readonly Severity[]): Severity | undefined {
  return severities.toSorted((a, b) => RANKS[a] - RANKS[b])[0];
}

/** How what says that there are some is shown: the more severe, the louder. */
export const TONES = { critical: "bad", warning: "warn", info: "info" } as const satisfies Record<Severity, string>;

/** The tone of a number of active alerts: that of the most severe of them. Plain where there are, but which is not known. */
export function toneOf(count: number, severities: readonly Severity[]) {
  const worst = worstOf(severities);
  return count === 0 ? "ok" : worst === undefined ? "plain" : TONES[worst];
}

/** How much an alert matters, by its type. */
export type SeverityOf = (type: string) => Severity;

export interface AlertGroup {
  readonly key: string;
  readonly type: string;
  readonly place: string | null;
  readonly severity: Severity;
  /** Active ones first, then the newest. */
  readonly alerts: readonly Alert[];
  readonly active: readonly Alert[];
  /** Active ones that nobody has taken up. */
  readonly open: readonly Alert[];
}

/** So many of a kind are one row. */
const MANY = 3;

/** What of the alerts is to be seen. */
export interface AlertFilter {
  readonly state: "" | "active" | "open" | "cleared";
  readonly severity: "" | Severity;
}

export function isShown({ state, severity }: AlertFilter, alert: Alert, severityOf: SeverityOf): boolean {
  const isActive = alert.status === "ACTIVE";
  const ofState = {
    "": true,
    active: isActive,
    open: isActive && alert.acknowledged === null,
    cleared: !isActive,
  }[state];
  return ofState && (severity === "" || severityOf(alert.type) === severity);
}

/** The groups: those with active alerts first, what matters most before the rest, then the newest. */
export function groupsOf(alerts: readonly Alert[], severityOf: SeverityOf): readonly AlertGroup[] {
  const kinds = Map.groupBy(alerts, ({ type, place }) => JSON.stringify([type, place]));
  const groups = [...kinds].flatMap(([key, some]) =>
    some.length >= MANY
      ? [groupOf(key, some, severityOf)]
      : some.map((alert) => groupOf(`${key} ${alert.id}`, [alert], severityOf))
  );
  return groups.toSorted((a, b) =>
    Number(b.active.length > 0) - Number(a.active.length > 0) ||
    (a.active.length > 0 ? RANKS[a.severity] - RANKS[b.severity] : 0) || newestOf(b) - newestOf(a)
  );
}

function groupOf(key: string, alerts: readonly Alert[], severityOf: SeverityOf): AlertGroup {
  const [{ type, place }] = alerts as readonly [Alert];
  const active = alerts.filter(({ status }) => status === "ACTIVE");
  const open = active.filter(({ acknowledged }) => acknowledged === null);
  return { key, type, place, severity: severityOf(type), alerts, active, open };
}

const newestOf = ({ alerts }: AlertGroup): number =>
  Math.max(...alerts.map(({ last_seen_at }) => momentOf(last_seen_at)));
