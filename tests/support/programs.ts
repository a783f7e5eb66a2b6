// Programs of others that some tests ask (promtool, Go …): whether they are here, and what they say.

/**
 * Why a test that needs the programs cannot run here, or undefined when it can. With `TESTS=fast` it is not wanted; with
 * `CI=true` nothing is skipped, so that what is missing shows as a failure.
 */
export async function whyWithout(
  programs: readonly (readonly [name: string, ...args: string[]])[],
): Promise<string | undefined> {
  if (Deno.env.get("TESTS") === "fast") return "TESTS=fast";
  for (const [name, ...args] of programs) {
    try {
      await new Deno.Command(name, { args, stdin: "null", stdout: "null", stderr: "null" }).output();
    } catch (error) {
      if (Deno.env.get("CI") === "true") throw error;
      console.log(`Skipped: tests that ask ${name} (it is not installed)`);
      return `no ${name}`;
    }
  }
  return undefined;
}

/** Runs a program to its end; what it wrote, with what it said when it fails. */
export async function said(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd,
    env: options.env,
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.input));
    await writer.close();
  }
  const { success, stdout, stderr } = await child.output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${program} ${args.join(" ")} failed:\n${out}\n${errors}`);
  return out!;
}
