// `new` in a copy of this checkout: what it writes is formatted, passes lint, types and its own test, and runs.

import { assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Not of the checkout, or of no use in a copy. */
const LEFT_OUT = /^(\.git|\.cache|\.env|data|dist|node_modules)$/;

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (LEFT_OUT.test(name)) continue;
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

class Checkout implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async copied(): Promise<Checkout> {
    const checkout = new Checkout(await Deno.makeTempDir({ prefix: "freshet_new_" }));
    await copy(ROOT, checkout.folder);
    return checkout;
  }

  async deno(...args: readonly string[]) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: this.folder,
      env: { FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0", FRESHET_LOG_FORMAT: "text", NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.deno(...args);
    assertEquals(code, 0, `deno ${args.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose]() {
    await Deno.remove(this.folder, { recursive: true });
  }
}

const FRESHET = ["run", "-A", "--quiet", "--no-check", "main.ts"];

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

  const again = await checkout.deno(...FRESHET, "new", "parcel_scans");
  assertEquals(again.code, 2);
  assertStringIncludes(again.stderr, "src/domains/parcel_scans/mod.ts is there already");
});

const refused: readonly (readonly [name: string, says: string])[] = [
  ...["Parcels", "parcel-scans", "1st", "_x", "x_", "domain", "class", "../x"].map((name) =>
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
