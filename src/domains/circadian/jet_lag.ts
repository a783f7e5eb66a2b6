// A plan that shifts the body clock day by day, to another time zone or to another time of waking: when to sleep, when to seek
// light and when to avoid it. A pure function. General guidance from published rules, not medical advice.
//
// Light after the minimum of core body temperature advances the body clock, light before it delays it. Source: S. B. S. Khalsa,
// M. E. Jewett, C. Cajochen, C. A. Czeisler, "A phase response curve to single bright light pulses in human subjects",
// J Physiol 2003; 549(3): 945-952.

import { z } from "zod";
import { hoursBetween, ofDay } from "./clock_time.ts";
import { NOTE, type Recommendation } from "./recommendation.ts";

/**
 * Hours that the body clock can be shifted a day. Re-entrainment after flights goes at about 57 minutes a day eastwards and 92
 * westwards: J. Aschoff, K. Hoffmann, H. Pohl, R. Wever, "Re-entrainment of circadian rhythms after phase-shifts of the
 * Zeitgeber", Chronobiologia 1975; 2: 23-78. Advancing sleep by 2 hours a day outran the clock, by 1 did not: C. I. Eastman
 * et al., "Advancing circadian rhythms before eastward flight", Sleep 2005; 28(1): 33-44.
 */
export const ADVANCE_HOURS_A_DAY = 1;
export const DELAY_HOURS_A_DAY = 1.5;

/**
 * Hours of bright light next to sleep, and of dim light on its other side. Morning light of about 3.5 hours was used to
 * advance by Eastman et al. 2005; by Khalsa et al. 2003 both stay on their side of the minimum.
 */
const LIGHT_HOURS = 3;

/** Below this nothing has to be done, hours. */
const NEGLIGIBLE_HOURS = 0.5;

const HOUR_MS = 3_600_000;

export interface PlanOptions {
  /** IANA time zone to adjust to. */
  readonly targetZone: string;
  /** Wished time of waking there by the local clock, hours from midnight; what the user is used to when left out. */
  readonly targetWake?: number;
  /** Epoch milliseconds: the plan begins with the next sleep. */
  readonly now: number;
}

const instant = z.string().meta({ description: "ISO 8601 to the minute, with the offset of the target zone" });
const Interval = z.object({ from: instant, to: instant });

const PlanDay = z.object({
  day: z.int().min(1),
  shifted_hours: z.number().meta({ description: "How far the body clock is shifted after this day" }),
  sleep: Interval,
  cbt_min: instant.meta({ description: "Estimated minimum of core body temperature" }),
  seek_light: Interval,
  avoid_light: Interval,
});
type PlanDay = z.infer<typeof PlanDay>;

/** A plan to shift the body clock. */
export const ShiftPlan = z.object({
  from_zone: z.string(),
  target_zone: z.string(),
  direction: z.enum(["advance", "delay", "none"]).meta({
    description: "To earlier, to later, or none when the body clock is there already",
  }),
  shift_hours: z.number(),
  hours_a_day: z.number(),
  days: z.array(PlanDay),
  note: z.string(),
});
export type ShiftPlan = z.infer<typeof ShiftPlan>;

/** What the body clock must do, in hours. */
interface Shift {
  readonly direction: ShiftPlan["direction"];
  readonly hours: number;
  readonly rate: number;
}

/**
 * The quicker of the two ways round: `ahead` is how much earlier the body must be, in [-12, 12). So far eastwards, where
 * advancing would take longer than delaying the rest of the day, it says delay.
 */
function quickerShift(ahead: number): Shift {
  if (Math.abs(ahead) < NEGLIGIBLE_HOURS) return { direction: "none", hours: 0, rate: 0 };
  const [advance, delay] = [ofDay(ahead), ofDay(-ahead)];
  return advance / ADVANCE_HOURS_A_DAY <= delay / DELAY_HOURS_A_DAY
    ? { direction: "advance", hours: advance, rate: ADVANCE_HOURS_A_DAY }
    : { direction: "delay", hours: delay, rate: DELAY_HOURS_A_DAY };
}

/**
 * The plan from the user's recommendation. Throws `RangeError` for a target zone that does not exist.
 *
 * The shift is measured on the day the plan begins, with the offset that the target zone has then.
 */
export function shiftPlan(from: Recommendation, { targetZone, targetWake, now }: PlanOptions): ShiftPlan {
  const { phase } = from;
  const sleepMs = phase.sleep_hours * HOUR_MS;
  const firstWake = nextTimeOfDay(phase.wake_utc, now + sleepMs + ADVANCE_HOURS_A_DAY * HOUR_MS);
  const offset = at(firstWake, targetZone).offsetNanoseconds / 1e6 / HOUR_MS;
  const wakeThere = ofDay((targetWake ?? phase.wake_local) - offset);
  const { direction, hours, rate } = quickerShift(hoursBetween(phase.wake_utc, wakeThere));
  const count = rate === 0 ? 0 : Math.ceil(hours / rate - 1e-9);
  return {
    from_zone: from.time_zone,
    target_zone: targetZone,
    direction,
    shift_hours: tenth(hours),
    hours_a_day: rate,
    days: Array.from({ length: count }, (_, i) => {
      const shifted = Math.min(hours, rate * (i + 1));
      const wake = firstWake + (24 * i + (direction === "advance" ? -shifted : shifted)) * HOUR_MS;
      return planDay({
        day: i + 1,
        shifted,
        wake,
        sleepMs,
        direction,
        beforeWake: phase.cbt_min_before_wake,
        targetZone,
      });
    }),
    note: NOTE,
  };
}

interface DayOptions {
  readonly day: number;
  readonly shifted: number;
  /** Epoch milliseconds. */
  readonly wake: number;
  readonly sleepMs: number;
  readonly direction: ShiftPlan["direction"];
  readonly beforeWake: number;
  readonly targetZone: string;
}

function planDay({ day, shifted, wake, sleepMs, direction, beforeWake, targetZone }: DayOptions): PlanDay {
  const bed = wake - sleepMs;
  const stretch = (start: number, end: number) => ({ from: isoIn(start, targetZone), to: isoIn(end, targetZone) });
  const evening = stretch(bed - LIGHT_HOURS * HOUR_MS, bed);
  const morning = stretch(wake, wake + LIGHT_HOURS * HOUR_MS);
  return {
    day,
    shifted_hours: tenth(shifted),
    sleep: stretch(bed, wake),
    cbt_min: isoIn(wake - beforeWake * HOUR_MS, targetZone),
    seek_light: direction === "advance" ? morning : evening,
    avoid_light: direction === "advance" ? evening : morning,
  };
}

/** The first instant from `notBefore` on at which UTC clocks show `hour`. Epoch milliseconds. */
function nextTimeOfDay(hour: number, notBefore: number): number {
  const day = 24 * HOUR_MS;
  const onDay = Math.floor(notBefore / day) * day + hour * HOUR_MS;
  return onDay >= notBefore ? onDay : onDay + day;
}

function at(timeMs: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(Math.round(timeMs)).toZonedDateTimeISO(timeZone);
}

/** To the minute, with the zone's offset: `2026-03-29T06:30+02:00`. */
function isoIn(timeMs: number, timeZone: string): string {
  return at(timeMs, timeZone).toString({ smallestUnit: "minute", roundingMode: "halfExpand", timeZoneName: "never" });
}

const tenth = (hours: number) => Math.round(hours * 10) / 10;
