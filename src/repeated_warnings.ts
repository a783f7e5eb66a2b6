// A client's own chatter: a warning that comes once is a detail, one that keeps coming is news.
import type { Logger } from "@logtape/logtape";
import type { Clock } from "./clock.ts";

/** A warning is shown when it still comes so long after it first did. */
const LASTING_MS = 5_000;
/** And then no more often than this. */
const EVERY_MS = 60_000;
const MAX_REMEMBERED = 100;

interface Seen {
  readonly firstAt: number;
  shownAt: number;
}

/** Takes warnings in; those that do not last go to the debug level. */
export function repeatedWarnings(logger: Logger, clock: Clock): (message: string) => void {
  const seen = new Map<string, Seen>();
  return (message) => {
    const now = clock.monotonic();
    const before = seen.get(message);
    if (!before || now - Math.max(before.firstAt, before.shownAt) > 2 * EVERY_MS) {
      if (seen.size >= MAX_REMEMBERED) seen.clear();
      seen.set(message, { firstAt: now, shownAt: -Infinity });
      return logger.debug("{message}", { message });
    }
    if (now - before.firstAt < LASTING_MS || now - before.shownAt < EVERY_MS) {
      return logger.debug("{message}", { message });
    }
    before.shownAt = now;
    logger.warn("{message}", { message });
  };
}
