import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Parts } from "../../src/parts.ts";
import { productionParts } from "../../src/wiring.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { type CheckedDomain, checkedDomains } from "../support/checked_domains.ts";
import { domainOf } from "../support/domains.ts";
import { tamper } from "../support/tamper.ts";
import { Traffic } from "../support/traffic.ts";
import { Terminal } from "./terminal.ts";

interface Ran {
  readonly terminal: Terminal;
  readonly checked: CheckedDomain;
  readonly traffic: Traffic;
  readonly env?: Readonly<Record<string, string>>;
}

async function work({ terminal, checked: { name }, traffic, env = {} }: Ran, records: number): Promise<void> {
  const { topic } = domainOf(name);
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic, partitions: 2 }]);
    await log.produce(topic, traffic.take(records));
  }
  const { code, stderr } = await terminal.run(["run", name, "--until-end", "--no-simulate"], { env });
  assertEquals(code, 0, stderr);
}

async function assertSound({ terminal, checked: { name }, env = {} }: Ran): Promise<void> {
  const { code, stdout } = await terminal.run(["doctor", name], { env });
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, " 0 not ok, 0 not checked");
}

/** Tables that the domain's script makes, without its raw one. */
function derivedTables(name: string): readonly string[] {
  const { sql, raw } = domainOf(name);
  const tables = [...sql.matchAll(/^CREATE TABLE IF NOT EXISTS (\w+)/gm)].map(([, table]) => table!);
  return tables.filter((table) => table !== raw.table);
}

/** Rows without what says when they were written. */
async function contents(terminal: Terminal, tables: readonly string[]): Promise<Record<string, readonly string[]>> {
  await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
  const read: Record<string, readonly string[]> = {};
  for (const table of tables) {
    const { columns, rows } = await warehouse.query(`SELECT * FROM ${table}`, { maxRows: 1_000_000 });
    const kept = columns.map(({ name }, i) => ({ name, i })).filter(({ name }) =>
      !/^(UPDATED_AT|EPOCH|CHECKPOINT_ID)$/.test(name)
    );
    read[table] = rows.map((row) => JSON.stringify(kept.map(({ i }) => row[i]))).toSorted();
  }
  return read;
}

for (const checked of checkedDomains) {
  Deno.test(`replay of ${checked.name} makes damaged tables what they were, and a run goes on from there`, async () => {
    await using terminal = await Terminal.open();
    const ran = { terminal, checked, traffic: new Traffic(checked, 9) };
    await work(ran, 3_000);
    const derived = derivedTables(checked.name);
    const untouched = [domainOf(checked.name).raw.table, "DEAD_LETTERS", "FRESHET_OFFSETS"];
    const before = await contents(terminal, [...derived, ...untouched, "LATE_RECORDS"]);

    const damage = derived.map((table) => `DELETE FROM ${table} WHERE rowid % 2 = 0`);
    await tamper(
      terminal,
      [...damage, "DELETE FROM FRESHET_STATE", "DELETE FROM LATE_RECORDS WHERE rowid > 1"].join(";"),
    );
    assertEquals((await terminal.run(["doctor", checked.name])).code, 1);
    const { code, stdout, stderr } = await terminal.run(["replay", checked.name, "--yes"]);
    assertEquals([code, stderr.includes("freshet:")], [0, false], stderr);
    assertStringIncludes(stdout, "anew from");
    assertEquals(await contents(terminal, Object.keys(before)), before);
    await assertSound(ran);

    await work(ran, 1_500);
    await assertSound(ran);
  });
}

/** Rows of a table with windows or alerts, by their key, with their version. */
async function versions(terminal: Terminal, name: string): Promise<Map<string, { version: number; said: string }>> {
  await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
  const found = new Map<string, { version: number; said: string }>();
  for (const table of derivedTables(name)) {
    const { columns, rows } = await warehouse.query(`SELECT * FROM ${table}`);
    const at = (column: string) => columns.findIndex((each) => each.name === column);
    if (at("VERSION") < 0) continue;
    const isKey = ({ name: column }: { readonly name: string }) =>
      /^(KAFKA_PARTITION|WINDOW_START|ALERT_ID)$/.test(column) ||
      /^(TRAIN_ID|ZONE|RIDE_TYPE|CHANNEL|CATEGORY|ACTION|USER_ID|TIME_ZONE)$/.test(column);
    for (const row of rows) {
      const key = JSON.stringify([table, ...columns.flatMap((column, i) => isKey(column) ? [row[i]] : [])]);
      const said = row.filter((_, i) => i !== at("VERSION") && i !== at("UPDATED_AT"));
      found.set(key, { version: Number(row[at("VERSION")]), said: JSON.stringify(said) });
    }
  }
  return found;
}

for (const checked of checkedDomains) {
  Deno.test(`rows of ${checked.name} that were corrected keep their versions in a replay, and the next correction is above`, async () => {
    await using terminal = await Terminal.open();
    const ran = { terminal, checked, traffic: new Traffic(checked, 11) };
    // The end of each input closes what the next one corrects.
    for (let i = 0; i < 3; i++) await work(ran, 700);
    const before = await versions(terminal, checked.name);
    assert([...before.values()].some(({ version }) => version > 1));
    assertEquals((await terminal.run(["replay", checked.name, "--yes"])).code, 0);
    assertEquals(await versions(terminal, checked.name), before);
    await work(ran, 700);
    const after = await versions(terminal, checked.name);
    let corrected = 0;
    for (const [key, { version, said }] of after) {
      const known = before.get(key);
      if (known === undefined || known.said === said) continue;
      corrected++;
      assert(version > known.version, `${key} was VERSION ${known.version}, and says something else under ${version}`);
    }
    assert(corrected > 0);
    await assertSound(ran);
  });
}

const trains = checkedDomains.find(({ name }) => name === "trains")!;

Deno.test("replay takes the tables to other thresholds and other windows, where a run alone refuses", async () => {
  await using terminal = await Terminal.open();
  const traffic = new Traffic(trains, 2);
  await work({ terminal, checked: trains, traffic }, 3_000);
  const env = { ATS_ALERT_GAP_SECONDS: "600", ATS_OVERCROWDING_PASSENGERS: "900", FRESHET_LOG_FORMAT: "text" };
  const refused = await terminal.run(["run", "trains", "--until-end", "--no-simulate"], { env });
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, "freshet replay trains");
  assertEquals((await terminal.run(["replay", "trains", "--yes"], { env })).code, 0);
  const ran = { terminal, checked: trains, traffic, env };
  await assertSound(ran);
  await work(ran, 1_000);
  await assertSound(ran);
});

Deno.test("derived tables and views that were dropped stop a run, which says so, and replay makes them anew", async () => {
  await using terminal = await Terminal.open();
  const ran = { terminal, checked: trains, traffic: new Traffic(trains, 4) };
  await work(ran, 1_000);
  const before = await contents(terminal, derivedTables("trains"));
  await tamper(terminal, "DROP VIEW ATS_HOURLY_STATS; DROP TABLE ATS_LATEST_STATUS; DROP TABLE ATS_TRANSFORMED");
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.produce("ats_telemetry", new Traffic(trains, 5).take(10));
  }
  const stopped = await terminal.run(["run", "trains", "--until-end", "--no-simulate"]);
  assertEquals(stopped.code, 1);
  assertStringIncludes(stopped.stderr, "freshet replay <domain>");
  const { code, stderr } = await terminal.run(["replay", "trains", "--yes"]);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "gone: ATS_TRANSFORMED, ATS_LATEST_STATUS, ATS_HOURLY_STATS");
  assertEquals(await contents(terminal, Object.keys(before)), before);
  await work(ran, 500);
  await assertSound(ran);
});

Deno.test("replay asks, and changes nothing without a yes", async () => {
  await using terminal = await Terminal.open();
  assertEquals((await terminal.run(["replay", "trains", "--yes"])).code, 1);
  await work({ terminal, checked: trains, traffic: new Traffic(trains, 2) }, 1_000);
  await tamper(terminal, "DELETE FROM ATS_ALERTS");
  const many = await terminal.run(["replay", "trains", "--yes", "--max-rows", "5"]);
  assertEquals(many.code, 1);
  assertStringIncludes(many.stderr, "--max-rows allows more");
  assertEquals((await terminal.run(["replay", "trains"])).code, 2);
  assertStringIncludes(
    (await terminal.run(["replay", "trains"], { secrets: [], stdin: "no\n" })).stdout,
    "Nothing was changed",
  );
  assertEquals((await terminal.run(["doctor", "trains"])).code, 1);
  assertEquals((await terminal.run(["replay", "nothing", "--yes"])).code, 2);
});

Deno.test("replay refuses raw rows that are dead letters by now, and rows that no position covers", async () => {
  await using terminal = await Terminal.open();
  await work({ terminal, checked: trains, traffic: new Traffic(trains, 2) }, 1_000);
  const before = await contents(terminal, derivedTables("trains"));
  await tamper(terminal, `UPDATE ATS_RAW_JSON SET RECORD_CONTENT = '{"train_id":7}' WHERE rowid = 3`);
  const invalid = await terminal.run(["replay", "trains", "--yes"]);
  assertEquals(invalid.code, 1);
  assertStringIncludes(invalid.stderr, "would be a dead letter now");
  const twice = '{"train_id":"T1","train_id":"T2"}';
  await tamper(terminal, `UPDATE ATS_RAW_JSON SET RECORD_CONTENT = '${twice}' WHERE rowid = 3`);
  const older = await terminal.run(["replay", "trains", "--yes"]);
  assertEquals(older.code, 1);
  assertStringIncludes(older.stderr, 'the name "train_id" twice, at /train_id');
  assertStringIncludes(older.stderr, "move its row from ATS_RAW_JSON to DEAD_LETTERS");
  await tamper(
    terminal,
    "DELETE FROM ATS_RAW_JSON WHERE rowid = 3; UPDATE FRESHET_OFFSETS SET NEXT_OFFSET = NEXT_OFFSET - 7",
  );
  const beyond = await terminal.run(["replay", "trains", "--yes"]);
  assertEquals(beyond.code, 1);
  assertStringIncludes(beyond.stderr, "Nothing was changed");
  assertStringIncludes(
    (await terminal.run(["replay", "trains", "--yes", "--max-rows", "5"])).stderr,
    "Nothing was changed",
  );
  assertEquals(await contents(terminal, derivedTables("trains")), before);
});

Deno.test("replay gives way to a run that takes a partition over meanwhile, and changes nothing", async () => {
  await using terminal = await Terminal.open();
  await work({ terminal, checked: trains, traffic: new Traffic(trains, 2) }, 1_000);
  await tamper(terminal, "DELETE FROM ATS_ALERTS WHERE rowid % 2 = 0");
  const before = await contents(terminal, derivedTables("trains"));
  let claims = 0;
  const parts: Parts = {
    ...productionParts,
    async openWarehouse(config, clock) {
      const warehouse = await productionParts.openWarehouse(config, clock);
      return {
        ...warehouse,
        description: warehouse.description,
        migrate: (scripts, options) => warehouse.migrate(scripts, options),
        restore: (scripts) => warehouse.restore(scripts),
        query: (sql, options) => warehouse.query(sql, options),
        [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
        async writer(domain) {
          const writer = await warehouse.writer(domain);
          return new Proxy(writer, {
            get(target, name) {
              const value = Reflect.get(target, name, target);
              if (name !== "commit") return typeof value === "function" ? value.bind(target) : value;
              return async (unit: Parameters<typeof target.commit>[0]) => {
                claims++;
                await using other = await warehouse.writer(domain);
                await other.claim(unit.topic, [0]);
                await target.commit(unit);
              };
            },
          });
        },
      };
    },
  };
  const { code, stderr } = await terminal.run(["replay", "trains", "--yes"], { parts });
  assertEquals([code, claims], [1, 1]);
  assertStringIncludes(stderr, "has taken a partition over meanwhile");
  assertEquals(await contents(terminal, derivedTables("trains")), before);
  assert((await terminal.run(["replay", "trains", "--yes"])).code === 0);
  await assertSound({ terminal, checked: trains, traffic: new Traffic(trains, 2) });
});
