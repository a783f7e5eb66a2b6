// Applies the sections of SQL scripts that are not applied yet, each in one transaction with its row in FRESHET_MIGRATIONS.
// Must not know what is in the scripts.

import { type AppliedSection, duckDbDialect, pendingSections, replaceWords, type Section } from "../scripts.ts";
import { statementsOfGone } from "../gone.ts";
import { WarehouseRefusedError } from "../../errors.ts";
import type { MigrationStep, Script } from "../warehouse.ts";
import type { Session } from "./session.ts";
import { briefMessage, isDataError } from "./errors.ts";

/**
 * DuckDB has a VARIANT of its own, four times slower to load than its JSON, and its name cannot be given to another type.
 * Its INTEGER has 32 bits, Snowflake's 38 digits.
 */
const WORDS: ReadonlyMap<string, string> = new Map([["VARIANT", "JSON"], ["INTEGER", "BIGINT"]]);

const CREATE = `CREATE TABLE IF NOT EXISTS FRESHET_MIGRATIONS (NAME VARCHAR NOT NULL, VERSION BIGINT NOT NULL,
  TITLE VARCHAR NOT NULL, CHECKSUM VARCHAR NOT NULL, APPLIED_AT TIMESTAMP_NTZ NOT NULL)`;

export interface MigrateOptions {
  readonly dryRun: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

async function appliedSections(session: Session): Promise<readonly AppliedSection[]> {
  const tables = await session.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'FRESHET_MIGRATIONS'");
  if (tables.length === 0) return [];
  const rows = await session.rows("SELECT NAME, VERSION, CHECKSUM FROM FRESHET_MIGRATIONS");
  return rows.map(([name, version, checksum]) => ({
    name: String(name),
    version: Number(version),
    checksum: String(checksum),
  }));
}

async function apply(session: Session, section: Section, now: number): Promise<void> {
  const { name, version, title, checksum } = section;
  for (const statement of section.statements) {
    try {
      await session.run(replaceWords(statement, WORDS, duckDbDialect));
    } catch (error) {
      if (!isDataError(error) && !/^(Parser|Binder|Catalog|Dependency) Error/.test(String((error as Error).message))) {
        throw error;
      }
      const start = statement.length > 80 ? `${statement.slice(0, 80)}…` : statement;
      throw new WarehouseRefusedError(
        `SQL script "${name}" version ${version} (${title}): ${briefMessage(error)}, in: ${start.replace(/\s+/g, " ")}`,
        { cause: error },
      );
    }
  }
  await session.run(
    "INSERT INTO FRESHET_MIGRATIONS VALUES ($1, $2::BIGINT, $3, $4, make_timestamp($5::BIGINT))",
    [name, String(version), title, checksum, String(Math.round(now * 1000))],
  );
}

/** Makes again what is gone of what the scripts made; resolves with the names. */
export async function restore(session: Session, scripts: readonly Script[]): Promise<readonly string[]> {
  const there = await session.rows(
    "SELECT upper(table_name) FROM duckdb_tables() UNION ALL SELECT upper(view_name) FROM duckdb_views() WHERE NOT internal",
  );
  const { names, statements } = await statementsOfGone(
    scripts,
    new Set(there.map(([name]) => String(name))),
    duckDbDialect,
  );
  await session.transaction(async () => {
    for (const statement of statements) await session.run(replaceWords(statement, WORDS, duckDbDialect));
  });
  return names;
}

/** Applies what is pending and returns it; with `dryRun` only returns it. Errors: as `pendingSections`, and of the SQL. */
export async function migrate(
  session: Session,
  scripts: readonly Script[],
  { dryRun, now }: MigrateOptions,
): Promise<readonly MigrationStep[]> {
  const pending = await pendingSections(scripts, await appliedSections(session), duckDbDialect);
  if (!dryRun && pending.length > 0) {
    await session.run(CREATE);
    for (const section of pending) await session.transaction(() => apply(session, section, now));
  }
  return pending.map(({ name, version, title, statements }) => ({ name, version, title, statements }));
}
