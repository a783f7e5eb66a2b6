// The program. The only file that touches the process: its arguments, environment, streams, signals and exit code.
import { type Host, type Output, QueuedOutput, readSecretLine, runCommandLine, stopSignals } from "./src/cli/mod.ts";
import { systemClock } from "./src/clock.ts";
import { productionParts } from "./src/wiring.ts";

function output(stream: { writeSync(bytes: Uint8Array): number; isTerminal(): boolean }): Output {
  const encoder = new TextEncoder();
  let open = true;
  return {
    isTerminal: stream.isTerminal(),
    // Asked each time: windows change their size.
    get columns() {
      return this.isTerminal ? Deno.consoleSize().columns : 80;
    },
    write(text) {
      for (let rest = encoder.encode(text); open && rest.length > 0;) {
        try {
          rest = rest.subarray(stream.writeSync(rest));
        } catch (error) {
          // The reader has gone (`… | head`): nobody is left to tell.
          if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
          open = false;
        }
      }
    },
  };
}

/** A terminal shows each line at once. Elsewhere nobody may be reading, and the pipelines must not wait for that. */
const logPipe = Deno.stderr.isTerminal() ? undefined : new QueuedOutput({ write: (bytes) => Deno.stderr.write(bytes) });
const stderr: Output = logPipe
  ? { isTerminal: false, columns: 80, write: (text) => logPipe.write(text) }
  : output(Deno.stderr);

/** What has to be said before the process ends: somebody who reads has read it by then. */
const LAST_WORDS_MS = 1_000;

/** Asks on the terminal; what is typed is not shown. */
async function askSecret(question: string): Promise<string> {
  const bytes = new Uint8Array(1024);
  // Raw before the question is seen: what is typed at once must not be echoed.
  Deno.stdin.setRaw(true);
  try {
    stderr.write(question);
    return await readSecretLine(async () => {
      const size = await Deno.stdin.read(bytes);
      return size === null ? null : bytes.slice(0, size);
    });
  } finally {
    Deno.stdin.setRaw(false);
    stderr.write("\n");
  }
}

const stopping = stopSignals({ now: () => performance.now(), leave: (code) => Deno.exit(code) });
// Windows has no SIGTERM; a terminal that is closed sends SIGHUP everywhere.
const signals = ["SIGINT", "SIGHUP", ...(Deno.build.os === "windows" ? [] : ["SIGTERM" as const])] as const;
for (const name of signals) Deno.addSignalListener(name, () => stopping.receive(name));

// A promise that nobody awaits, or a callback of a timer or a driver, must not end the pipelines in the middle of their work.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stopping.fail(event.reason);
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  stopping.fail(event.error ?? event.message);
});

// Read by Snowflake's driver when it is imported: it would ask cloud metadata services where it runs, and load native code.
Deno.env.set("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true");
Deno.env.set("SNOWFLAKE_DISABLE_MINICORE", "true");

const host: Host = {
  args: Deno.args,
  env: Deno.env.toObject(),
  pid: Deno.pid,
  clock: systemClock,
  stdin: Deno.stdin.readable,
  stdout: output(Deno.stdout),
  stderr,
  ...(Deno.stdin.isTerminal() ? { askSecret } : {}),
  signal: stopping.signal,
  dropPermissions(names) {
    for (const name of names) Deno.permissions.revokeSync({ name });
  },
  exit(code) {
    // What is under way is written by another thread.
    if (logPipe?.isWriting) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_WORDS_MS);
    Deno.exit(code);
  },
};

const code = await runCommandLine(host, productionParts);
await logPipe?.flush(LAST_WORDS_MS);
Deno.exit(code);
