// librdkafka and Confluent's serializers, clients this project did not write, by way of Python: in a virtual environment in the cache folder.

import { isInstalled, run } from "./jars.ts";

const FOLDER = decodeURIComponent(new URL("../../../.cache/kafka/python-with-serializers/", import.meta.url).pathname);
/** With protoc, which makes classes of Protobuf's files. */
const PACKAGES = ["confluent-kafka[avro,json,protobuf,schemaregistry]==2.15.0", "grpcio-tools==1.85.1"];

/** Why scripts for librdkafka cannot run here, or undefined when they can. Makes the environment when it is missing. */
export async function whyNoPython(): Promise<string | undefined> {
  if (!await isInstalled("python3")) {
    if (Deno.env.get("CI") === "true") throw new Error("python3 is not installed");
    return "python3 is not installed";
  }
  try {
    if (await Deno.stat(`${FOLDER}complete`).then(() => true, () => false)) return undefined;
    await run("python3", ["-m", "venv", FOLDER]);
    await run(`${FOLDER}bin/pip`, ["--quiet", "--disable-pip-version-check", "install", ...PACKAGES]);
    await Deno.writeTextFile(`${FOLDER}complete`, "");
    return undefined;
  } catch (error) {
    if (Deno.env.get("CI") === "true") throw error;
    return `${PACKAGES.join(", ")} cannot be installed (${
      error instanceof Error ? error.message.split("\n")[0] : error
    })`;
  }
}

/** Runs `script` with `args`; returns what it printed. Throws when it fails. */
export async function python(script: string, args: readonly string[]): Promise<string> {
  return await run(`${FOLDER}bin/python`, ["-c", script, ...args]);
}

/** A script that runs until the test is done with it. */
export class PythonProgram implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(script: string, args: readonly string[]) {
    const command = new Deno.Command(`${FOLDER}bin/python`, {
      args: ["-u", "-c", script, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    });
    this.#process = command.spawn();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line that it prints and that begins so. */
  async line(beginning: string): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end < 0) {
        const { value, done } = await this.#lines.read();
        if (done) throw new Error(`The program ended before it said "${beginning}"`);
        this.#rest += value;
        continue;
      }
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 1);
      if (line.startsWith(beginning)) return line;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#lines.cancel();
    await this.#process.status;
  }
}
