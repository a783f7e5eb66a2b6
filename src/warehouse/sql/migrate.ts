// Applies the sections of SQL scripts that are not applied yet, and notes each in FRESHET_MIGRATIONS. Where a warehouse commits
// CREATE TABLE and the like by itself, a section that failed midway is applied again from its start: scripts are written for
// that (IF NOT EXISTS, OR REPLACE). Must not know what is in the scripts.

import { WarehouseRefusedError } from "../../errors.ts";
import type { MigrationStep, Script } from "../warehouse.ts";
import { statementsOfDropped } from "./dropped.ts";
import { type AppliedSection, type Dialect, pendingSections, type Section } from "./scripts.ts";

/** What migrations need of a warehouse. */
export interface Migrating {
  readonly dialect: Dialect;
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
  /** Runs a statement of a script. */
  define(statement: string): Promise<unknown>;
  /** Inserts a row into FRESHET_MIGRATIONS. */
  note(section: Section): Promise<unknown>;
  /** Runs `body` in a transaction, where that takes back what `define` did. */
  together(body: () => Promise<void>): Promise<void>;
  /** Whether the statement is to blame, and not the warehouse: what passes by itself is no statement's. */
  isStatementError(error: unknown): boolean;
  briefMessage(error: unknown): string;
}

const CREATE = `CREATE TABLE IF NOT EXISTS FRESHET_MIGRATIONS (NAME VARCHAR NOT NULL, VERSION BIGINT NOT NULL,
  TITLE VARCHAR NOT NULL, CHECKSUM VARCHAR NOT NULL, APPLIED_AT TIMESTAMP_NTZ NOT NULL)`;
/** In Snowflake TABLES holds views too, and in others it may not. */
const THERE = `SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES
  WHERE TABLE_SCHEMA = CURRENT_SCHEMA() AND TABLE_CATALOG = CURRENT_DATABASE()
  UNION SELECT TABLE_NAME FROM INFORMATION_SCHEMA.VIEWS
  WHERE TABLE_SCHEMA = CURRENT_SCHEMA() AND TABLE_CATALOG = CURRENT_DATABASE()`;

/** Tables and views that are there, in upper case. */
export async function namesThere(session: Pick<Migrating, "rows">): Promise<ReadonlySet<string>> {
  return new Set((await session.rows(THERE)).map(([name]) => String(name).toUpperCase()));
}

async function appliedSections(session: Migrating): Promise<readonly AppliedSection[]> {
  if (!(await namesThere(session)).has("FRESHET_MIGRATIONS")) return [];
  const rows = await session.rows("SELECT NAME, VERSION, CHECKSUM FROM FRESHET_MIGRATIONS");
  return rows.map(([name, version, checksum]) => ({
    name: String(name),
    version: Number(version),
    checksum: String(checksum),
  }));
}

async function apply(session: Migrating, section: Section): Promise<void> {
  const { name, version, title, statements } = section;
  for (const statement of statements) {
    try {
      await session.define(statement);
    } catch (error) {
      if (!session.isStatementError(error)) throw error;
      const start = statement.length > 80 ? `${statement.slice(0, 80)}…` : statement;
      throw new WarehouseRefusedError(
        `SQL script "${name}" version ${version} (${title}): ${session.briefMessage(error)}, ` +
          `in: ${start.replace(/\s+/g, " ")}`,
        { cause: error },
      );
    }
  }
  await session.note(section);
}

/** Makes the tables and views of the scripts again that were dropped; resolves with the names. */
export async function restore(session: Migrating, scripts: readonly Script[]): Promise<readonly string[]> {
  const { names, statements } = await statementsOfDropped(scripts, await namesThere(session), session.dialect);
  await session.together(async () => {
    for (const statement of statements) await session.define(statement);
  });
  return names;
}

/** Applies what is pending and returns it; with `dryRun` only returns it. Errors: as `pendingSections`, and of the SQL. */
export async function migrate(
  session: Migrating,
  scripts: readonly Script[],
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<readonly MigrationStep[]> {
  const pending = await pendingSections(scripts, await appliedSections(session), session.dialect);
  if (!dryRun && pending.length > 0) {
    await session.define(CREATE);
    for (const section of pending) await session.together(() => apply(session, section));
  }
  return pending.map(({ name, version, title, statements }) => ({ name, version, title, statements }));
}
