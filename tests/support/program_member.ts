// The real program in a process of its own, for tests that take it away and start it again: what it says of one domain, and
// whether it has exited unasked.

import type { StatusAnswer } from "../../src/http/status_route.ts";
import type { DomainStatus } from "../../src/engine/status.ts";
import { findRunning, type RunningInstance } from "../../src/run_file.ts";
import { FRESHET } from "./shipped.ts";

export class ProgramMember implements AsyncDisposable {
  readonly name: string;
  readonly #dataDir = Deno.makeTempDirSync({ prefix: "freshet_member_" });
  #child: Deno.ChildProcess | undefined;
  #instance: RunningInstance | undefined;
  #exited: number | undefined;

  /** `args` are those of `freshet run`; the settings need not say anything of folder and ports. */
  constructor(readonly args: readonly string[], readonly env: Readonly<Record<string, string>>) {
    this.name = env.KAFKA_GROUP_INSTANCE_ID ?? "a member";
  }

  /** The code with which it exited without being told to. */
  get exited(): number | undefined {
    return this.#exited;
  }

  start(): void {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, "run", ...this.args, "--no-simulate"],
      env: {
        ...this.env,
        FRESHET_DATA_DIR: this.#dataDir,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
        FRESHET_LOG_LEVEL: "warning",
      },
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#child = child;
    this.#instance = undefined;
    child.status.then(({ code }) => {
      if (this.#child === child) this.#exited = code;
    });
  }

  /** Resolves with the exit code, once it has ended by itself. */
  async ended(): Promise<number> {
    const { code } = await this.#child!.status;
    return code;
  }

  /** Ends it, and resolves with its exit code. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    const child = this.#child!;
    this.#child = undefined;
    child.kill(signal);
    const { code } = await child.status;
    return code;
  }

  /** What it says of its first domain; nothing while it cannot be asked. */
  async status(): Promise<DomainStatus | undefined> {
    try {
      this.#instance ??= await findRunning(this.#dataDir);
      if (this.#instance === undefined) return undefined;
      const answer = await fetch(`${this.#instance.url}/api/status`);
      const { domains }: StatusAnswer = await answer.json();
      return domains[0];
    } catch {
      this.#instance = undefined;
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== undefined && this.#exited === undefined) await this.end("SIGKILL").catch(() => {});
    await Deno.remove(this.#dataDir, { recursive: true });
  }
}
