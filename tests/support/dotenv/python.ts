// python-dotenv, which the systems before read their settings with: in a virtual environment of the checkout's cache folder.

import { said } from "../programs.ts";

const PACKAGE = "python-dotenv==1.1.1";
const FOLDER = decodeURIComponent(new URL("../../../.cache/dotenv", import.meta.url).pathname);
const PYTHON = `${FOLDER}/bin/python`;
/** Is there once all is installed. */
const COMPLETE = `${FOLDER}/complete`;
const READ = `import io, json, sys
from dotenv import dotenv_values
texts = json.load(sys.stdin)
json.dump([{k: v for k, v in dotenv_values(stream=io.StringIO(t, newline="")).items() if v is not None} for t in texts], sys.stdout)`;

/** Why it cannot be had, or undefined when it can; with `CI=true` that is an error. */
export async function whyNoDotenv(): Promise<string | undefined> {
  if (Deno.env.get("TESTS") === "fast") return "TESTS=fast";
  try {
    if (await Deno.stat(COMPLETE).then(() => true, () => false)) return undefined;
    await said("python3", ["-m", "venv", FOLDER]);
    await said(PYTHON, ["-m", "pip", "install", "--quiet", "--no-input", PACKAGE]);
    await Deno.writeTextFile(COMPLETE, "");
    return undefined;
  } catch (error) {
    await Deno.remove(FOLDER, { recursive: true }).catch(() => {});
    if (Deno.env.get("CI") === "true") throw error;
    const reason = `no Python with python-dotenv: ${(error as Error).message}`;
    console.log(`Skipped: .env files by python-dotenv (${reason})`);
    return reason;
  }
}

/** What it reads in each of the texts. */
export async function readByPython(
  texts: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<readonly Readonly<Record<string, string>>[]> {
  return JSON.parse(await said(PYTHON, ["-c", READ], { input: JSON.stringify(texts), env: environment }));
}
