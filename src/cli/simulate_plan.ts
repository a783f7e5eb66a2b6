// What the options of `simulate` mean: where event time begins and ends, and how fast it goes.
import type { Simulator } from "../../simulators/mod.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import type { Domain } from "../domains/domain.ts";
import { UsageError } from "./context.ts";
import type { Plan } from "./simulation.ts";
import { demoStart, hurriedStart } from "./simulation_start.ts";

const DAY_MS = 86_400_000;

/** Options as given. */
export interface SimulateFlags {
  readonly rate?: number;
  readonly count?: number;
  readonly seed: number;
  readonly bad: number;
  readonly days?: number;
  readonly perDay?: number;
  readonly speed?: number;
  /** Left open: load a history on the embedded log. */
  readonly load?: boolean;
  /** Post the records there instead. */
  readonly http?: URL;
  /** With `http`: how many are posted at once. */
  readonly connections?: number;
}

interface PlanBasis {
  readonly simulator: Pick<Simulator, "sources" | "intervalMs" | "historyIntervalMs" | "demoDays" | "generate">;
  /** Where the topic's end is looked up; absent when the records go elsewhere. */
  readonly log?: Log;
  readonly domain: Pick<Domain, "topic">;
  readonly clock: Clock;
}

/**
 * What the options mean. Rate, speed and interval are tied: `rate = sources · speed / interval`.
 * Throws `UsageError` for options that say it twice, and for a beginning before 1970.
 */
export async function makePlan(flags: SimulateFlags, basis: PlanBasis): Promise<Plan> {
  const plan = await planOf(flags, basis);
  // Logs have no timestamps before the epoch, and calendars end somewhere.
  if (plan.start >= 0) return plan;
  throw new UsageError(
    `That would begin before 1970: give ${flags.days === undefined ? "a smaller --count" : "fewer --days"}`,
  );
}

/**
 * Where to begin so that `count` records are all dated before `now`, and the last of them shortly before. They do not come evenly:
 * at night there are fewer than on the average.
 */
function startOf(
  { count, seed, intervalMs }: { readonly count: number; readonly seed: number; readonly intervalMs: number },
  { sources, generate }: PlanBasis["simulator"],
  now: number,
): number {
  let span = count * intervalMs / sources;
  let enough: number | undefined;
  while (now - span >= 0) {
    let [made, last] = [0, now - span];
    for (const { timestamp } of generate({ seed, start: now - span, intervalMs })) {
      if (timestamp > now) break;
      last = timestamp;
      if (++made === count) break;
    }
    if (made === count) {
      enough = span;
      const left = now - last;
      if (left <= span / 20) break;
      span -= left * 0.9;
    } else {
      if (enough !== undefined) break;
      span *= Math.max(1.02, count / Math.max(1, made));
    }
  }
  return now - (enough ?? span);
}

async function planOf(flags: SimulateFlags, basis: PlanBasis): Promise<Plan> {
  const { rate, count, seed, bad, days, perDay, speed } = flags;
  const { sources, intervalMs, historyIntervalMs = intervalMs } = basis.simulator;
  const hurriedStartOf = () => {
    if (basis.log) return hurriedStart(basis.log, basis.domain.topic, basis.clock);
    throw new UsageError("--speed with --http needs --days: nobody says how far back to begin");
  };
  const now = basis.clock.now();
  const common = { seed, bad, count, intervalMs };
  if (days !== undefined) {
    if (rate !== undefined && speed !== undefined) {
      throw new UsageError("--rate and --speed say the same with --days: give one of them");
    }
    const interval = perDay === undefined ? historyIntervalMs : DAY_MS * sources / perDay;
    const paced = rate === undefined ? speed ?? Infinity : rate * interval / (sources * 1000);
    const start = now - days * DAY_MS;
    return { ...common, intervalMs: interval, history: true, natural: true, start, until: now, speed: paced };
  }
  if (perDay !== undefined) throw new UsageError("--per-day is about a history: give --days too");
  if (rate !== undefined) {
    const factor = speed ?? 1;
    const start = factor === 1 ? now : await hurriedStartOf();
    return { ...common, start, speed: factor, intervalMs: sources * 1000 * factor / rate };
  }
  // Over HTTP there is no topic to look into: as many as there would be, dated now.
  if (!basis.log && count === undefined && speed === undefined) {
    return { ...common, natural: true, start: now, speed: 1 };
  }
  if (count !== undefined) {
    const start = startOf({ count, seed, intervalMs }, basis.simulator, now);
    return { ...common, start, speed: speed ?? Infinity };
  }
  if (speed !== undefined) return { ...common, natural: true, start: await hurriedStartOf(), speed };
  const start = await demoStart(basis.log!, basis.domain.topic, { now, days: basis.simulator.demoDays });
  return { ...common, natural: true, start, speed: Infinity };
}
