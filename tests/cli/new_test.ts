// `new` in a copy of this checkout: what it writes is formatted, passes lint, types and its own test, and runs.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { MadeOverview, Rows, Timeline } from "../../src/panels/answers.ts";
import { Checkout, FRESHET } from "../support/checkout.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("a new domain is formatted and typed, passes its own test, simulates, runs and answers queries", async () => {
  await using checkout = await Checkout.copied();
  const written = await checkout.must(...FRESHET, "new", "parcel_scans");
  const files = [
    "src/domains/parcel_scans/mod.ts",
    "sql/parcel_scans.sql",
    "simulators/parcel_scans.ts",
    "tests/domains/parcel_scans_test.ts",
  ];
  for (const file of files) assertStringIncludes(written, `wrote ${file}\n`);
  const typescript = files.filter((file) => file.endsWith(".ts"));
  const all = [...typescript, "src/domains/mod.ts"];
  await checkout.must("fmt", "--check", ...all);
  await checkout.must("lint", "--quiet", ...all);
  await checkout.must("check", "--quiet", ...all);
  await checkout.must("test", "-A", "--quiet", "--no-check", "tests/domains/parcel_scans_test.ts");

  await checkout.must(...FRESHET, "simulate", "parcel_scans", "--count", "1000", "--bad", "0.05");
  await checkout.must(...FRESHET, "run", "parcel_scans", "--until-end");
  const counts = `SELECT (SELECT SUM(EVENT_COUNT) FROM PARCEL_SCANS_HOURLY) AS HOURLY,
    (SELECT COUNT(*) FROM PARCEL_SCANS_EVENTS) AS EVENTS, (SELECT COUNT(*) FROM PARCEL_SCANS_LATEST) AS THINGS,
    (SELECT COUNT(*) FROM DEAD_LETTERS) AS DEAD`;
  const [row] = JSON.parse(await checkout.must(...FRESHET, "query", counts, "--json"));
  assertEquals([row.EVENTS, row.THINGS], [Number(row.HOURLY), 20]);
  assertEquals(row.EVENTS + row.DEAD, 1000);

  await showsItsPage(checkout);

  const again = await checkout.deno(...FRESHET, "new", "parcel_scans");
  assertEquals(again.code, 2);
  assertStringIncludes(again.stderr, "src/domains/parcel_scans/mod.ts is there already");
});

Deno.test("a new domain with the window and the alert of docs/domains.md passes lint, with rows of both", async () => {
  await using checkout = await Checkout.copied();
  await checkout.must(...FRESHET, "new", "parcels");
  const docs = await Deno.readTextFile(`${ROOT}docs/domains.md`);
  const [, section] = docs.split("## A window and an alert more");
  const block = (language: string) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(section!)![1]!;
  const module = `${checkout.folder}/src/domains/parcels/mod.ts`;
  const text = await Deno.readTextFile(module);
  const more = text.replace("      tables: (events) => [\n", `$&${block("ts")}`).replace(
    "e.value >= 90",
    "e.value >= 5",
  );
  await Deno.writeTextFile(module, more);
  await Deno.writeTextFile(`${checkout.folder}/sql/parcels.sql`, `\n${block("sql")}`, { append: true });
  await checkout.must("check", "--quiet", "src/domains/parcels/mod.ts");
  const said = await checkout.must(...FRESHET, "lint", "parcels");
  assertStringIncludes(said, " 0 not ok, 0 not checked");
  for (const table of ["PARCELS_RECENT_PARTS", "PARCELS_ALERTS"]) {
    assert(Number(new RegExp(`${table}: ([\\d,]+) rows`).exec(said)![1]) > 0, said);
  }
});

/** The dashboard has a page for it, made of its tables. */
async function showsItsPage(checkout: Checkout): Promise<void> {
  await using run = await checkout.run("run", "parcel_scans", "--no-simulate");
  const page = await fetch(`${run.dashboard}/parcel_scans`);
  await page.body?.cancel();
  assertEquals(page.status, 200);
  const panel = async <T>(name: string): Promise<T> => {
    const answer = await (await fetch(`${run.dashboard}/api/panels/parcel_scans/${name}`)).json();
    return answer.data;
  };
  const { numbers, charts, tables } = await panel<MadeOverview>("overview");
  const number = (label: string) => numbers.find((number) => number.label === label)?.value;
  assertEquals([number("PARCEL_SCANS_LATEST"), number("Events")! + number("Dead letters")!], [20, 1000]);
  assertEquals(charts, [{
    table: "PARCEL_SCANS_HOURLY",
    keys: ["ID"],
    measures: [
      { name: "EVENT_COUNT", adds_up: true },
      { name: "AVG_VALUE", adds_up: false },
      { name: "MAX_VALUE", adds_up: false },
    ],
  }]);
  assertEquals(tables.map(({ name }) => name), ["PARCEL_SCANS_LATEST", "PARCEL_SCANS_HOURLY"]);
  const { points } = await panel<Timeline>("chart?table=PARCEL_SCANS_HOURLY&range=30d");
  assertEquals(points.reduce((sum, { value }) => sum + value, 0), number("Events"));
  const latest = await panel<Rows>("rows?table=PARCEL_SCANS_LATEST");
  assertEquals(latest.columns.map(({ name }) => name), ["ID", "TIMESTAMP", "VALUE"]);
  assertEquals(latest.rows.length, 20);
  assert((await panel<Rows>("rows?table=DEAD_LETTERS")).rows.length === 0, "only the domain's own tables are answered");
}

const refused: readonly (readonly [name: string, says: string])[] = [
  ...["Parcels", "parcel-scans", "1st", "_x", "x_", "domain", "class", "pipeline", "explore", "../x"].map((name) =>
    [name, `"${name}" is no name for a domain`] as const
  ),
  // Outside a checkout.
  ["parcels", "run it in its folder"],
];

for (const [name, says] of refused) {
  Deno.test(`new ${name} in an empty folder is refused, and nothing is written: ${says}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", "--no-check", `${ROOT}main.ts`, "new", name],
        cwd: folder,
      }).output();
      assertEquals(code, 2);
      assertStringIncludes(new TextDecoder().decode(stderr), says);
      assertEquals([...Deno.readDirSync(folder)], []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
