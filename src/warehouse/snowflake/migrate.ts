// What Snowflake brings for migrations: DDL commits by itself. Must not know what is in the scripts.

import { type Migrating, namesThere } from "../sql/migrate.ts";
import { snowflakeDialect } from "../sql/scripts.ts";
import { briefMessage, isRefusal } from "./errors.ts";
import { keepingGrants, viewMadeBy } from "./granted_views.ts";
import { isAboutOffsets } from "./offsets_tables.ts";
import type { Session } from "./session.ts";

const NOTE = "INSERT INTO FRESHET_MIGRATIONS (NAME, VERSION, TITLE, CHECKSUM, APPLIED_AT) SELECT ?, ?, ?, ?, SYSDATE()";

/** What the scripts say of FRESHET_OFFSETS is left out: see offsets_tables.ts. */
export function migrating(session: Session): Migrating {
  const rows = (sql: string) => session.rows(sql);
  let views: Set<string> | undefined;
  return {
    dialect: snowflakeDialect,
    rows,
    define: async (statement) => {
      if (isAboutOffsets(statement)) return;
      const view = viewMadeBy(statement);
      if (view === undefined) return await rows(statement);
      views ??= new Set(await namesThere({ rows }));
      await rows(views.has(view) ? keepingGrants(statement) : statement);
      views.add(view);
    },
    note: ({ name, version, title, checksum }) => session.change(NOTE, [name, version, title, checksum]),
    together: (body) => body(),
    isStatementError: (error) => isRefusal(error, session.account.place),
    briefMessage,
  };
}
