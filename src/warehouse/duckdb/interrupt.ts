// Interrupts what a connection runs once a signal is aborted. Must not know what a query may do.

import type { DuckDBConnection } from "@duckdb/node-api";

/** How often an interrupt is repeated, milliseconds: DuckDB forgets one that comes just before a statement starts. */
const INTERRUPT_EVERY_MS = 20;

/** Watches the signal, which is not aborted yet, until it is disposed of. */
export function interruptAt(signal: AbortSignal, connection: DuckDBConnection): Disposable {
  let repeated: ReturnType<typeof setInterval> | undefined;
  const interrupt = () => connection.interrupt();
  const begin = () => {
    interrupt();
    repeated = setInterval(interrupt, INTERRUPT_EVERY_MS);
  };
  signal.addEventListener("abort", begin, { once: true });
  return {
    [Symbol.dispose]() {
      signal.removeEventListener("abort", begin);
      clearInterval(repeated);
    },
  };
}
