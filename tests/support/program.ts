// The whole program in a process of its own, where memory and files can be scarce, and what it uses of them.

import { assertEquals } from "@std/assert";
import { FRESHET, SHIPPED_ENV } from "./shipped.ts";

export interface ProgramOptions {
  readonly dataDir: string;
  /** Files that it may have open. */
  readonly descriptors?: number;
  /** The folder of a cgroup for it. */
  readonly group?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Resolves when the run at the address says that it is ready. */
export async function isReady(api: string): Promise<void> {
  while (true) {
    const response = await fetch(`${api}/readyz`);
    await response.body?.cancel();
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What is kept of its log, characters. */
const KEPT = 200_000;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A run of all domains. */
export class Program implements AsyncDisposable {
  #log = "";
  #ended: Deno.CommandStatus | undefined;

  private constructor(private readonly child: Deno.ChildProcess, readonly dataDir: string) {
    child.status.then((status) => this.#ended = status);
  }

  /** Starts it and waits until it serves; with addresses of API and dashboard. */
  static async start({ dataDir, descriptors, group, env = {} }: ProgramOptions) {
    const limits = [
      ...descriptors === undefined ? [] : [`ulimit -n ${descriptors}`],
      ...group === undefined ? [] : [`echo $$ > ${group}/cgroup.procs`],
    ];
    const child = new Deno.Command("sh", {
      args: ["-c", [...limits, 'exec "$0" "$@"'].join(" && "), Deno.execPath(), ...FRESHET, "run", "--no-simulate"],
      cwd: dataDir,
      env: { ...SHIPPED_ENV, ...settings(dataDir), ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const program = new Program(child, dataDir);
    const [api, dashboard] = await program.#read();
    return { program, api, dashboard };
  }

  /** Reads its log from now on; the addresses that it tells. */
  #read(): Promise<readonly [api: string, dashboard: string]> {
    const up = Promise.withResolvers<readonly [string, string]>();
    const reading = this.child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({
        write: (piece) => {
          this.#log = (this.#log + piece).slice(-KEPT);
          const [, api, dashboard] = /"url":"([^"]+)","dashboard":"([^"]+)"/.exec(this.#log) ?? [];
          if (api && dashboard) up.resolve([api, dashboard]);
        },
      }),
    );
    reading.then(() => up.reject(new Error(`The program has ended:\n${this.#log}`)));
    return up.promise;
  }

  /** The end of its log. */
  get log(): string {
    return this.#log;
  }

  get isAlive(): boolean {
    return this.#ended === undefined;
  }

  /** Resident memory now and at most, MB; processor time, seconds. By cat, as Deno keeps /proc to itself. */
  async usage(): Promise<{ readonly rssMb: number; readonly peakMb: number; readonly cpuS: number }> {
    const [status, stat] = await Promise.all(["status", "stat"].map((file) => this.#proc(file)));
    const mb = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status!)?.[1]) / 1024);
    // Fields after the name in brackets: the 12th and 13th are user and system time in hundredths of a second.
    const fields = (stat!.split(") ")[1] ?? "").split(" ");
    return { rssMb: mb("VmRSS"), peakMb: mb("VmHWM"), cpuS: (Number(fields[11]) + Number(fields[12])) / 100 };
  }

  async #proc(file: string): Promise<string> {
    return text((await new Deno.Command("cat", { args: [`/proc/${this.child.pid}/${file}`] }).output()).stdout);
  }

  /** Has it write its last checkpoint and end; its exit code. */
  async stop(): Promise<number> {
    this.child.kill("SIGTERM");
    return (await this.child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isAlive) this.child.kill("SIGKILL");
    await this.child.status;
  }
}

function settings(dataDir: string): Record<string, string> {
  return {
    FRESHET_DATA_DIR: dataDir,
    FRESHET_API_PORT: "0",
    FRESHET_DASHBOARD_PORT: "0",
    FRESHET_LOG_FORMAT: "json",
  };
}

/** What a verb of the program writes, run to its end on a data folder. Fails when it fails. */
export async function freshet(dataDir: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, ...args],
    cwd: dataDir,
    env: { ...SHIPPED_ENV, ...settings(dataDir) },
    stdin: "null",
  }).output();
  assertEquals(code, 0, text(stderr) + text(stdout));
  return text(stdout);
}
