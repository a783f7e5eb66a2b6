// What must be so of everything that a receiver was told, beside the tables it was told of.

import { assert, assertEquals } from "@std/assert";
import type { Warehouse } from "../../../src/warehouse/warehouse.ts";
import type { Receiver } from "./receiver.ts";

export interface Expected {
  /** Alerts that are news. */
  readonly expected: number;
  /** Alerts that are history. */
  readonly old: number;
}

/**
 * Each alert was raised once and cleared once, in this order, by the idempotency key; none of history; the outbox says the
 * same, and that all is delivered. Resolves with how often a message came again.
 */
export async function checkTold(
  receiver: Receiver,
  warehouse: Pick<Warehouse, "query">,
  { expected, old }: Expected,
): Promise<{ readonly repeats: number }> {
  assertEquals(receiver.faults, []);
  const { distinct } = receiver;
  const alerts = Map.groupBy(distinct, ({ alertId }) => alertId);
  for (const [id, events] of alerts) assertEquals(events.map(({ event }) => event), ["raised", "cleared"], id);
  assertEquals(alerts.size, expected);
  assert(distinct.every(({ alertId }) => !alertId.includes("OLD")), "history was told");
  await untilNoted(warehouse, 2 * expected);
  const { rows } = await warehouse.query(
    `SELECT (SELECT COUNT(*) FROM ATS_ALERTS), (SELECT COUNT(*) FROM ALERT_EVENTS),
       (SELECT COUNT(DISTINCT EVENT_ID) FROM ALERT_EVENTS),
       (SELECT COUNT(*) FROM ALERT_DELIVERIES WHERE CHANNEL = 'webhook' AND STATUS = 'DELIVERED')`,
  );
  assertEquals(rows[0]!.map(Number), [expected + old, 2 * expected, 2 * expected, 2 * expected]);
  return { repeats: receiver.received.length - distinct.length };
}

/** A message that the receiver forgot to answer is noted once it has been sent again. */
async function untilNoted(warehouse: Pick<Warehouse, "query">, messages: number): Promise<void> {
  const sql = "SELECT COUNT(*) FROM ALERT_DELIVERIES WHERE CHANNEL = 'webhook' AND STATUS = 'DELIVERED'";
  for (const giveUpAt = Date.now() + 120_000; Date.now() < giveUpAt;) {
    if (Number((await warehouse.query(sql)).rows[0]![0]) >= messages) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
