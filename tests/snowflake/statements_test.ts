// docs/snowflake_statements.md lists what is sent, with the page that documents it: the double must have seen all of it, and
// nothing else.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Cells } from "../../src/warehouse/cells.ts";
import { FencedError, RowsRefusedError } from "../../src/errors.ts";
import type { SnowflakeOptions } from "../../src/warehouse/snowflake.ts";
import { append, segment, stateOf, stateSince, SYSTEM, TABLES, TOPIC, unit } from "../contracts/warehouse/suite.ts";
import { Terminal } from "../cli/terminal.ts";
import { ownSchema, QUICK } from "../support/snowflake/adapter.ts";
import { settingsFor, type SnowflakeDouble, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { olderSchema } from "../support/snowflake/older_schema.ts";
import { KEY_USER, openPlace, RAW, rawRows, streamingPlace } from "../support/snowflake/streaming/place.ts";

const skip = await whyNoSnowflake();
const doc = await Deno.readTextFile(new URL("../../docs/snowflake_statements.md", import.meta.url));

/** What stands in the first column of the tables under a heading. */
function listed(heading: string): readonly string[] {
  const section = doc.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert(section, heading);
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, text]) => text!);
}

/** `…` stands for anything, white space for any other. */
function patternOf(text: string): RegExp {
  const parts = text.split("…").map((part) =>
    part.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+")
  );
  return new RegExp(`^\\s*${parts.join("[\\s\\S]*")}\\s*$`);
}

/** The statement without the comment before it, and nothing around parentheses: as both sides are compared. */
const plain = (sql: string) =>
  sql.replace(/^(\s*--[^\n]*\n)+/, "").replace(/\s+/g, " ").replace(/\( /g, "(").replace(/ \)/g, ")").trim();

/** What sessions are for, by their query tag. */
function purposesOf(double: SnowflakeDouble): ReadonlyMap<string, string> {
  return new Map(
    double.statements().flatMap(({ session, sql }) => {
      const tag = /QUERY_TAG = '([^']*)'/.exec(sql)?.[1];
      return tag === undefined ? [] : [[session, tag] as const];
    }),
  );
}

const SECTIONS = ["At the beginning of a session", "A domain's writer", "Migrations", "Queries"];

/** A run of a domain, twice, and those who look. */
async function runTrains(terminal: Terminal, env: Record<string, string>): Promise<void> {
  for (
    const args of [["migrate"], ["simulate", "trains", "--count", "300"], [
      "run",
      "trains",
      "--until-end",
      "--no-simulate",
    ]]
  ) {
    const { code, stderr } = await terminal.run(args, { env });
    assertEquals(code, 0, stderr);
  }
  for (
    const args of [["doctor", "trains"], [
      "query",
      "WITH A AS (SELECT COUNT(*) AS N FROM ATS_RAW_JSON) SELECT N FROM A",
    ]]
  ) {
    assertEquals((await terminal.run(args, { env })).code, 0);
  }
}

/** What seldom happens: locks that nobody releases, a fence, a row that is refused, rows that go, a session that ends. */
async function whatIsRare(double: SnowflakeDouble, changes: Partial<SnowflakeOptions>): Promise<void> {
  await using schema = await ownSchema(double, QUICK);
  await olderSchema(schema);
  await using warehouse = await schema.open(changes);
  await warehouse.migrate([SYSTEM, TABLES]);
  await using writer = await warehouse.writer("domain");
  const first = await writer.claim(TOPIC, [0]);
  const counts = { table: "COUNTS", keyColumns: ["NAME"], rows: [{ NAME: "a", TOTAL: 1 }] };
  const state = [{ operator: "o", partition: 0, namespace: 0, key: "k", value: "1" }];
  {
    const offsets = `UPDATE ${double.database}.${schema.name}.FRESHET_OFFSETS_DOMAIN SET EPOCH = EPOCH`;
    await using _dead = await double.control.abandonTransaction("BEGIN NAME freshet_domain_0badcafe_7", offsets);
    await writer.commit(
      unit(first, 1, { appends: [append("EVENTS", segment([{ ID: 1, NAME: "a" }]))], upserts: [counts], state }),
    );
  }
  await writer.registerOperators(new Map([["o", "1"]]));
  const second = await writer.positions(TOPIC, [0]);
  await writer.commit(unit(second, 2, { deletes: [{ ...counts, rows: [{ NAME: "a" }] }], state }));
  await assertRejects(() => writer.commit(unit(second, 3)), FencedError);
  const third = await writer.positions(TOPIC, [0]);
  const bad = { table: "EVENTS", cells: Cells.of([{ ID: "none" }]), partitions: [0], offsets: [3] };
  await assertRejects(() => writer.commit(unit(third, 3, { appends: [bad] })), RowsRefusedError);
  await stateOf(writer, [0]);
  await stateSince(writer, new Map([[0, 1]]));
  await writer.compactState(TOPIC, [0]);
  double.control.expireTokens();
  double.control.inject({ kind: "slow", ms: 5_000 }, { statement: "SELECT 7" });
  await assertRejects(() => warehouse.query("SELECT 7", { timeoutMs: 600 }));
}

/** Raw rows ahead of their units: rows that a process left behind, one of them a dead letter. */
async function rowsAhead(double: SnowflakeDouble): Promise<void> {
  await using place = await streamingPlace(double);
  await using warehouse = await openPlace(place);
  {
    await using first = await warehouse.writer("domain", RAW);
    await first.claim(TOPIC, [0]);
    await first.raw!.append(TOPIC, 0, rawRows([0, 1, 2]));
    while ((await place.rawOffsets()).length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await using second = await warehouse.writer("domain", RAW);
  const claims = await second.claim(TOPIC, [0]);
  const row = {
    DOMAIN: "domain",
    TOPIC,
    KAFKA_PARTITION: 0,
    KAFKA_OFFSET: 1,
    STAGE: "write",
    REASON: "none",
    SEEN_AT: 0,
  };
  await second.raw!.append(TOPIC, 0, rawRows([3]));
  await second.commit(unit(claims, 4, { appends: [append("DEAD_LETTERS", segment([row], { offset: 1 }))] }));
  assertEquals(await place.rawOffsets(), [0, 2, 3]);
}

Deno.test({
  name: "snowflake double: what is sent is what docs/snowflake_statements.md lists, and all of that is sent",
  ignore: skip !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using terminal = await Terminal.open();
    const user = { ...KEY_USER, roles: [...KEY_USER.roles, "FRESHET_READER"] };
    const double = await startSnowflake({ users: [user], inProgressAfterMs: 300 });
    try {
      await runTrains(terminal, { ...settingsFor(double), SNOWFLAKE_QUERY_ROLE: "FRESHET_READER" });
      await whatIsRare(double, { queryRole: "FRESHET_READER" });
      await rowsAhead(double);
      const purposes = purposesOf(double);
      const patterns = new Map(
        SECTIONS.map((section) =>
          [section, listed(section).map((text) => ({ text, pattern: patternOf(plain(text)) }))] as const
        ),
      );
      const seen = new Set<string>();
      for (const { session, sql } of double.statements()) {
        const reads = purposes.get(session) === "freshet:query";
        const sections = SECTIONS.filter((section) => section !== "Queries" || reads);
        const found = sections.flatMap((section) => patterns.get(section)!).filter(({ pattern }) =>
          pattern.test(plain(sql))
        );
        assert(found.length > 0, `Not in docs/snowflake_statements.md: ${sql}`);
        for (const { text } of found) seen.add(text);
      }
      const all = SECTIONS.flatMap(listed);
      assertEquals(all.filter((text) => !seen.has(text)), [], "never sent");

      const paths = listed("Requests").map((text) => ({ text, pattern: patternOf(text) }));
      const asked = new Set(double.requests().map(({ path }) => path).filter((path) => path !== "/"));
      for (const path of asked) assert(paths.some(({ pattern }) => pattern.test(path)), path);
      const never = paths.filter(({ pattern }) => ![...asked].some((path) => pattern.test(path))).map(({ text }) =>
        text
      );
      // Sent once an hour.
      assertEquals(never, ["/session/heartbeat"]);
    } finally {
      await double.stop();
    }
  },
});
