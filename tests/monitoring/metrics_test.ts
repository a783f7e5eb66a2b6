// docs/metrics.md names each metric of the real program with its type and labels.
import { assert, assertEquals } from "@std/assert";
import { FRESHET, runningOn } from "../support/shipped.ts";

const ROOT = new URL("../../", import.meta.url);

async function metricsOf(dataDir: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "run", "--no-simulate"],
    env: { FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const { url } = await runningOn(dataDir);
    await (await fetch(`${url}/health`)).body?.cancel();
    return await (await fetch(`${url}/metrics`)).text();
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

Deno.test("docs/metrics.md has every metric with its type, and the labels of those that have a value", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const text = await metricsOf(dataDir);
    const docs = await Deno.readTextFile(new URL("docs/metrics.md", ROOT));
    const documented = new Map(
      [...docs.matchAll(/^\| `([a-z_0-9]+)` *\| ([a-z]+) *\| ([^|]*?) *\|/gm)].map((
        [, name, type, labels],
      ) => [name!, { type: type!, labels: labels!.split(", ").filter((label) => label !== "") }]),
    );
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!] as const);
    assert(types.length > 35);
    assertEquals(
      [...documented].map(([name, { type }]) => [name, type]).toSorted(),
      types.map((pair) => [...pair]).toSorted(),
    );
    for (const [, sample, labels] of text.matchAll(/^([a-z_0-9]+)\{([^}]*)\}/gm)) {
      const name = documented.has(sample!) ? sample! : sample!.replace(/_(bucket|sum|count)$/, "");
      const given = [...labels!.matchAll(/([a-z_0-9]+)="/g)].map(([, label]) => label!).filter((label) =>
        label !== "le"
      );
      const known = documented.get(name)!.labels;
      assertEquals(given.filter((label) => !known.includes(label)), [], sample);
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
