// What Snowflake brings for migrations: DDL commits by itself. Must not know what is in the scripts.

import type { Migrating } from "../sql/migrate.ts";
import { snowflakeDialect } from "../sql/scripts.ts";
import { briefMessage, isStatementError } from "./errors.ts";
import type { Session } from "./session.ts";

const NOTE = "INSERT INTO FRESHET_MIGRATIONS (NAME, VERSION, TITLE, CHECKSUM, APPLIED_AT) SELECT ?, ?, ?, ?, SYSDATE()";

export function migrating(session: Session): Migrating {
  return {
    dialect: snowflakeDialect,
    rows: (sql) => session.rows(sql),
    define: (statement) => session.rows(statement),
    note: ({ name, version, title, checksum }) => session.change(NOTE, [name, version, title, checksum]),
    together: (body) => body(),
    isStatementError,
    briefMessage,
  };
}
