// Names as people write them in settings, as SQL identifiers that cannot be anything else.
// https://docs.snowflake.com/en/sql-reference/identifiers-syntax
import type { SnowflakeConfig } from "../config/snowflake.ts";
import { UsageError } from "./context.ts";

const PLAIN = /^[A-Za-z_][A-Za-z0-9_$]*$/;
const QUOTED = /^"(?:[^"]|"")+"$/;
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/;
const LONGEST = 255;

/**
 * The value of a setting as an identifier in double quotes. A plain name is in capitals, as Snowflake resolves one without
 * quotes; a name in double quotes is taken as it is. Throws `UsageError` for anything else.
 */
export function identifier(setting: string, value: string): string {
  const name = value.trim();
  const given = PLAIN.test(name) ? `"${name.toUpperCase()}"` : name;
  if (!QUOTED.test(given) || CONTROL.test(given) || given.length - 2 > LONGEST) {
    throw new UsageError(
      `${setting} is ${
        JSON.stringify(value.slice(0, 100))
      }: expected a Snowflake name, that is letters, digits, _ and $ ` +
        "not beginning with a digit, or any name in double quotes",
    );
  }
  return given;
}

/** The user's name as an identifier; login names such as addresses are taken too. A placeholder where there is none. */
export function userName(value: string | undefined): string {
  const name = value?.trim();
  if (!name) return "<user>";
  if (PLAIN.test(name) || QUOTED.test(name)) return identifier("SNOWFLAKE_USER", name);
  // A user's login name is its name in capitals, unless it was given another.
  return identifier("SNOWFLAKE_USER", `"${name.toUpperCase().replaceAll('"', '""')}"`);
}

/** The statements that go to the configured place, as Freshet's login does. */
export function useStatements({ role, warehouse, database, schema }: SnowflakeConfig): string {
  const place = `${identifier("SNOWFLAKE_DATABASE", database)}.${identifier("SNOWFLAKE_SCHEMA", schema)}`;
  return (role === undefined ? "" : `USE ROLE ${identifier("SNOWFLAKE_ROLE", role)};\n`) +
    (warehouse === undefined ? "" : `USE WAREHOUSE ${identifier("SNOWFLAKE_WAREHOUSE", warehouse)};\n`) +
    `USE SCHEMA ${place};\n`;
}
