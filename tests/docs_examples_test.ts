// The curl examples of the documentation, taken out of it and run as they stand against the program as people run it.
import { assert, assertEquals } from "@std/assert";
import { FRESHET, runningOn } from "./support/shipped.ts";

const DOCS = ["README.md", "docs/http.md"];

interface Example {
  readonly where: string;
  readonly command: string;
  /** Of the answer that is shown below it, if one is. */
  readonly status: number;
  /** The names that the answer below it begins with. */
  readonly names: readonly string[];
}

/** Commands of code blocks that call curl, each with its lines that go on and the answer below it. */
function examplesOf(where: string, text: string): readonly Example[] {
  return [...text.matchAll(/^```.*\n([^]*?)^```/gm)].flatMap(([, block]) =>
    [...block!.matchAll(/^(?:\$ )?(curl (?:.*\\\n)*.*)\n((?:[{ ].*\n)*)/gm)].map(([, command, answer]) => ({
      where,
      command: command!,
      status: Number(/"status":(\d+)/.exec(answer!)?.[1] ?? 200),
      names: [.../^\{"(\w+)"/.exec(answer!) ?? []].slice(1),
    }))
  );
}

const has = async (program: string) =>
  await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output().then(() => true, () => false);

Deno.test({
  name: "the documentation's curl examples do what it says",
  ignore: !await has("curl") || !await has("bash"),
  async fn() {
    const examples = (await Promise.all(DOCS.map(async (path) =>
      examplesOf(path, await Deno.readTextFile(new URL(`../${path}`, import.meta.url)))
    ))).flat();
    assert(examples.length >= 7, `${examples.length} were found`);
    const dataDir = await Deno.makeTempDir({ prefix: "freshet_docs_" });
    const child = new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, "run", "rides", "actions", "circadian"],
      cwd: dataDir,
      env: { FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0" },
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    try {
      const { url } = await runningOn(dataDir);
      await untilKnown(`${url}/recommendations/user_001`);
      for (const { where, command, status, names } of examples) {
        const called = command.replaceAll(/http:\/\/localhost:8000/g, url).replace(
          /^curl/,
          "curl -s -w '\\n%{http_code}'",
        );
        const { stdout } = await new Deno.Command("bash", { args: ["-c", called] }).output();
        const [, answer, code] = /^([^]*)\n(\d+)$/.exec(new TextDecoder().decode(stdout))!;
        assertEquals(Number(code), status, `${where}: ${command}\n${answer}`);
        for (const name of names) {
          assertEquals(Object.keys(JSON.parse(answer!))[0], name, `${where}: ${command}`);
        }
      }
    } finally {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(dataDir, { recursive: true });
    }
  },
});

async function untilKnown(url: string): Promise<void> {
  while (true) {
    const answer = await fetch(url);
    await answer.body?.cancel();
    if (answer.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
