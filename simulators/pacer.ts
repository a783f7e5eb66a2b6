// Maps event time to wall time: hands out simulated records when they are due. Knows nothing of what they say.
import type { Clock } from "../src/clock.ts";
import type { SimulatedRecord } from "./simulator.ts";

export interface PaceOptions {
  /** Event time at which the simulation starts, epoch milliseconds. */
  readonly start: number;
  /** Seconds of event time in a second of wall time; `Infinity` for as fast as they are taken. */
  readonly speed: number;
  /** Stop after this many records. */
  readonly count?: number;
  /** Stop before the first record at or after this event time, epoch milliseconds. */
  readonly until?: number;
  /** At most this many records at a time. */
  readonly batchRecords?: number;
  /** While waiting, records of this long are gathered, in wall milliseconds. */
  readonly tickMs?: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Batches of records, each when its time has come. Event time runs at `speed` until it reaches the wall clock and goes
 * on with the wall clock from there: no record is ever handed out before its own timestamp.
 * Ends when the signal is aborted, or as `count` and `until` say.
 */
export async function* paced(
  records: Iterator<SimulatedRecord>,
  options: PaceOptions,
): AsyncGenerator<readonly SimulatedRecord[], void, undefined> {
  const { start, speed, clock, signal, count = Infinity, until = Infinity, batchRecords = 1000, tickMs = 200 } =
    options;
  const wallStart = clock.now();
  let left = count;
  let next = records.next();
  try {
    while (left > 0 && !signal.aborted && !next.done && next.value.timestamp < until) {
      const now = clock.now();
      const dueEventTime = speed === Infinity ? now : Math.min(now, start + (now - wallStart) * speed);
      const batch: SimulatedRecord[] = [];
      const most = Math.min(batchRecords, left);
      while (
        batch.length < most && !next.done && next.value.timestamp <= dueEventTime && next.value.timestamp < until
      ) {
        batch.push(next.value);
        next = records.next();
      }
      if (batch.length > 0) {
        left -= batch.length;
        yield batch;
      }
      if (batch.length < most && left > 0 && !next.done && next.value.timestamp < until) {
        const dueIn = Math.max(
          next.value.timestamp - now,
          speed === Infinity ? 0 : (next.value.timestamp - dueEventTime) / speed,
        );
        await clock.sleep(Math.max(dueIn, tickMs), signal).catch(() => {});
      }
    }
  } finally {
    records.return?.();
  }
}
