// What is printed to cluster and search large tables names tables and columns that the domains' scripts make.

import { assert, assertEquals } from "@std/assert";
import { domainModules } from "../../src/domains/mod.ts";
import { SETUP_PARTS } from "../../src/cli/setup_sql.ts";

const { text } = SETUP_PARTS.find(({ name }) => name === "clustering")!;

const scripts = (await Promise.all(
  domainModules.map(({ name }) => Deno.readTextFile(new URL(`../../sql/${name}.sql`, import.meta.url))),
)).join("\n");

/** A table's columns as its CREATE TABLE has them. */
function columnsOf(table: string): readonly string[] | undefined {
  const made = new RegExp(`CREATE TABLE IF NOT EXISTS ${table} \\(\n([^;]*?)\n\\);`).exec(scripts)?.[1];
  return made?.split("\n").map((line) => line.trim().split(" ")[0]!);
}

/** Names in capitals of a clause, without those of functions and types. */
function columnsIn(clause: string): readonly string[] {
  return (clause.match(/"?\b[A-Z][A-Z_]+\b"?(?!\()/g) ?? []).map((name) => name.replaceAll('"', "")).filter((name) =>
    name !== "NUMBER"
  );
}

Deno.test("tables to cluster and to search are those of the scripts, with columns that they have", () => {
  const statements = [...text.matchAll(/ALTER TABLE IF EXISTS (\w+) (?:CLUSTER BY|ADD SEARCH OPTIMIZATION ON) (.*);/g)];
  assert(statements.length > 15);
  for (const [statement, table, clause] of statements) {
    const columns = columnsOf(table!);
    assert(columns, `${table} is made by no script`);
    const unknown = columnsIn(clause!).filter((name) => name !== "EQUALITY" && !columns.includes(name));
    assertEquals(unknown, [], statement);
  }
});

Deno.test("every domain has a table to cluster", () => {
  for (const { name } of domainModules) assert(text.includes(`\n-- ${name}\nALTER TABLE IF EXISTS `), name);
});
