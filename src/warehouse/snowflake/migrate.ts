// Applies the sections of SQL scripts that are not applied yet, and notes each in FRESHET_MIGRATIONS. DDL commits by itself,
// so a section that failed midway is applied again from its start: scripts are written for that (IF NOT EXISTS, OR REPLACE).
// Must not know what is in the scripts.

import { WarehouseRefusedError } from "../../errors.ts";
import { statementsOfGone } from "../gone.ts";
import { type AppliedSection, pendingSections, type Section, snowflakeDialect } from "../scripts.ts";
import type { MigrationStep, Script } from "../warehouse.ts";
import { briefMessage, isStatementError } from "./errors.ts";
import type { Session } from "./session.ts";

const CREATE = `CREATE TABLE IF NOT EXISTS FRESHET_MIGRATIONS (NAME VARCHAR NOT NULL, VERSION BIGINT NOT NULL,
  TITLE VARCHAR NOT NULL, CHECKSUM VARCHAR NOT NULL, APPLIED_AT TIMESTAMP_NTZ NOT NULL)`;
const KNOWN = `SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES
  WHERE TABLE_SCHEMA = CURRENT_SCHEMA() AND TABLE_NAME = 'FRESHET_MIGRATIONS'`;
const THERE = `SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = CURRENT_SCHEMA()
  UNION SELECT TABLE_NAME FROM INFORMATION_SCHEMA.VIEWS WHERE TABLE_SCHEMA = CURRENT_SCHEMA()`;
const NOTE = "INSERT INTO FRESHET_MIGRATIONS (NAME, VERSION, TITLE, CHECKSUM, APPLIED_AT) SELECT ?, ?, ?, ?, SYSDATE()";

async function appliedSections(session: Session): Promise<readonly AppliedSection[]> {
  const [[known] = []] = await session.rows(KNOWN);
  if (Number(known) === 0) return [];
  const rows = await session.rows("SELECT NAME, VERSION, CHECKSUM FROM FRESHET_MIGRATIONS");
  return rows.map(([name, version, checksum]) => ({
    name: String(name),
    version: Number(version),
    checksum: String(checksum),
  }));
}

async function apply(session: Session, { name, version, title, checksum, statements }: Section): Promise<void> {
  for (const statement of statements) {
    try {
      await session.rows(statement);
    } catch (error) {
      if (!isStatementError(error)) throw error;
      const start = statement.length > 80 ? `${statement.slice(0, 80)}…` : statement;
      throw new WarehouseRefusedError(
        `SQL script "${name}" version ${version} (${title}): ${briefMessage(error)}, in: ${start.replace(/\s+/g, " ")}`,
        { cause: error },
      );
    }
  }
  await session.change(NOTE, [name, version, title, checksum]);
}

/** Makes again what is gone of what the scripts made; resolves with the names. */
export async function restore(session: Session, scripts: readonly Script[]): Promise<readonly string[]> {
  const there = await session.rows(THERE);
  const { names, statements } = await statementsOfGone(
    scripts,
    new Set(there.map(([name]) => String(name))),
    snowflakeDialect,
  );
  for (const statement of statements) await session.rows(statement);
  return names;
}

/** Applies what is pending and returns it; with `dryRun` only returns it. Errors: as `pendingSections`, and of the SQL. */
export async function migrate(
  session: Session,
  scripts: readonly Script[],
  { dryRun }: { readonly dryRun: boolean },
): Promise<readonly MigrationStep[]> {
  const pending = await pendingSections(scripts, await appliedSections(session), snowflakeDialect);
  if (!dryRun && pending.length > 0) {
    await session.rows(CREATE);
    for (const section of pending) await apply(session, section);
  }
  return pending.map(({ name, version, title, statements }) => ({ name, version, title, statements }));
}
