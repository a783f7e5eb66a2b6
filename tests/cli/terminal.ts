// A host for tests of the command line: arguments in, text and exit code out, in a folder of its own.
import { type Host, runCommandLine } from "../../src/cli/mod.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { productionParts } from "../../src/wiring.ts";
import type { Parts } from "../../src/parts.ts";

export interface Session {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly parts?: Parts;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** A terminal of so many characters; without it both outputs are piped. */
  readonly columns?: number;
  /** Answers of somebody at a terminal, one after the other. */
  readonly secrets?: readonly string[];
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A data folder that goes away with the test. */
export class Terminal implements AsyncDisposable {
  private constructor(readonly dataDir: string) {}

  static async open(): Promise<Terminal> {
    return new Terminal(await Deno.makeTempDir({ prefix: "freshet_cli_" }));
  }

  /** Runs the command line with the folder as its data folder and no other setting but those given. */
  async run(args: readonly string[], session: Session = {}): Promise<Outcome> {
    let stdout = "";
    let stderr = "";
    const secrets = [...session.secrets ?? []];
    const host: Host = {
      args,
      env: {
        FRESHET_DATA_DIR: this.dataDir,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
        FRESHET_TOPIC_PARTITIONS: "2",
        ...session.env,
      },
      pid: Deno.pid,
      clock: session.clock ?? systemClock,
      stdin: new Blob([session.stdin as BlobPart ?? ""]).stream(),
      stdout: {
        isTerminal: session.columns !== undefined,
        columns: session.columns ?? 80,
        write: (text) => void (stdout += text),
      },
      stderr: { isTerminal: false, columns: 80, write: (text) => void (stderr += text) },
      ...(session.secrets ? { askSecret: () => Promise.resolve(secrets.shift() ?? "") } : {}),
      signal: session.signal ?? new AbortController().signal,
      exit: (code) => {
        throw new Error(`Left with exit code ${code}`);
      },
    };
    const code = await runCommandLine(host, session.parts ?? productionParts);
    return { code, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dataDir, { recursive: true });
  }
}
