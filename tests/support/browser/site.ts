// The real program with its dashboard, in a process and a data folder of its own, and a log to send records into.

import type { DomainStatus } from "../../../src/engine/status.ts";
import { openEmbeddedLog } from "../../../src/log/embedded.ts";
import type { Log } from "../../../src/log/log.ts";
import { FRESHET } from "../shipped.ts";
import { tellDashboard } from "../told.ts";

export interface SiteOptions {
  /** Arguments of `simulate` to fill the topics with beforehand. */
  readonly history?: readonly (readonly string[])[];
  /** Sends what the topics are to hold beforehand. */
  readonly fill?: (log: Log) => Promise<void>;
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of `run` beside `--no-simulate`. */
  readonly domains?: readonly string[];
}

export class Site implements AsyncDisposable {
  private constructor(
    readonly url: string,
    readonly log: Log,
    private readonly dataDir: string,
    private readonly child: Deno.ChildProcess,
    private readonly drained: Promise<void>,
  ) {}

  /** Resolves when the history is in the tables. */
  static async start({ history = [], fill, env = {}, domains = [] }: SiteOptions = {}): Promise<Site> {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet_browser_" });
    const settings = {
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_LOG_FORMAT: "json",
      ...env,
    };
    for (const args of history) {
      const { success, stderr } = await program(["simulate", ...args], settings).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
    }
    if (fill !== undefined) {
      await using log = await openEmbeddedLog({ dataDir });
      await fill(log);
    }
    const child = program(["run", ...domains, "--no-simulate"], settings).spawn();
    const up = Promise.withResolvers<string>();
    const drained = tellDashboard(child.stderr, up);
    const url = await up.promise;
    const site = new Site(url, await openEmbeddedLog({ dataDir }), dataDir, child, drained);
    await site.caughtUp();
    return site;
  }

  /** Waits until everything that is in the topics is in the tables. */
  async caughtUp(): Promise<void> {
    const { url, token } = JSON.parse(await Deno.readTextFile(`${this.dataDir}/freshet.run.json`)) as RunFile;
    while (true) {
      const answer = await fetch(`${url}/api/status`, { headers: { authorization: `Bearer ${token}` } });
      const { domains } = await answer.json() as { readonly domains: readonly DomainStatus[] };
      const done = domains.every(({ phase, partitions }) =>
        phase === "running" && partitions.length > 0 &&
        partitions.every(({ nextOffset, highOffset }) => highOffset !== null && nextOffset >= highOffset)
      );
      if (done) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async produce(topic: string, key: string, value: unknown): Promise<void> {
    await this.log.produce(topic, [{ key, value: JSON.stringify(value) }]);
  }

  /** Holds the program still: its sockets stay, and nobody answers. */
  freeze(): void {
    this.child.kill("SIGSTOP");
  }

  thaw(): void {
    this.child.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.log[Symbol.asyncDispose]();
    this.child.kill("SIGTERM");
    await this.child.status;
    await this.drained;
    await Deno.remove(this.dataDir, { recursive: true });
  }
}

interface RunFile {
  readonly url: string;
  readonly token: string;
}

function program(args: readonly string[], env: Readonly<Record<string, string>>): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, ...args],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
}
