// Whether a Kafka broker can run here, and its jars: fetched once by Maven into the checkout's cache folder.

const HERE = new URL("./", import.meta.url);
const CACHE = new URL("../../../.cache/kafka/4.1.1/", import.meta.url);

/** The class path for `java -cp`. Fetches the jars when they are missing. */
export async function kafkaClassPath(): Promise<string> {
  const folder = decodeURIComponent(CACHE.pathname);
  await Deno.mkdir(folder, { recursive: true });
  // Another test process may be fetching them: who comes second waits, and finds them.
  using fetching = await Deno.open(`${folder}lock`, { create: true, write: true });
  await fetching.lock(true);
  if (!await exists(`${folder}complete`)) {
    const pom = decodeURIComponent(new URL("pom.xml", HERE).pathname);
    await run("mvn", ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${folder}jars`]);
    await Deno.writeTextFile(`${folder}complete`, "");
  }
  return `${folder}jars/*`;
}

/**
 * Why tests with a real broker cannot run here, or undefined when they can. With `TESTS=fast` they are not wanted; with
 * `CI=true` nothing is skipped, so that what is missing shows as a failure.
 */
export async function whyNoKafka(): Promise<string | undefined> {
  if (Deno.env.get("TESTS") === "fast") return "TESTS=fast";
  if (Deno.env.get("CI") === "true") return undefined;
  for (const program of ["java", "mvn", "openssl"]) {
    if (!await isInstalled(program)) return `${program} is not installed`;
  }
  return undefined;
}

/** Whether a program can be started. */
export async function isInstalled(program: string): Promise<boolean> {
  try {
    const argument = program === "openssl" ? "version" : program === "java" ? "-version" : "--version";
    const { success } = await new Deno.Command(program, { args: [argument], stdout: "null", stderr: "null" }).output();
    return success;
  } catch {
    return false;
  }
}

/** A Java that starts with half the work: for what does not live long, or need not be fast. */
export const QUICK_JAVA = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/** Runs one of Kafka's own command line tools to its end, e.g. `org.apache.kafka.tools.TopicCommand`; throws as `run`. */
export async function runTool(
  classPath: string,
  [className, ...args]: readonly [className: string, ...args: string[]],
  stdin?: Uint8Array,
): Promise<string> {
  return await run("java", ["-Xmx256m", ...QUICK_JAVA, "-cp", classPath, className, ...args], stdin);
}

/** Runs a program to its end; throws with what it said when it fails. */
export async function run(program: string, args: readonly string[], stdin?: Uint8Array): Promise<string> {
  const command = new Deno.Command(program, {
    args: [...args],
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(stdin as Uint8Array<ArrayBuffer>);
    await writer.close();
  }
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${program} failed: ${text.decode(stderr) || text.decode(stdout)}`);
  return text.decode(stdout);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
