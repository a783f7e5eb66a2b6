// What the engine asks a warehouse of its alerts when it starts, answered from rows in memory.

import type { QueryResult, Row } from "../../../src/warehouse/warehouse.ts";

interface Asked {
  readonly sql: string;
  readonly binds: readonly unknown[];
  readonly rows: (table: string) => readonly Row[];
}

/** The answer; `undefined` for a question about something else. */
export function answerOfAlerts({ sql, binds, rows }: Asked): QueryResult | undefined {
  if (sql.includes("FROM ALERT_EVENTS")) return resultOf(["ALERT_ID", "ALERT"], raised(rows("ALERT_EVENTS"), binds));
  const [, columns, table, where] =
    /^SELECT (\*|ALERT_ID) FROM (\w+) WHERE (CLEARED_AT IS NULL|ALERT_ID IN)/.exec(sql) ?? [];
  if (table === undefined) return undefined;
  const isWanted = ({ ALERT_ID, CLEARED_AT }: Row) =>
    where === "ALERT_ID IN" ? binds.includes(ALERT_ID) : CLEARED_AT === null;
  const found = rows(table).filter(isWanted);
  return resultOf(columns === "*" ? Object.keys(found[0] ?? {}) : ["ALERT_ID"], found);
}

/** Raised more often than cleared. */
function raised(events: readonly Row[], [domain, topic, ...more]: readonly unknown[]): readonly Row[] {
  const partitions = more.slice(0, more.length / 2 - 1);
  const own = events.filter(({ DOMAIN, TOPIC, KAFKA_PARTITION }) =>
    DOMAIN === domain && TOPIC === topic && partitions.includes(KAFKA_PARTITION)
  );
  const sum = (id: unknown) =>
    own.filter(({ ALERT_ID }) => ALERT_ID === id).reduce((all, { EVENT }) => all + (EVENT === "RAISED" ? 1 : -1), 0);
  return own.filter(({ EVENT, ALERT_ID }) => EVENT === "RAISED" && sum(ALERT_ID) > 0);
}

/** Times are text there. */
function resultOf(names: readonly string[], rows: readonly Row[]): QueryResult {
  const cell = (name: string, value: unknown) =>
    name.endsWith("_AT") && typeof value === "number"
      ? new Date(value).toISOString().slice(0, -1).replace("T", " ")
      : value;
  return {
    columns: names.map((name) => ({ name, type: "VARCHAR" })),
    rows: rows.map((row) => names.map((name) => cell(name, row[name]))),
    truncated: false,
  };
}
