// Where the double's SQL side gets its Python from: a virtual environment with pinned packages in the checkout's cache
// folder, made once. Also says why it cannot be had.

const HERE = new URL("./", import.meta.url);
const CACHE = new URL("../../../.cache/", import.meta.url);
const path = (url: URL) => decodeURIComponent(url.pathname);

async function run(program: string, args: readonly string[]): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null", stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  if (!success) throw new Error(`"${program} ${args.join(" ")}" failed: ${text.decode(stderr) || text.decode(stdout)}`);
  return text.decode(stdout);
}

async function environment(): Promise<string> {
  const pinned = await Deno.readFile(new URL("requirements.txt", HERE));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", pinned));
  return `${path(CACHE)}fakesnow/${digest.toHex().slice(0, 12)}`;
}

async function exists(file: string): Promise<boolean> {
  return await Deno.stat(file).then(() => true, () => false);
}

/** The Python that has fakesnow. Makes the environment when it is missing, which takes a minute. */
export async function pythonWithFakesnow(): Promise<string> {
  const folder = await environment();
  if (await exists(`${folder}/bin/python`)) return `${folder}/bin/python`;
  const making = `${folder}.${Deno.pid}`;
  await Deno.mkdir(`${path(CACHE)}fakesnow`, { recursive: true });
  try {
    await run("python3", ["-m", "venv", making]);
    const requirements = path(new URL("requirements.txt", HERE));
    await run(`${making}/bin/python`, ["-m", "pip", "install", "--quiet", "--no-input", "-r", requirements]);
    // Another process may have been faster; then its environment is as good.
    await Deno.rename(making, folder).catch(() => {});
  } finally {
    await Deno.remove(making, { recursive: true }).catch(() => {});
  }
  return `${folder}/bin/python`;
}

/**
 * Why tests with the Snowflake double cannot run here, or undefined when they can. With `TESTS=fast` they are not wanted;
 * with `CI=true` nothing is skipped, so that what is missing shows as a failure.
 */
export async function whyNoSnowflake(): Promise<string | undefined> {
  if (Deno.env.get("TESTS") === "fast") return "TESTS=fast";
  if (Deno.env.get("CI") === "true") {
    await pythonWithFakesnow();
    return undefined;
  }
  try {
    const version =
      (await run("python3", ["-c", "import sys, venv; print(sys.version_info[0] * 100 + sys.version_info[1])"]))
        .trim();
    if (Number(version) < 311) return "Python is older than 3.11";
    await pythonWithFakesnow();
    return undefined;
  } catch (error) {
    const reason = `no Python with fakesnow: ${
      error instanceof Error ? error.message.trim().split("\n").at(-1) : error
    }`;
    console.log(`Skipped: tests against the Snowflake double (${reason})`);
    return reason;
  }
}
