// How the page puts alerts together: by type and place, what matters most first.

import { assertEquals } from "@std/assert";
import type { Alert } from "../../src/panels/answers.ts";
import { groupsOf, isShown, type Severity, toneOf, worstOf } from "../../src/http/dashboard/page/parts/alert_groups.ts";

const SEVERITIES: Readonly<Record<string, Severity>> = { FIRE: "critical", LOW: "warning", SPOILAGE: "info" };
const severityOf = (type: string) => SEVERITIES[type]!;

function alert(type: string, place: string | null, overrides: Partial<Alert> = {}): Alert {
  return {
    ...{ id: crypto.randomUUID(), type, status: "ACTIVE", subject: "a", subject_id: "a", place },
    ...{ started_at: "2026-01-15 10:00:00", last_seen_at: "2026-01-15 10:10:00", cleared_at: null },
    ...{ event_count: 1, peak_value: 1, threshold: 1, acknowledged: null },
    ...overrides,
  };
}

const taken = { by: "Ann", at: "2026-01-15 10:11:00", note: null };

Deno.test("a wall of alerts of a type at a place is one row, and two of them are two", () => {
  const wall = Array.from({ length: 80 }, (_, i) => alert("SPOILAGE", "Paris", i < 30 ? { status: "CLEARED" } : {}));
  const groups = groupsOf([...wall, alert("SPOILAGE", "Lyon"), alert("SPOILAGE", "Lyon")], severityOf);
  assertEquals(groups.map(({ alerts, active }) => [alerts.length, active.length]), [[80, 50], [1, 1], [1, 1]]);
});

Deno.test("active rows come first, what matters most before the rest, then the newest", () => {
  const cleared = { status: "CLEARED", last_seen_at: "2026-01-15 12:00:00" } as const;
  const groups = groupsOf([
    alert("FIRE", null, cleared),
    alert("SPOILAGE", null),
    alert("LOW", "old"),
    alert("LOW", "new", { last_seen_at: "2026-01-15 11:00:00" }),
    alert("FIRE", "here"),
  ], severityOf);
  assertEquals(groups.map(({ type, place }) => `${type} ${place}`), [
    "FIRE here",
    "LOW new",
    "LOW old",
    "SPOILAGE null",
    "FIRE null",
  ]);
});

Deno.test("a filter shows what is active, what nobody has taken up, what is over, and what matters so much", () => {
  const alerts = [
    alert("FIRE", null),
    alert("FIRE", null, { acknowledged: taken }),
    alert("LOW", null, { status: "CLEARED" }),
  ];
  const shown = (state: "" | "active" | "open" | "cleared", severity: "" | Severity = "") =>
    alerts.filter((one) => isShown({ state, severity }, one, severityOf)).length;
  assertEquals([shown(""), shown("active"), shown("open"), shown("cleared")], [3, 2, 1, 1]);
  assertEquals([shown("", "warning"), shown("active", "warning")], [1, 0]);
  assertEquals(groupsOf(alerts, severityOf)[0]!.open.length, 1);
});

Deno.test("active alerts have the tone of the most severe of them, and none are well", () => {
  assertEquals(toneOf(0, []), "ok");
  assertEquals(toneOf(2, ["info", "info"]), "info");
  assertEquals(toneOf(3, ["info", "warning", "info"]), "warn");
  assertEquals(toneOf(3, ["warning", "critical", "info"]), "bad");
  // There are some, but which they are has not been told yet.
  assertEquals(toneOf(3, []), "plain");
  assertEquals(worstOf([]), undefined);
});
