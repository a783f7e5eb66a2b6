// An independent Schema Registry for tests: Apicurio, which speaks Confluent's API, in memory, on a random loopback port.
// Fetched once by Maven into the checkout's cache folder.

import { run } from "../kafka/jars.ts";

const VERSION = "2.6.13.Final";
const CACHE = decodeURIComponent(new URL(`../../../.cache/apicurio/${VERSION}/`, import.meta.url).pathname);
const HEAP = "-Xmx300m";
const START_PATIENCE_MS = 90_000;

export class Apicurio implements AsyncDisposable {
  private constructor(readonly process: Deno.ChildProcess, readonly port: number) {}

  /** A registry that answers. */
  static async start(): Promise<Apicurio> {
    await fetchOnce();
    const port = freePort();
    const child = new Deno.Command("java", {
      args: [
        HEAP,
        "-Dquarkus.http.host=127.0.0.1",
        `-Dquarkus.http.port=${port}`,
        ...["-jar", `apicurio-registry-app-${VERSION}-runner.jar`],
      ],
      cwd: CACHE,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const registry = new Apicurio(child, port);
    try {
      await registry.#untilUp();
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw error;
    }
    return registry;
  }

  /** Base address of Confluent's API. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/apis/ccompat/v7`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.process.status;
  }

  async #untilUp(): Promise<void> {
    const giveUpAt = Date.now() + START_PATIENCE_MS;
    while (true) {
      try {
        const response = await fetch(`${this.url}/subjects`);
        await response.body?.cancel();
        if (response.ok) return;
      } catch {
        // Not yet.
      }
      if (Date.now() > giveUpAt) throw new Error(`Apicurio did not start within ${START_PATIENCE_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function fetchOnce(): Promise<void> {
  if (await Deno.stat(`${CACHE}complete`).then(() => true, () => false)) return;
  const artifact = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`;
  await Deno.mkdir(CACHE, { recursive: true });
  await run("mvn", [
    ...["-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"],
    ...[`-Dartifact=${artifact}`, `-DoutputDirectory=${CACHE}`],
  ]);
  const archive = `${CACHE}apicurio-registry-app-${VERSION}-all.tar.gz`;
  await run("tar", ["-xzf", archive, "-C", CACHE]);
  await Deno.remove(archive);
  await Deno.writeTextFile(`${CACHE}complete`, "");
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
