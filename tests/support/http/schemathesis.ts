// schemathesis, which reads an API's description and sends it what it says and what it does not: from PyPI, pinned, in a
// virtual environment in the checkout's cache folder. Also says why it cannot be had.

import { isInstalled, run } from "../kafka/jars.ts";

const REQUIREMENTS = new URL("requirements.txt", import.meta.url);
const CACHE = new URL("../../../.cache/schemathesis/", import.meta.url);
const path = (url: URL) => decodeURIComponent(url.pathname);

async function environment(): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(REQUIREMENTS)));
  return `${path(CACHE)}${digest.toHex().slice(0, 12)}`;
}

/** Where the program is. Makes the environment when it is missing, which takes a minute. */
async function provide(): Promise<string> {
  const folder = await environment();
  const program = `${folder}/bin/schemathesis`;
  if (await Deno.stat(`${folder}/complete`).then(() => true, () => false)) return program;
  await run("python3", ["-m", "venv", folder]);
  await run(`${folder}/bin/pip`, [
    "install",
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "-r",
    path(REQUIREMENTS),
  ]);
  await Deno.writeTextFile(`${folder}/complete`, "");
  return program;
}

/** Why it cannot run here, or undefined when it can. With `CI=true` what is missing is a failure. */
export async function whyNoSchemathesis(): Promise<string | undefined> {
  if (Deno.env.get("TESTS") !== "http") return "task test:http runs it";
  if (Deno.env.get("CI") !== "true" && !await isInstalled("python3")) return "python3 is not installed";
  try {
    await provide();
    return undefined;
  } catch (error) {
    if (Deno.env.get("CI") === "true") throw error;
    return `it cannot be installed (${error instanceof Error ? error.message.split("\n")[0] : error})`;
  }
}

/** Runs it; gives its exit code and what it printed. */
export async function schemathesis(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly text: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const command = new Deno.Command(await provide(), {
      args: [...args],
      // Hypothesis keeps its examples in the working folder.
      cwd: folder,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
