// The program. The only file that touches the process: its arguments, environment, streams, signals and exit code.
import { type Host, type Output, runCommandLine, stopSignals } from "./src/cli/mod.ts";
import { systemClock } from "./src/clock.ts";
import { realParts } from "./src/real_parts.ts";

function output(stream: { writeSync(bytes: Uint8Array): number; isTerminal(): boolean }): Output {
  const encoder = new TextEncoder();
  let open = true;
  return {
    isTerminal: stream.isTerminal(),
    columns: stream.isTerminal() ? Deno.consoleSize().columns : 80,
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

const stopping = stopSignals({ now: () => performance.now(), leave: (code) => Deno.exit(code) });
for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => stopping.receive(name));

const host: Host = {
  args: Deno.args,
  env: Deno.env.toObject(),
  pid: Deno.pid,
  clock: systemClock,
  stdin: Deno.stdin.readable,
  stdout: output(Deno.stdout),
  stderr: output(Deno.stderr),
  signal: stopping.signal,
  exit: (code) => Deno.exit(code),
};

Deno.exit(await runCommandLine(host, realParts));
