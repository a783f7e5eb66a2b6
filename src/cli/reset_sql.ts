// `sql reset`: the SQL after which domains begin again, with the beginning of what their topics still hold. What a domain
// is remembered by lies in several tables; forgetting only a part would count records twice. Sends nothing anywhere.
import type { Domain } from "../domains/domain.ts";
import type { SnowflakeConfig } from "../config/snowflake.ts";
import { normalizeStatement, snowflakeDialect, splitStatements } from "../warehouse/sql/scripts.ts";
import { offsetsTable } from "../warehouse/snowflake/offsets_tables.ts";
import { useStatements } from "./snowflake_names.ts";

const MADE = /^CREATE (?:OR REPLACE )?(TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)/i;
/** Tables of Freshet's own with rows of every domain, in the order in which they are emptied of one. */
const SHARED = [
  // People would be told that alerts have cleared which are only forgotten, and not of those that are found again.
  "ALERT_DELIVERIES",
  "ALERT_EVENTS",
  "DEAD_LETTERS",
  "LATE_RECORDS",
  "FRESHET_GAPS",
  "FRESHET_STATE",
  "FRESHET_CLOSED",
  "FRESHET_OPERATORS",
];

export interface ResetOptions {
  /** Drop the tables instead of setting them aside. */
  readonly drop: boolean;
  /** `undefined` for the embedded warehouse. */
  readonly snowflake: SnowflakeConfig | undefined;
}

/** The text of the SQL. */
export function resetSql(domains: readonly Domain[], { drop, snowflake }: ResetOptions): string {
  const names = domains.map(({ name, topic }) => `"${name}" (topic ${topic})`).join(", ");
  return `-- Begins again: ${names}. Stop every "freshet run" before.\n` +
    `-- The next run makes the tables and reads the topic from the first record that it still holds.\n` +
    (drop ? "" : "-- The tables of now stay, as <NAME>_OLD; drop those of an earlier time first.\n") +
    (snowflake ? useStatements(snowflake) : "") +
    domains.map((domain) => statementsOf(domain, { drop, snowflake })).join("");
}

function statementsOf({ name, sql }: Domain, { drop, snowflake }: ResetOptions): string {
  const offsets = snowflake ? offsetsTable(name) : "FRESHET_OFFSETS";
  const made = splitStatements(sql, snowflakeDialect).flatMap((statement) => {
    const match = MADE.exec(normalizeStatement(statement, snowflakeDialect));
    return match ? [{ kind: match[1]!.toUpperCase(), object: match[2]! }] : [];
  });
  const ofKind = (kind: string) => [...new Set(made.filter((it) => it.kind === kind).map(({ object }) => object))];
  const away = (table: string) =>
    drop ? `DROP TABLE IF EXISTS ${table}` : `ALTER TABLE IF EXISTS ${table} RENAME TO ${table}_OLD`;
  const statements = [
    ...ofKind("VIEW").map((view) => `DROP VIEW IF EXISTS ${view}`),
    ...ofKind("TABLE").map(away),
    ...[...SHARED, offsets].map((table) => `DELETE FROM ${table} WHERE DOMAIN = '${name}'`),
    `DELETE FROM FRESHET_MIGRATIONS WHERE NAME = '${name}'`,
  ];
  return `\n${statements.join(";\n")};\n`;
}
