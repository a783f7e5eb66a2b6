// The warehouse contract: migrations, opening and closing.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { QueryRefusedError, WarehouseRefusedError, WarehouseUnavailableError } from "../../../src/errors.ts";
import type { Script, Warehouse } from "../../../src/warehouse/warehouse.ts";
import {
  append,
  loose,
  type Place,
  rowsOf,
  segment,
  SYSTEM,
  TABLES,
  testOnPlace,
  type WarehouseUnderTest,
} from "./suite.ts";

export function migrations(under: WarehouseUnderTest): void {
  const test = (behaviour: string, body: (warehouse: Warehouse, place: Place) => Promise<void>) =>
    testOnPlace(under, behaviour, body);
  const script = (...sections: readonly string[]): Script => ({
    name: "script",
    text: sections.map((sql, i) => `-- version ${i + 1}: step ${i + 1}\n${sql}\n`).join("\n"),
  });

  test("migrations are applied once, and new sections when they appear", async (warehouse) => {
    const first = "CREATE TABLE IF NOT EXISTS A (X BIGINT)";
    const second = "CREATE TABLE IF NOT EXISTS B (X BIGINT); CREATE OR REPLACE VIEW C AS SELECT X FROM B";
    const versions = async (script: Script) =>
      (await warehouse.migrate([SYSTEM, script])).map(({ name, version }) => `${name} ${version}`);
    assertEquals(await versions(script(first)), [
      "freshet 1",
      "freshet 2",
      "freshet 3",
      "freshet 4",
      "freshet 5",
      "script 1",
    ]);
    assertEquals(await versions(script(first)), []);
    assertEquals(await versions(script(first, second)), ["script 2"]);
    assertEquals(await rowsOf(warehouse, "SELECT * FROM C"), []);
    assertEquals(
      await rowsOf(warehouse, "SELECT VERSION, TITLE FROM FRESHET_MIGRATIONS WHERE NAME = 'script' ORDER BY VERSION"),
      [[1, "step 1"], [2, "step 2"]],
    );
  });

  test("what was dropped is made again, empty, and what is there stays", async (warehouse) => {
    const tables = script(
      "CREATE TABLE IF NOT EXISTS A (X BIGINT); COMMENT ON COLUMN A.X IS 'x'; CREATE TABLE IF NOT EXISTS B (X BIGINT)",
      "CREATE OR REPLACE VIEW C AS SELECT X FROM B; COMMENT ON TABLE B IS 'b'",
    );
    const other: Script = { name: "other", text: "-- version 1: away\nDROP VIEW C; DROP TABLE A" };
    await warehouse.migrate([SYSTEM, tables]);
    assertEquals(await warehouse.restore([SYSTEM, tables]), []);
    await warehouse.migrate([other]);
    assertEquals(await warehouse.migrate([SYSTEM, tables]), []);
    assertEquals(await warehouse.restore([SYSTEM, tables]), ["A", "C"]);
    assertEquals(await rowsOf(warehouse, "SELECT * FROM A UNION ALL SELECT * FROM C"), []);
  });

  test("a dry run names the steps and changes nothing", async (warehouse) => {
    const steps = await warehouse.migrate([SYSTEM, script("CREATE TABLE A (X BIGINT); SELECT 1")], { dryRun: true });
    assertEquals(steps.at(-1)!.statements, ["CREATE TABLE A (X BIGINT)", "SELECT 1"]);
    await assertRejects(() => warehouse.query("SELECT * FROM A"), QueryRefusedError);
    assertEquals(
      (await warehouse.migrate([SYSTEM, script("CREATE TABLE A (X BIGINT); SELECT 1")])).length,
      steps.length,
    );
  });

  test("a section that changed after it was applied is refused, and says to add a new one", async (warehouse) => {
    await warehouse.migrate([script("CREATE TABLE A (X BIGINT)")]);
    const error = await assertRejects(
      () => warehouse.migrate([script("CREATE TABLE A (X DOUBLE)", "CREATE TABLE B (X BIGINT)")]),
      WarehouseRefusedError,
    );
    assertStringIncludes(error.message, "-- version 3");
    await assertRejects(() => warehouse.query("SELECT * FROM B"), QueryRefusedError);
  });

  test("comments and layout of an applied section may change", async (warehouse) => {
    await warehouse.migrate([script("CREATE TABLE A (X BIGINT, Y VARCHAR DEFAULT 'a  b')")]);
    const same = "/* what it is for */ CREATE TABLE A (\n  X BIGINT, -- the x\n  Y VARCHAR DEFAULT 'a  b'\n);";
    assertEquals(await warehouse.migrate([script(same)]), []);
    const other = "CREATE TABLE A (X BIGINT, Y VARCHAR DEFAULT 'a b')";
    await assertRejects(() => warehouse.migrate([script(other)]), WarehouseRefusedError);
  });

  test("a warehouse that a newer version has migrated is refused", async (warehouse) => {
    await warehouse.migrate([script("CREATE TABLE A (X BIGINT)", "CREATE TABLE B (X BIGINT)")]);
    await assertRejects(() => warehouse.migrate([script("CREATE TABLE A (X BIGINT)")]), WarehouseRefusedError, "newer");
  });

  test("a section that fails names its script, version and reason, and can be mended", async (warehouse) => {
    // Where tables are not taken back with a transaction, a section must be written so that it can be run again.
    const half = under.features.transactionalDdl ? "CREATE TABLE B (X BIGINT); " : "";
    const error = await assertRejects(
      () => warehouse.migrate([script("CREATE TABLE A (X BIGINT)", half + "CREATE TABLE B (X NO_SUCH_TYPE)")]),
      WarehouseRefusedError,
    );
    assertStringIncludes(error.message, '"script" version 2');
    assertEquals(await rowsOf(warehouse, "SELECT * FROM A"), []);
    const mended = script("CREATE TABLE A (X BIGINT)", "CREATE TABLE B (X BIGINT)");
    assertEquals((await warehouse.migrate([mended])).map(({ version }) => version), [2]);
  });

  test("tables and rows are there after closing and opening", async (warehouse, place) => {
    await warehouse.migrate([SYSTEM, TABLES]);
    const writer = await warehouse.writer("domain");
    await writer.commit(loose({ appends: [append("EVENTS", segment([{ ID: 1, NAME: "a" }]))] }));
    await writer[Symbol.asyncDispose]();
    await warehouse[Symbol.asyncDispose]();
    await using again = await place.open();
    assertEquals(await again.migrate([SYSTEM, TABLES]), []);
    assertEquals(await rowsOf(again, "SELECT * FROM EVENTS"), [[1, "a"]]);
  });

  test("a closed warehouse refuses work and says so", async (warehouse) => {
    await warehouse[Symbol.asyncDispose]();
    await assertRejects(() => warehouse.query("SELECT 1"), WarehouseUnavailableError, "closed");
    await assertRejects(() => warehouse.migrate([SYSTEM]), WarehouseUnavailableError, "closed");
  });
}
