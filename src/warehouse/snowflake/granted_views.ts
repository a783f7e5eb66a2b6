// Views of scripts that are made anew keep what was granted on them. By COPY GRANTS a view that was not there has no future
// grants of its schema, which is why a first one is made without.
// https://docs.snowflake.com/en/sql-reference/sql/create-view
import type { MigrationStep } from "../warehouse.ts";

/** Comments may be before it. */
const VIEW = /^((?:\s|--[^\n]*\n)*)CREATE OR REPLACE VIEW (\w+) AS\b/i;

/** The view that a statement of a script makes, or makes anew, in upper case. */
export function viewMadeBy(statement: string): string | undefined {
  return VIEW.exec(statement)?.[2]?.toUpperCase();
}

/** The statement for a view that is there. */
export function keepingGrants(statement: string): string {
  return statement.replace(VIEW, "$1CREATE OR REPLACE VIEW $2 COPY GRANTS AS");
}

/** The statement for a view that may be there, and is then to be made anew by others. */
function first(statement: string): string {
  return statement.replace(VIEW, "$1CREATE VIEW IF NOT EXISTS $2 AS");
}

/** The steps as they are run where these views are there, names in upper case. */
export function withGrants<T extends MigrationStep>(steps: readonly T[], there: ReadonlySet<string>): readonly T[] {
  const known = new Set(there);
  return mapStatements(steps, (statement, view) => {
    const isThere = known.has(view);
    known.add(view);
    return isThere ? keepingGrants(statement) : statement;
  });
}

/** All steps, to be run whether or not the views are there. */
export function rerunnable<T extends MigrationStep>(steps: readonly T[]): readonly T[] {
  const known = new Set<string>();
  return mapStatements(steps, (statement, view) => {
    const isKnown = known.has(view);
    known.add(view);
    return isKnown ? keepingGrants(statement) : first(statement);
  });
}

function mapStatements<T extends MigrationStep>(
  steps: readonly T[],
  change: (statement: string, view: string) => string,
): readonly T[] {
  return steps.map((step) => ({
    ...step,
    statements: step.statements.map((statement) => {
      const view = viewMadeBy(statement);
      return view === undefined ? statement : change(statement, view);
    }),
  }));
}
