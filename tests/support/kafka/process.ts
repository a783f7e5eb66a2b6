// One Kafka process on its data: started, ended, held and let go. Knows its folder, with server.properties in it, and nothing
// of what is configured there.

import { runTool } from "./jars.ts";

const START_PATIENCE_MS = 60_000;

export interface KafkaProcessOptions {
  /** Holds server.properties, the data and the log. */
  readonly folder: string;
  readonly classPath: string;
  readonly heap: string;
  /** Further options of Java. */
  readonly java?: readonly string[];
  /** How far it stands back for other processes: as `nice` counts, 0 when left out. */
  readonly nice?: number;
}

export class KafkaProcess {
  #process: Deno.ChildProcess | undefined;

  constructor(readonly options: KafkaProcessOptions) {}

  /** Makes the data folder of a new node. */
  async format(clusterId: string, args: readonly string[] = []): Promise<void> {
    const { folder, classPath } = this.options;
    const config = `${folder}/server.properties`;
    await runTool(classPath, ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", config, ...args]);
  }

  /** Starts the process; waits until it answers. */
  async start(): Promise<void> {
    const { folder, classPath, heap, java = [], nice = 0 } = this.options;
    // The shell sends Kafka's log into a file and becomes Java, so that signals go to Java.
    const command = `exec nice -n ${nice} java ${
      [heap, ...java].join(" ")
    } -Djava.io.tmpdir="$2" -cp "$1" kafka.Kafka "$2/server.properties" >> "$2/log.txt" 2>&1`;
    this.#process = new Deno.Command("sh", {
      args: ["-c", command, "sh", classPath, folder],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const giveUpAt = Date.now() + START_PATIENCE_MS;
    while (!await this.#isStarted()) {
      if (Date.now() > giveUpAt) throw new Error(`Kafka did not start:\n${await this.logTail()}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends the process as an operator would (SIGTERM) or as a power cut would (SIGKILL). */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return;
    process.kill(signal);
    await process.status;
    await Deno.writeTextFile(`${this.options.folder}/log.txt`, "");
  }

  /** Lets the process stand still (SIGSTOP): its connections stay open and nothing is answered. Or lets it go on (SIGCONT). */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(signal);
  }

  async logTail(): Promise<string> {
    return (await Deno.readTextFile(`${this.options.folder}/log.txt`).catch(() => "")).split("\n").slice(-30).join(
      "\n",
    );
  }

  async #isStarted(): Promise<boolean> {
    const log = await Deno.readTextFile(`${this.options.folder}/log.txt`).catch(() => "");
    return log.includes("Kafka Server started");
  }
}

/** A cluster id as Kafka wants them. */
export function newClusterId(): string {
  return btoa(crypto.randomUUID().slice(0, 16)).slice(0, 22);
}

/** Addresses nobody listens on; all held at once, so that they differ. */
export function freeAddresses(count: number): string[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const addresses = listeners.map(({ addr }) => `127.0.0.1:${addr.port}`);
  for (const listener of listeners) listener.close();
  return addresses;
}
