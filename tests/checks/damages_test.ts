// Every kind of damage to tables that were right: a rule must break. Each is put into the tables of one real run, judged,
// and rolled back.
import { outputsOf } from "../../src/domains/domain.ts";
import { assert, assertEquals } from "@std/assert";
import { mergedFinalRule } from "../../src/checks/mod.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { Patient } from "../support/patient.ts";

/** Columns of which the raw rows do not tell what they must be. */
const NOT_JUDGED: ReadonlySet<string> = new Set(["UPDATED_AT", "INGESTION_TIME", "VERSION"]);

/** Another value of a column, as near to the old one as its promise is exact. */
function otherValue(column: string, type: string): string | undefined {
  // Of a sum in parts: what its value shows.
  if (/_LOW(EST)?$/.test(column)) return `COALESCE(${column}, 0) + 1e-9`;
  if (type === "DOUBLE") return `COALESCE(CASE WHEN ${column} = 0 THEN 1e-3 ELSE ${column} * (1 + 1e-13) END, 0)`;
  if (/INT/.test(type)) return `COALESCE(${column}, 0) + 1`;
  if (type === "VARCHAR") return `COALESCE(${column}, '') || 'x'`;
  if (type === "BOOLEAN") return `NOT COALESCE(${column}, FALSE)`;
  if (/^TIMESTAMP/.test(type)) return `COALESCE(${column}, TIMESTAMP '2026-01-15 08:00:00') + INTERVAL 1 MICROSECOND`;
  if (type === "DATE") return `${column} + 1`;
  return undefined;
}

/** What is judged less exactly: by the least change that must be noticed. */
const COARSER: Readonly<Record<string, string>> = {
  "RIDE_REQUESTS.DISTANCE_KM": "DISTANCE_KM + 1e-6",
  "CIRCADIAN_DAILY_PARTS.SLEEP_MIDPOINT": "SLEEP_MIDPOINT + 0.001",
  "ACTIONS_PER_MINUTE_PARTS.USER_HASHES": "USER_HASHES || '999999999999999'",
  "RIDE_SURGE_ALERTS.BASELINE_COUNT": "BASELINE_COUNT * (1 + 1e-13)",
};

/** Columns that tell nothing by themselves, or that nothing was ever promised of. */
const UNSEEN: readonly string[] = [
  "CIRCADIAN_DAILY_PARTS.MAIN_SLEEP_HOURS",
  "CIRCADIAN_DAILY_PARTS.SLEEP_MIDPOINT_AT",
  "STOCK_LEVELS_PARTS.OPENING_QUANTITY",
];

/** Rows in which every column means something. */
const FULL: Readonly<Record<string, string>> = {
  CIRCADIAN_DAILY_PARTS: "SLEEP_COUNT > 0 AND MEAL_COUNT > 0 AND LIGHT_LUX_HOURS > 0",
};

const derivedOf = (name: string) => {
  const { tables, raw } = domainOf(name);
  const outputs = outputsOf({ tables }).map(({ name }) => name);
  return { raw: raw.table, derived: [...new Set(outputs)] };
};

for (const { name } of checkedDomains) {
  Deno.test(`any column of a table of ${name} that is changed breaks a rule, and so does a row too few or too many`, async () => {
    await using patient = await Patient.of(name);
    assertEquals(await patient.broken(() => true), undefined);
    const { raw, derived } = derivedOf(name);
    const unnoticed: string[] = [];
    for (const table of [raw, ...derived]) {
      // To be quick only rules that look at the table, or at the view of it.
      const about = new RegExp(`\\b(${table}|${table.replace(/_PARTS$/, "")})\\b`);
      // A row in the middle, as most are.
      const full = FULL[table] ?? "TRUE";
      const chosen = `rowid = (SELECT rowid FROM ${table} WHERE ${full}
        ORDER BY rowid LIMIT 1 OFFSET (SELECT COUNT(*) // 2 FROM ${table} WHERE ${full}))`;
      const harms: [string, string][] = [
        [`${table} has a row less`, `DELETE FROM ${table} WHERE ${chosen}`],
        [`${table} has a row twice`, `INSERT INTO ${table} FROM ${table} WHERE ${chosen}`],
      ];
      for (
        const [column, type] of await patient.rows(
          `SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '${table}'`,
        )
      ) {
        const place = `${table}.${column}`;
        const other = COARSER[place] ?? otherValue(String(column), String(type));
        if (other === undefined || NOT_JUDGED.has(String(column)) || UNSEEN.includes(place)) continue;
        harms.push([place, `UPDATE ${table} SET ${column} = ${other} WHERE ${chosen}`]);
      }
      for (const [what, sql] of harms) {
        if (!await patient.damagedBy(sql, (_, rule) => about.test(rule))) unnoticed.push(what);
      }
    }
    assertEquals(unnoticed, []);
  });
}

type Damage = readonly [what: string, sql: string, rule: string];
const FINAL = "IS_FINAL AND VERSION = 1";
const one = (table: string, condition: string) => `rowid = (SELECT MIN(rowid) FROM ${table} WHERE ${condition})`;

const DAMAGES: Readonly<Record<string, readonly Damage[]>> = {
  trains: [
    [
      "a final row lost a record",
      `UPDATE ATS_HOURLY_STATS_PARTS SET EVENT_COUNT = EVENT_COUNT - 1 WHERE ${one("ATS_HOURLY_STATS_PARTS", FINAL)}`,
      "hourly statistics equal GROUP BY",
    ],
    [
      "a window is final too early",
      "DELETE FROM FRESHET_CLOSED",
      "windows of ATS_HOURLY_STATS_PARTS are final once the watermark has passed them",
    ],
    [
      "a late record was counted all the same",
      `INSERT INTO LATE_RECORDS SELECT 'trains', 'ATS_HOURLY_STATS_PARTS', 'ats_telemetry', KAFKA_PARTITION, KAFKA_OFFSET, TIMESTAMP, NULL, 0,
          DATE_TRUNC('hour', TIMESTAMP), DATE_TRUNC('hour', TIMESTAMP) + INTERVAL 1 HOUR, 1
        FROM ATS_TRANSFORMED ANTI JOIN LATE_RECORDS USING (KAFKA_PARTITION, KAFKA_OFFSET) LIMIT 1`,
      "hourly statistics equal GROUP BY",
    ],
    [
      "a late record is told twice",
      "INSERT INTO LATE_RECORDS FROM LATE_RECORDS LIMIT 1",
      "late records are told once, by an operator that there is",
    ],
    [
      "a late record is of no operator",
      "UPDATE LATE_RECORDS SET OPERATOR = 'ATS' WHERE rowid = 0",
      "late records are told once, by an operator that there is",
    ],
    [
      "a late record is not in raw",
      "UPDATE LATE_RECORDS SET KAFKA_OFFSET = 100000",
      "late records are in the raw table",
    ],
    [
      "an alert is cleared of which nobody was told",
      `INSERT INTO ALERT_EVENTS SELECT 'e', 'trains', ALERT_ID, ALERT_TYPE, 'CLEARED', 'info', ',webhook,', '{}',
          'ats_telemetry', KAFKA_PARTITION, STARTED_AT FROM ATS_ALERTS LIMIT 1`,
      "alerts are told of once, raised before they are cleared",
    ],
    [
      "something is delivered that nobody was to be told",
      `INSERT INTO ALERT_DELIVERIES VALUES ('e', 'webhook', 'trains', 'DELIVERED', 1, NULL, TIMESTAMP '2026-01-15 08:00:00')`,
      "what is delivered is an alert event, on a channel that it is for",
    ],
    [
      "an offset is beyond the position",
      "UPDATE FRESHET_OFFSETS SET NEXT_OFFSET = NEXT_OFFSET - 1",
      "no record is beyond its partition's position",
    ],
    [
      "an offset is missing",
      "UPDATE FRESHET_OFFSETS SET NEXT_OFFSET = NEXT_OFFSET + 1",
      "every offset is in the raw table or a dead letter, once",
    ],
    [
      "a raw row is also a dead letter",
      `INSERT INTO DEAD_LETTERS (DOMAIN, TOPIC, KAFKA_PARTITION, KAFKA_OFFSET, STAGE, REASON, SEEN_AT)
        SELECT 'trains', 'ats_telemetry', 0, MAX(KAFKA_OFFSET), 'write', 'x', NOW()::TIMESTAMP
        FROM ATS_TRANSFORMED WHERE KAFKA_PARTITION = 0`,
      "no offset is there twice",
    ],
    [
      "a gap is on record where there is a row",
      `INSERT INTO FRESHET_GAPS SELECT 'trains', 'ats_telemetry', 0, MAX(KAFKA_OFFSET), MAX(KAFKA_OFFSET) + 1, 'unreadable', NULL, 'x', NOW()::TIMESTAMP
        FROM ATS_TRANSFORMED WHERE KAFKA_PARTITION = 0`,
      "no record is in a gap on record",
    ],
    [
      "a gap is on record that the position has not come to",
      `INSERT INTO FRESHET_GAPS SELECT DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, NEXT_OFFSET + 5, 'unreadable', NULL, 'x', NOW()::TIMESTAMP
        FROM FRESHET_OFFSETS WHERE KAFKA_PARTITION = 0`,
      "gaps on record are behind their partition's position",
    ],
    [
      "a window is open again",
      `UPDATE ATS_HOURLY_STATS_PARTS SET IS_FINAL = FALSE WHERE ${one("ATS_HOURLY_STATS_PARTS", "IS_FINAL")}`,
      "windows of ATS_HOURLY_STATS_PARTS are final once the watermark has passed them",
    ],
    [
      "a version is none",
      "UPDATE ATS_HOURLY_STATS_PARTS SET VERSION = 0 WHERE rowid = 0",
      "windows of ATS_HOURLY_STATS_PARTS are final once the watermark has passed them",
    ],
    [
      "a dead letter is twice",
      "INSERT INTO DEAD_LETTERS FROM DEAD_LETTERS LIMIT 1",
      "no offset is there twice",
    ],
    [
      "a raw record has a name twice",
      `UPDATE ATS_RAW_JSON SET RECORD_CONTENT = '{"line":"x",' || SUBSTR(RECORD_CONTENT::VARCHAR, 2) WHERE rowid = 5`,
      "no raw record has a name twice",
    ],
    [
      "an alert is active although it is over",
      `UPDATE ATS_ALERTS SET STATUS = 'ACTIVE', CLEARED_AT = NULL WHERE ${
        one("ATS_ALERTS", "ALERT_TYPE = 'OVERCROWDING' AND CLEARED_AT IS NOT NULL")
      }`,
      "overcrowding alerts are cleared when they are over",
    ],
    [
      "the newest of a train is another's row",
      `UPDATE ATS_LATEST_STATUS SET SPEED_KMH = SPEED_KMH + 1 WHERE rowid = 0`,
      "the latest status is the newest row of each train",
    ],
    [
      "the view forgets a correction",
      "ALTER VIEW ATS_HOURLY_STATS RENAME TO BEFORE; CREATE VIEW ATS_HOURLY_STATS AS SELECT * REPLACE (0 AS VERSION) FROM BEFORE",
      "ATS_HOURLY_STATS has a version for every correction",
    ],
  ],
  rides: [
    [
      "demand has a window less",
      `DELETE FROM RIDE_DEMAND_PARTS WHERE ${one("RIDE_DEMAND_PARTS", "IS_FINAL")}`,
      "demand of each partition equals GROUP BY over every window",
    ],
    [
      "a mean is off by a ten-thousandth of a billionth",
      `UPDATE RIDE_DEMAND_PARTS SET SUM_FARE_ESTIMATE = SUM_FARE_ESTIMATE * (1 + 1e-13) WHERE ${
        one("RIDE_DEMAND_PARTS", "FARE_COUNT > 0")
      }`,
      "demand is what the partitions have of it",
    ],
  ],
  wine: [
    [
      "a stock level is off by a bottle",
      "UPDATE STOCK_LEVELS_PARTS SET QUANTITY_CHANGE = QUANTITY_CHANGE + 1 WHERE rowid = 0",
      "stock levels are the opening stock and the sum of all movements",
    ],
    [
      "sales are off by a cent",
      "UPDATE SALES_HOURLY_PARTS SET GROSS_CENTS = GROSS_CENTS + 1 WHERE rowid = 0",
      "hourly sales equal GROUP BY, to the cent",
    ],
  ],
  actions: [
    [
      "a user is counted twice",
      "UPDATE ACTIONS_PER_MINUTE_PARTS SET USER_HASHES = USER_HASHES || '999999999999999' WHERE rowid = 0",
      "actions per minute equal GROUP BY, each user counted once",
    ],
  ],
  circadian: [
    ...["phase.wake_utc", "phase.wake_local", "phase.sleep_hours", "phase.cbt_min_utc", "irregularity_hours", "nights"]
      .map((field): Damage => [
        `a recommendation says another ${field}`,
        `UPDATE RECOMMENDATIONS_PARTS SET RECOMMENDATION = JSON_MERGE_PATCH(RECOMMENDATION, '${
          patch(field, 1.5)
        }') WHERE rowid = 0`,
        "recommendations come from the main sleeps of the last seven nights",
      ]),
    ...["sleep.from", "sleep.to", "cbt_min", "light.day.to", "light.evening.from", "light.night.to"]
      .map((field): Damage => [
        `a recommendation says another ${field}`,
        `UPDATE RECOMMENDATIONS_PARTS SET RECOMMENDATION = JSON_MERGE_PATCH(RECOMMENDATION, '${
          patch(field, "12:34")
        }') WHERE rowid = 0`,
        "recommendations come from the main sleeps of the last seven nights",
      ]),
    [
      "a recommendation gives no advice",
      `UPDATE RECOMMENDATIONS_PARTS SET RECOMMENDATION = JSON_MERGE_PATCH(RECOMMENDATION, '{"advice":[]}') WHERE rowid = 0`,
      "recommendations come from the main sleeps of the last seven nights",
    ],
  ],
};

/** A JSON merge patch of one field. */
function patch(field: string, value: unknown): string {
  return JSON.stringify(field.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value));
}

for (const [name, damages] of Object.entries(DAMAGES)) {
  Deno.test(`each damage to the tables of ${name} breaks the rule that is about it`, async () => {
    await using patient = await Patient.of(name);
    for (const [what, sql, rule] of damages) {
      assertEquals([what, await patient.damagedBy(sql, (name) => name === rule)], [what, rule]);
    }
  });
}

Deno.test("a merged row that is final before every partition has passed it breaks a rule of its own", async () => {
  await using patient = await Patient.of("trains");
  const domain = domainOf("trains");
  const outputs = outputsOf(domain);
  const hourly = outputs.find((output) => output.name === "ATS_HOURLY_STATS_PARTS")!;
  assert(hourly.kind === "windows");
  const [rule] = Object.values(mergedFinalRule(domain, hourly));
  const asked = (what: string) => patient.rows(rule!.replaceAll(/\bATS_HOURLY_STATS\b/g, `(${what})`));
  assertEquals((await asked("FROM ATS_HOURLY_STATS")).length, 0);
  assert((await asked("SELECT V.* REPLACE (FALSE AS IS_FINAL) FROM ATS_HOURLY_STATS AS V")).length > 0);
});
