// Tables and views that scripts made and somebody has dropped since: which statements make them again, and what a person is
// told. Must not know any driver, nor what the tables hold.
import { type Dialect, normalizeStatement, readSections } from "./scripts.ts";
import type { Script } from "../warehouse.ts";

const TARGET =
  /^(?:CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?|ALTER (?:TABLE|VIEW) (?:IF EXISTS )?|COMMENT ON (?:TABLE|VIEW|COLUMN) )(\w+)/i;

/** The table or view that a statement of a script makes, changes or describes, in upper case. */
export function targetOf(statement: string, dialect: Dialect): string | undefined {
  return TARGET.exec(normalizeStatement(statement, dialect))?.[1]?.toUpperCase();
}

/** What to do about a table that was dropped. */
export const TABLE_DROPPED =
  `it was dropped or renamed. "freshet replay <domain>" makes a domain's derived tables anew; ` +
  `without its raw table the domain begins again by "freshet sql reset <domain>"`;

/** What to do about a column that was dropped. */
export const TABLE_ALTERED =
  `the table was altered. Add the column again, or drop the table, if it is a derived one, and make ` +
  `it anew by "freshet replay <domain>"`;

/**
 * The statements of the scripts about tables and views that are not `there` (names in upper case), in order; `names` are
 * those of what they make.
 */
export async function statementsOfDropped(
  scripts: readonly Script[],
  there: ReadonlySet<string>,
  dialect: Dialect,
): Promise<{ readonly names: readonly string[]; readonly statements: readonly string[] }> {
  const names = new Set<string>();
  const statements: string[] = [];
  for (const script of scripts) {
    for (const statement of (await readSections(script, dialect)).flatMap((section) => section.statements)) {
      const target = targetOf(statement, dialect);
      if (target === undefined || there.has(target)) continue;
      names.add(target);
      statements.push(statement);
    }
  }
  return { names: [...names], statements };
}
