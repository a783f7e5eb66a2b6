// What signals mean: the first asks the program to end in good order, a second makes it leave at once. A failure that nothing
// caught asks for the same: the pipelines write their last checkpoint before it ends the program.
// Knows nothing of how signals and failures arrive: main.ts hands them in.
import { loggerFor } from "../logging.ts";
import { SignalReceived, UncaughtFailure } from "./host.ts";

/**
 * One press of Ctrl-C reaches the program more than once when it runs under `deno task` or `npx`: the terminal signals
 * all of them, and they pass it on. Within this time of the first, the same signal is the same press.
 */
const SAME_PRESS_MS = 250;

export interface StopSignals {
  /** Aborted by the first signal or failure; the reason is a `SignalReceived` or an `UncaughtFailure`. */
  readonly signal: AbortSignal;
  receive(name: SignalReceived["signalName"]): void;
  /** Something failed that nothing caught. Those that follow the first are mostly its consequences. */
  fail(error: unknown): void;
}

/** Failures that are told: one brings others along. */
const MAX_TOLD = 10;

/** `now` in milliseconds; `leave` ends the process. */
export function stopSignals(
  { now, leave }: { readonly now: () => number; readonly leave: (exitCode: number) => void },
): StopSignals {
  const stopping = new AbortController();
  let failures = 0;
  let first: { readonly name: string; readonly at: number } | undefined;
  return {
    signal: stopping.signal,
    fail(error) {
      const failure = new UncaughtFailure(error);
      if (++failures <= MAX_TOLD) tell(failure);
      stopping.abort(failure);
    },
    receive(name) {
      const received = new SignalReceived(name);
      if (first === undefined) {
        first = { name, at: now() };
        stopping.abort(received);
      } else if (name !== first.name || now() - first.at > SAME_PRESS_MS) leave(received.exitCode);
    },
  };
}

/** At once, for the run drains before it ends with it. */
function tell({ message, cause }: UncaughtFailure): void {
  const stack = cause instanceof Error ? cause.stack ?? "" : "";
  const where = stack.split("\n").slice(1, 3).map((line) => line.trim()).join(" ");
  loggerFor("run").error("{message}: the run writes a last checkpoint and ends", { message, where });
}
