// What DuckDB brings for migrations: each section is one transaction. Must not know what is in the scripts.

import type { Migrating } from "../sql/migrate.ts";
import { duckDbDialect, replaceWords } from "../sql/scripts.ts";
import { briefMessage, isDataError, messageOf } from "./errors.ts";
import type { Session } from "./session.ts";

/**
 * DuckDB has a VARIANT of its own, four times slower to load than its JSON, and its name cannot be given to another type.
 * Its INTEGER has 32 bits, Snowflake's 38 digits.
 */
const WORDS: ReadonlyMap<string, string> = new Map([["VARIANT", "JSON"], ["INTEGER", "BIGINT"]]);

/** `now`: epoch milliseconds. */
export function migrating(session: Session, now: number): Migrating {
  return {
    dialect: duckDbDialect,
    rows: (sql) => session.rows(sql),
    define: (statement) => session.run(replaceWords(statement, WORDS, duckDbDialect)),
    note: ({ name, version, title, checksum }) =>
      session.run(
        "INSERT INTO FRESHET_MIGRATIONS VALUES ($1, $2::BIGINT, $3, $4, make_timestamp($5::BIGINT))",
        [name, String(version), title, checksum, String(Math.round(now * 1000))],
      ),
    together: (body) => session.transaction(body),
    isStatementError: (error) =>
      isDataError(error) || /^(Parser|Binder|Catalog|Dependency) Error/.test(messageOf(error)),
    briefMessage,
  };
}
