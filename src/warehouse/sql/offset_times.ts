// Times as FRESHET_OFFSETS keeps them. The log's own timestamp of a record is whatever a producer sent, nanoseconds or worse,
// and what a topic is recognised by, so it must come back as it was. Must not know any warehouse.

/** Microseconds since the epoch; `null` for what is not known. */
export function micros(ms: number | null): number | null {
  return ms === null || !Number.isFinite(ms) ? null : Math.round(ms * 1000);
}

/** Milliseconds out of a cell of microseconds. */
export function millis(cell: unknown): number | null {
  return cell === null || cell === undefined ? null : Number(cell) / 1000;
}

/** The days that every warehouse has: from the Gregorian calendar's first to the last of year 9999, epoch milliseconds. */
const [FIRST, BEHIND_LAST] = [Date.UTC(1582, 9, 15), Date.UTC(10_000, 0, 1)];

/** The most and the least that a BIGINT holds, which are the most and least of Kafka's timestamps too. */
const [MAX_BIGINT, MIN_BIGINT] = [2n ** 63n - 1n, -(2n ** 63n)];

/** The cells of `LAST_TIMESTAMP` and `LAST_TIMESTAMP_MS`, of which at most one is not NULL. */
export interface TimestampCells {
  /** A time, epoch milliseconds. */
  readonly time: number | null;
  /** What is no time, as a whole number. */
  readonly ms: string | null;
}

/** Splits it up. `ms`: epoch milliseconds, as the log says. */
export function timestampCells(ms: number | null): TimestampCells {
  if (ms === null || !Number.isFinite(ms)) return { time: null, ms: null };
  if (ms >= FIRST && ms < BEHIND_LAST) return { time: ms, ms: null };
  const whole = BigInt(Math.round(ms));
  return { time: null, ms: String(whole > MAX_BIGINT ? MAX_BIGINT : whole < MIN_BIGINT ? MIN_BIGINT : whole) };
}

/** Puts it together again; of an older Freshet there is the time alone. */
export function timestampOf(time: number | null, ms: unknown): number | null {
  return time ?? (ms === null || ms === undefined ? null : Number(ms));
}
