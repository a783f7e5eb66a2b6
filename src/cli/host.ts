// The outside world as the command line sees it: arguments, environment, streams, signals, time. main.ts makes the real
// one, tests make their own. Nothing under src/ reaches for any of it in another way.
import type { Clock } from "../clock.ts";

/** Where text goes. Writing never fails: when the reader has gone, the rest is dropped. */
export interface Output {
  readonly isTerminal: boolean;
  /** Width in characters; 80 where it cannot be known. */
  readonly columns: number;
  write(text: string): void;
}

/** What a program is started with. */
export interface Host {
  /** Without the program's own name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly clock: Clock;
  readonly stdin: ReadableStream<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Asks on the terminal for what must not be seen; absent where nobody sits at one. */
  readonly askSecret?: (question: string) => Promise<string>;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP, with a `SignalReceived`, or by a failure that nothing caught, with an `UncaughtFailure`. */
  readonly signal: AbortSignal;
  /** Gives permissions of the process up for good: whatever runs in it has them no more. */
  readonly dropPermissions?: (names: readonly ("env" | "net")[]) => void;
  /** Leaves at once, whatever is under way. Only for shutdowns that do not end. */
  exit(code: number): never;
}

/** 128 and the signal's number, as shells count. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Why the program should end: something failed where nothing was there to catch it. The cause is what failed. */
export class UncaughtFailure extends Error {
  override readonly name = "UncaughtFailure";
  constructor(cause: unknown) {
    const what = cause instanceof Error ? cause.message || cause.name : String(cause);
    super(`Something failed that nothing in Freshet expected to: ${what}`, { cause });
  }
}

/** Why the program should end: the name of a signal, and the exit code that a shell expects for it. */
export class SignalReceived extends Error {
  override readonly name = "SignalReceived";
  constructor(readonly signalName: keyof typeof EXIT_CODES) {
    super(`Received ${signalName}`);
  }
  get exitCode(): number {
    return EXIT_CODES[this.signalName];
  }
}
