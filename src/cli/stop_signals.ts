// What signals mean: the first asks the program to end in good order, a second makes it leave at once.
// Knows nothing of how signals arrive: main.ts hands them in.
import { SignalReceived } from "./host.ts";

/**
 * One press of Ctrl-C reaches the program more than once when it runs under `deno task` or `npx`: the terminal signals
 * all of them, and they pass it on. Within this time of the first, the same signal is the same press.
 */
const SAME_PRESS_MS = 250;

export interface StopSignals {
  /** Aborted by the first signal; the reason is a `SignalReceived`. */
  readonly signal: AbortSignal;
  receive(name: SignalReceived["signalName"]): void;
}

/** `now` in milliseconds; `leave` ends the process. */
export function stopSignals(
  { now, leave }: { readonly now: () => number; readonly leave: (exitCode: number) => void },
): StopSignals {
  const stopping = new AbortController();
  let first: { readonly name: string; readonly at: number } | undefined;
  return {
    signal: stopping.signal,
    receive(name) {
      const received = new SignalReceived(name);
      if (first === undefined) {
        first = { name, at: now() };
        stopping.abort(received);
      } else if (name !== first.name || now() - first.at > SAME_PRESS_MS) leave(received.exitCode);
    },
  };
}
