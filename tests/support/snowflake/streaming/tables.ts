// The tables of the SQL side as Snowpipe Streaming fills them: by column name, without defaults, on a session of its own.

import type { Engine } from "../engine.ts";
import { BadRowError, type TablePlace, type TableSide } from "./service.ts";

const SESSION = "SNOWPIPE_STREAMING";

/** Rows go in as `engine` inserts any others. */
export function tableSide(engine: Engine, home: { readonly database: string; readonly warehouse: string }): TableSide {
  let opened: Promise<unknown> | undefined;
  // One after the other: a session runs one statement at a time.
  let last: Promise<unknown> = Promise.resolve();
  const run = async (sqlText: string, value?: string): Promise<readonly (readonly (string | null)[])[]> => {
    opened ??= engine.open({
      id: SESSION,
      user: "SNOWPIPE",
      role: "ACCOUNTADMIN",
      schema: "PUBLIC",
      ...home,
      parameters: { TIMEZONE: "UTC" },
    });
    await opened;
    const bindings = value === undefined ? {} : { bindings: { "1": { type: "TEXT", value } } };
    const body = JSON.stringify({ sqlText, ...bindings });
    const answer = await engine.execute(SESSION, body, { queryId: crypto.randomUUID() });
    const { success, code, message, data } = JSON.parse(answer?.body ?? "{}");
    // Errors of the values have codes of their own.
    if (!success && String(code).startsWith("100")) throw new BadRowError(message);
    if (!success) throw new Error(`${sqlText}: ${message}`);
    return data.rowset;
  };
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
  const text = (name: string) => `'${name.toUpperCase().replaceAll("'", "''")}'`;
  return {
    columns: ({ database, schema, table }) =>
      inTurn(async () => {
        const rows = await run(
          `SELECT COLUMN_NAME, DATA_TYPE FROM ${database}.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ${
            text(schema)
          } ` +
            `AND TABLE_NAME = ${text(table)} ORDER BY ORDINAL_POSITION`,
        );
        return new Map(rows.map(([name, type]) => [String(name), typeOf(String(type))]));
      }),
    insert: (place, columns, lines) =>
      inTurn(async () => {
        const names = [...columns.keys()];
        const cells = names.map((name) =>
          `value:"${name}"${columns.get(name) === "VARIANT" ? "" : `::${columns.get(name)}`}`
        );
        const list = names.map((name) => `"${name}"`).join(", ");
        const sql = `INSERT INTO ${nameOf(place)} (${list}) SELECT ${
          cells.join(", ")
        } FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?)))`;
        await run(sql, `[${lines.join(",")}]`);
      }),
  };
}

function nameOf({ database, schema, table }: TablePlace): string {
  return `${database}.${schema}."${table}"`;
}

function typeOf(type: string): string {
  return type === "TEXT" ? "VARCHAR" : type === "NUMBER" ? "NUMBER(38,0)" : type === "FLOAT" ? "DOUBLE" : type;
}
