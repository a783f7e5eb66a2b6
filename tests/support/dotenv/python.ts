// python-dotenv, which the systems before read their settings with: in a virtual environment of the checkout's cache folder.

const PACKAGE = "python-dotenv==1.1.1";
const FOLDER = decodeURIComponent(new URL("../../../.cache/dotenv", import.meta.url).pathname);
const PYTHON = `${FOLDER}/bin/python`;
const READ = `import io, json, sys
from dotenv import dotenv_values
texts = json.load(sys.stdin)
json.dump([{k: v for k, v in dotenv_values(stream=io.StringIO(t, newline="")).items() if v is not None} for t in texts], sys.stdout)`;

async function run(program: string, args: readonly string[], input = "", env: Record<string, string> = {}) {
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim().split("\n").at(-1));
  return new TextDecoder().decode(stdout);
}

/** Why it cannot be had, or undefined when it can; with `CI=true` that is an error. */
export async function whyNoDotenv(): Promise<string | undefined> {
  if (Deno.env.get("TESTS") === "fast") return "TESTS=fast";
  try {
    const isThere = await Deno.stat(PYTHON).then(() => true, () => false);
    if (isThere) return undefined;
    await run("python3", ["-m", "venv", FOLDER]);
    await run(PYTHON, ["-m", "pip", "install", "--quiet", "--no-input", PACKAGE]);
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
  return JSON.parse(await run(PYTHON, ["-c", READ], JSON.stringify(texts), { ...environment }));
}
