// The stream library as others have it: packed, in a folder outside of the checkout, imported there by its name. The programs
// are those of its README.

import { assert, assertEquals } from "@std/assert";

const LIBRARY = new URL("../../src/stream/", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", LIBRARY));

/** The programs of the README, each with what it says that they print. */
function programs(): { readonly code: string; readonly prints: string }[] {
  const blocks = [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text]) => ({
    language,
    text: text!,
  }));
  return blocks.flatMap(({ language, text }, i) =>
    language === "ts" ? [{ code: text, prints: blocks[i + 1]!.text }] : []
  );
}

async function deno(cwd: URL | string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(success, `deno ${args.join(" ")}\n${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

/** A folder with a project that has nothing of ours but the files that `deno publish` would ship. */
async function projectOutside(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "freshet-stream-" });
  await Deno.mkdir(`${folder}/packed`);
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty"],
    cwd: LIBRARY,
    env: { NO_COLOR: "1" },
    stderr: "piped",
  }).output();
  const shipped = [...new TextDecoder().decode(stderr).matchAll(/^ +(file:\S+) \(/gm)].map(([, url]) => new URL(url!));
  for (const file of shipped) {
    await Deno.copyFile(file, `${folder}/packed/${file.pathname.slice(LIBRARY.pathname.length)}`);
  }
  const config = { links: ["./packed"], imports: { "@freshet/stream": "jsr:@freshet/stream@^0.1.0" } };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
  return folder;
}

Deno.test("outside of the checkout the packed library runs the programs of its README, which print what it says", async () => {
  const folder = await projectOutside();
  try {
    const all = programs();
    assertEquals(all.length, 3);
    for (const [i, { code, prints }] of all.entries()) {
      await Deno.writeTextFile(`${folder}/program_${i}.ts`, code);
      assertEquals(await deno(folder, "run", "--no-check", "--quiet", "--no-prompt", `program_${i}.ts`), prints);
    }
    await deno(folder, "check", "--quiet", ...all.map((_, i) => `program_${i}.ts`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("tumbling windows with a late correction over a list take less than 30 lines", () => {
  const { code } = programs()[0]!;
  const lines = code.split("\n").filter((line) => line.trim() !== "");
  assert(/tumbling/.test(code) && lines.length < 30, `${lines.length} lines`);
});
