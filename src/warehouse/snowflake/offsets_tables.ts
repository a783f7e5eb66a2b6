// Where offsets are in Snowflake: a table for each domain, since an UPDATE locks a table until its transaction ends, and one
// domain's checkpoint must not wait for another's. FRESHET_OFFSETS is a view of all of them, for whoever reads.
// Must not know claims, moves or units.

import { setTimeout as delay } from "node:timers/promises";
import { targetOf } from "../sql/dropped.ts";
import { snowflakeDialect } from "../sql/scripts.ts";
import type { MigrationStep } from "../warehouse.ts";
import { literal } from "./account.ts";
import { type Bind, DriverError, type RawRow } from "./driver.ts";
import { isStatementError } from "./errors.ts";

/** What is needed of a session; a statement of several rows' worth of changes goes through `change`. */
export interface DefiningSession {
  rows(sql: string): Promise<readonly RawRow[]>;
  change(sql: string, binds: readonly Bind[]): Promise<readonly number[]>;
  transaction<T>(body: (transaction: string) => Promise<T>): Promise<T>;
}

/** "SQL execution internal error": passes. */
const INTERNAL_ERROR = "000603";
/** How often making tables is tried, and the pause between, milliseconds, longer each time. */
const ATTEMPTS = 8;
const PAUSE_MS = 100;

const VIEW = "FRESHET_OFFSETS";
const PREFIX = "FRESHET_OFFSETS_";
/** The one table that older versions had for all domains, while its rows are moved. No domain's name has two underscores. */
const BEFORE = "FRESHET_OFFSETS__BEFORE";

/** As sql/freshet.sql has them, with what its later sections add. */
const COLUMNS = [
  ["DOMAIN", "VARCHAR NOT NULL"],
  ["TOPIC", "VARCHAR NOT NULL"],
  ["KAFKA_PARTITION", "BIGINT NOT NULL"],
  ["NEXT_OFFSET", "BIGINT NOT NULL"],
  ["EPOCH", "BIGINT NOT NULL"],
  ["CHECKPOINT_ID", "BIGINT NOT NULL"],
  ["WATERMARK", "TIMESTAMP_NTZ"],
  ["MAX_EVENT_TIME", "TIMESTAMP_NTZ"],
  ["LAST_TIMESTAMP", "TIMESTAMP_NTZ"],
  ["UPDATED_AT", "TIMESTAMP_NTZ NOT NULL"],
  ["LAST_TIMESTAMP_MS", "BIGINT"],
  ["RAW_CHANNEL", "VARCHAR"],
] as const;
const COLUMN_NAMES: readonly string[] = COLUMNS.map(([name]) => name);
const NAMES = COLUMN_NAMES.join(", ");

/** The table of a domain's offsets. */
export function offsetsTable(domain: string): string {
  return PREFIX + domain.toUpperCase().replace(/[^A-Z0-9_]/g, "_");
}

const createSql = (table: string) =>
  `CREATE TABLE IF NOT EXISTS ${table} (${COLUMNS.map((column) => column.join(" ")).join(", ")})`;

/**
 * The row that a claim locks: a topic's first claim has no rows of its own. Two of them, as of two processes that start at
 * once, do as well. It is written last: where it is, all is there.
 */
const lockRowSql = (table: string) =>
  `INSERT INTO ${table} (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, UPDATED_AT) ` +
  `SELECT '', '', -1, 0, 0, 0, SYSDATE() FROM (SELECT COUNT(*) AS KNOWN FROM ${table} WHERE KAFKA_PARTITION = -1) ` +
  "WHERE KNOWN = 0";

/** Of a schema without domains. */
const NO_ROWS = `SELECT ${
  COLUMNS.map(([name, type]) => `CAST(NULL AS ${type.split(" ")[0]}) AS ${name}`).join(", ")
} WHERE 1 = 0`;

function selectSql(tables: readonly string[]): string {
  const parts = tables.map((table) => `SELECT ${NAMES} FROM ${table} WHERE KAFKA_PARTITION >= 0`);
  return parts.length === 0 ? NO_ROWS : parts.join(" UNION ALL ");
}

/**
 * The view is made, or made anew with what was granted on it. By COPY GRANTS a new one has no future grants of its schema,
 * which is why a first one is without. https://docs.snowflake.com/en/sql-reference/sql/create-view
 */
function viewSql(tables: readonly string[], { isThere }: { readonly isThere: boolean }): string {
  return `CREATE OR REPLACE VIEW ${VIEW} ${isThere ? "COPY GRANTS " : ""}AS ${selectSql(tables)}`;
}

/** What makes the tables of offsets, beside the steps of the scripts. */
export const OFFSETS_STEP = { name: "offsets", version: 1, title: "a table of offsets for each domain" } as const;

/** Whether a statement of a script is about the table that a view stands for here. */
export function isAboutOffsets(statement: string): boolean {
  return targetOf(statement, snowflakeDialect) === VIEW;
}

/** A step of a script without what Snowflake is not sent. */
export function withoutOffsets<T extends MigrationStep>(step: T): T {
  return { ...step, statements: step.statements.filter((statement) => !isAboutOffsets(statement)) };
}

/** Steps with the statements of the tables of offsets: in the first of them, or as one of their own. */
export function withOffsets(steps: readonly MigrationStep[], offsets: readonly string[]): readonly MigrationStep[] {
  const [first, ...others] = steps.map(withoutOffsets);
  if (offsets.length === 0) return first === undefined ? [] : [first, ...others];
  if (first === undefined) return [{ ...OFFSETS_STEP, statements: offsets }];
  return [{ ...first, statements: [...offsets, ...first.statements] }, ...others];
}

/** What a schema without anything needs for the domains; every statement can be run again. */
export function offsetsStatements(domains: readonly string[]): readonly string[] {
  const tables = domains.map(offsetsTable).sort();
  const first = `CREATE VIEW IF NOT EXISTS ${VIEW} AS ${NO_ROWS}`;
  return [...tables.map(createSql), first, viewSql(tables, { isThere: true }), ...tables.map(lockRowSql)];
}

const HERE = `TABLE_SCHEMA = CURRENT_SCHEMA() AND TABLE_CATALOG = CURRENT_DATABASE() AND TABLE_NAME LIKE '${VIEW}%'`;
const THERE = `SELECT TABLE_NAME, 'TABLE', '' FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_TYPE <> 'VIEW' AND ${HERE} ` +
  `UNION SELECT TABLE_NAME, 'VIEW', VIEW_DEFINITION FROM INFORMATION_SCHEMA.VIEWS WHERE ${HERE} ` +
  `UNION SELECT TABLE_NAME, 'COLUMN', COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE ${HERE}`;

/** Names of tables, and whether the view is there as a view. */
interface There {
  readonly view: "view" | "table" | undefined;
  /** The view names every table of a domain that is there, and no other; also where its text is not shown to us. */
  readonly isWhole: boolean;
  /** Of domains. */
  readonly tables: readonly string[];
  readonly hasBefore: boolean;
}

/** What the catalog has of the names. */
interface Listed {
  readonly rows: readonly { readonly name: string; readonly type: string; readonly text: string }[];
  readonly view: There["view"];
  readonly hasBefore: boolean;
}

async function list(session: DefiningSession): Promise<Listed> {
  const rows = (await session.rows(THERE)).map(([name, type, text]) => ({
    name: String(name),
    type: String(type),
    text: String(text ?? "").toUpperCase(),
  }));
  const isThere = (named: string, of: string) => rows.some(({ name, type }) => name === named && type === of);
  const view = isThere(VIEW, "VIEW") ? "view" : isThere(VIEW, "TABLE") ? "table" : undefined;
  return { rows, view, hasBefore: isThere(BEFORE, "TABLE") };
}

async function look(session: DefiningSession, domains: readonly string[]): Promise<There> {
  const { rows, view, hasBefore } = await list(session);
  const names = rows.filter(({ type }) => type === "TABLE").map(({ name }) => name);
  const candidates = names.filter((name) => name.startsWith(PREFIX) && name !== BEFORE).sort();
  const columnsOf = (table: string) =>
    new Set(rows.filter(({ name, type }) => name === table && type === "COLUMN").map(({ text }) => text));
  const others = await othersAmong(session, candidates, { domains, columnsOf });
  const named = new Set(rows.find(({ name, type }) => name === VIEW && type === "VIEW")?.text.match(/\w+/g));
  return {
    view,
    isWhole: view === "view" &&
      (named.size === 0 || candidates.every((name) => named.has(name) !== others.has(name))),
    tables: candidates.filter((name) => !others.has(name)),
    hasBefore,
  };
}

interface Known {
  readonly domains: readonly string[];
  readonly columnsOf: (table: string) => ReadonlySet<string>;
}

/** Tables that are no domain's, such as a copy that somebody made: by their columns, or since all their rows are of others. */
async function othersAmong(
  session: DefiningSession,
  candidates: readonly string[],
  { domains, columnsOf }: Known,
): Promise<ReadonlySet<string>> {
  const wanted = new Set(domains.map(offsetsTable));
  const unknown = candidates.filter((table) => !wanted.has(table));
  const alike = unknown.filter((table) => COLUMN_NAMES.every((name) => columnsOf(table).has(name)));
  const others = new Set(unknown.filter((table) => !alike.includes(table)));
  if (alike.length === 0) return others;
  const looks = alike.map((table) => `SELECT '${table}', DOMAIN FROM ${table} WHERE KAFKA_PARTITION >= 0`);
  const held = (await session.rows(looks.join(" UNION "))).map(([table, domain]) => (
    { table: String(table), isOwn: offsetsTable(String(domain)) === table }
  ));
  for (const { table } of held) {
    if (!held.some((row) => row.table === table && row.isOwn)) others.add(table);
  }
  return others;
}

/**
 * Makes the domains' tables of offsets, and the view, where they are not there, and moves the rows of a table that an older
 * version had for all domains. Whoever writes by that version meets an error from then on, and stops.
 */
export async function makeOffsetsTables(session: DefiningSession, domains: readonly string[]): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await makeTables(session, domains);
    } catch (error) {
      // Who makes the same at the same time may be told so as an internal error.
      if (!(error instanceof DriverError && error.code === INTERNAL_ERROR) || attempt === ATTEMPTS) throw error;
      await delay(PAUSE_MS * attempt * (1 + Math.random()));
    }
  }
}

async function makeTables(session: DefiningSession, domains: readonly string[]): Promise<void> {
  const there = await look(session, domains);
  if (isOlder(there)) await moveRowsOnce(session, there);
  const missing = await missingTables(session, there, domains);
  if (missing.length === 0 && there.isWhole) return;
  for (const table of missing) await session.rows(createSql(table));
  await makeView(session, domains);
  for (const table of missing) await session.change(lockRowSql(table), []);
}

/** Statements for the tables of the domains that are not there. */
export async function missingOffsets(session: DefiningSession, domains: readonly string[]): Promise<readonly string[]> {
  const there = await look(session, domains);
  const missing = await missingTables(session, there, domains);
  if (missing.length === 0 && there.isWhole) return [];
  const tables = [...new Set([...there.tables, ...missing])].sort();
  return [...missing.map(createSql), viewSql(tables, { isThere: there.view === "view" }), ...missing.map(lockRowSql)];
}

/** All of them where the view is not there. Errors: Snowflake's, where one that the view reads was dropped. */
async function missingTables(
  session: DefiningSession,
  { view, isWhole, tables }: There,
  domains: readonly string[],
): Promise<readonly string[]> {
  const wanted = domains.map(offsetsTable);
  if (view !== "view") return wanted;
  const ready = await readyTables(session, wanted.filter((table) => tables.includes(table)));
  const missing = wanted.filter((table) => !ready.has(table));
  // A view that is made anew no longer names one that was dropped, whose domain would then read all records again.
  if (missing.length > 0 || !isWhole) await session.rows(`SELECT COUNT(*) FROM ${VIEW} WHERE 1 = 0`);
  return missing;
}

/** Those that have the row that is written last. */
async function readyTables(session: DefiningSession, tables: readonly string[]): Promise<ReadonlySet<string>> {
  if (tables.length === 0) return new Set();
  const looks = tables.map((table) => `SELECT '${table}' FROM ${table} WHERE KAFKA_PARTITION = -1`);
  return new Set((await session.rows(looks.join(" UNION "))).map(([table]) => String(table)));
}

/** Others may make tables at the same time: whoever replaces the view last has looked after all of them were there. */
async function makeView(session: DefiningSession, domains: readonly string[]): Promise<void> {
  for (let there = await look(session, domains);;) {
    await session.rows(viewSql(there.tables, { isThere: there.view === "view" }));
    const now = await look(session, domains);
    if (now.tables.join() === there.tables.join()) return;
    there = now;
  }
}

const isOlder = ({ view, hasBefore }: Pick<There, "view" | "hasBefore">) => view === "table" || hasBefore;

/** Another process may do the same at the same time, and be done first. */
async function moveRowsOnce(session: DefiningSession, there: There): Promise<void> {
  try {
    await moveRows(session, there);
  } catch (error) {
    if (!isStatementError(error) || isOlder(await list(session))) throw error;
  }
}

/** Another process may have done it meanwhile. */
async function setAside(session: DefiningSession): Promise<void> {
  try {
    await session.rows(`ALTER TABLE ${VIEW} RENAME TO ${BEFORE}`);
  } catch (error) {
    if (!isStatementError(error) || (await list(session)).view === "table") throw error;
  }
}

async function moveRows(session: DefiningSession, { view }: There): Promise<void> {
  if (view === "table") await setAside(session);
  for (const [name, type] of COLUMNS.slice(-2)) {
    await session.rows(`ALTER TABLE ${BEFORE} ADD COLUMN IF NOT EXISTS ${name} ${type}`);
  }
  for (;;) {
    const domains = (await session.rows(`SELECT DISTINCT DOMAIN FROM ${BEFORE}`)).map(([domain]) => String(domain));
    if (domains.length === 0) break;
    for (const domain of domains) await moveDomain(session, domain);
  }
  await session.rows(`DROP TABLE IF EXISTS ${BEFORE}`);
}

/** A transaction of the version before may still be under way: the UPDATE waits for it, and what follows sees what it did. */
async function moveDomain(session: DefiningSession, domain: string): Promise<void> {
  const table = offsetsTable(domain);
  await session.rows(createSql(table));
  const of = `DOMAIN = ${literal(domain)} AND CURRENT_TRANSACTION() = ?`;
  await session.transaction(async (number) => {
    await session.change(`UPDATE ${BEFORE} SET UPDATED_AT = UPDATED_AT WHERE ${of}`, [number]);
    await session.change(`INSERT INTO ${table} (${NAMES}) SELECT ${NAMES} FROM ${BEFORE} WHERE ${of}`, [number]);
    await session.change(`DELETE FROM ${BEFORE} WHERE ${of}`, [number]);
  });
}
