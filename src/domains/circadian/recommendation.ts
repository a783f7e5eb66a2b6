// From a user's recent sleep to an estimate of the body clock's phase, and to advice on sleep and light. A pure function of the
// sleeps: it must not look at the clock on the wall. General guidance from published rules, not medical advice.

import { z } from "zod";
import { circularSummary, clockText, ofDay } from "./clock_time.ts";
import { mainSleeps, type Sleep } from "./sleep_history.ts";

/** Nights that the estimate is made of: the newest ones. A week, so that workdays and days off both count. */
export const NIGHTS = 7;

const hour = z.number().min(0).max(24);
const clock = z.string().regex(/^\d\d:\d\d$/).meta({ description: "HH:MM by the local clock" });

/** The body clock, as far as sleep shows it. Hours of the day are in [0, 24). */
export const Phase = z.object({
  wake_utc: hour.meta({
    description: "Habitual waking as an hour of UTC: goes with the body, whatever the clocks show where the user is",
  }),
  wake_local: hour.meta({
    description: "Habitual waking as an hour of the clocks that the user lived by: what the user is used to",
  }),
  sleep_hours: z.number().min(0).max(24),
  cbt_min_utc: hour.meta({ description: "Minimum of core body temperature, as an hour of UTC" }),
  cbt_min_before_wake: z.number().meta({ description: "How long before habitual waking that is, hours" }),
});

/** A stretch of every day; it may go past midnight. */
const DailyStretch = z.object({ from: clock, to: clock });

/** How much light a stretch of the day should have, as melanopic equivalent daylight illuminance at the eye. */
const LightStretch = DailyStretch.extend({
  at_least_lux: z.number().optional(),
  at_most_lux: z.number().optional(),
});

const Advice = z.object({
  code: z.enum(["sleep_longer", "keep_regular", "keep_going", "eat_earlier", "more_daylight"]).meta({
    description: "Stable, safe to group by",
  }),
  text: z.string(),
});
export type Advice = z.infer<typeof Advice>;

/** Column `RECOMMENDATION` of the table `RECOMMENDATIONS`. */
export const Recommendation = z.object({
  time_zone: z.string().meta({ description: "Where the user woke up last; clock times are of this IANA time zone" }),
  as_of: z.string().meta({ description: "The newest waking that counted, ISO 8601, UTC" }),
  nights: z.int().min(1).meta({ description: "Nights that it is estimated from" }),
  phase: Phase,
  sleep: DailyStretch.meta({ description: "Habitual sleep as the body has it" }),
  cbt_min: clock,
  irregularity_hours: z.number().meta({
    description: "Circular standard deviation of the middle of sleep, as hours of UTC",
  }),
  light: z.object({ day: LightStretch, evening: LightStretch, night: LightStretch }),
  advice: z.array(Advice),
  note: z.string(),
});
export type Recommendation = z.infer<typeof Recommendation>;

/** Said with every recommendation. */
export const NOTE = "General guidance from published averages, not medical advice: people differ, ask a physician";

/**
 * Hours from the minimum of core body temperature to habitual waking: 3, or 2 for those who sleep 7 hours or less.
 * Source: C. I. Eastman, H. J. Burgess, "How to travel the world without jet lag", Sleep Med Clin 2009; 4(2): 241-255.
 */
export function cbtMinBeforeWake(sleepHours: number): number {
  return sleepHours > 7 ? 3 : 2;
}

/**
 * Hours of sleep that adults should have at least. Source: N. F. Watson et al., "Recommended amount of sleep for a healthy
 * adult", joint statement of AASM and SRS, Sleep 2015; 38(6): 843-844.
 */
const ENOUGH_SLEEP_HOURS = 7;

/**
 * Standard deviation of sleep timing above which sleep counts as irregular, hours. Source: T. Huang, S. Mariani, S. Redline,
 * "Sleep irregularity and risk of cardiovascular events", J Am Coll Cardiol 2020; 75(9): 991-999 (its lower groups end at
 * 30, 60 and 90 minutes).
 */
const IRREGULAR_HOURS = 1;

/**
 * Light by time of day, melanopic EDI in lux: at least 250 by day, at most 10 from 3 hours before bed, at most 1 in bed.
 * Source: T. M. Brown et al., "Recommendations for daytime, evening, and nighttime indoor light exposure to best support
 * physiology, sleep, and wakefulness in healthy adults", PLoS Biol 2022; 20(3): e3001571.
 */
const LIGHT = { day: 250, evening: 10, night: 1, eveningHours: 3 } as const;

/** The recommendation for somebody who has slept like this, newest first; `null` of no sleep. */
export function recommend(sleeps: readonly Sleep[]): Recommendation | null {
  const nights = mainSleeps(sleeps).slice(0, NIGHTS);
  const [newest] = nights;
  if (!newest) return null;
  const sleepHours = nights.reduce((sum, { hours }) => sum + hours, 0) / nights.length;
  const utc = circularSummary(nights.map(({ end }) => ofDay(end / 3_600_000)));
  const { sd: irregularity } = circularSummary(nights.map(({ end, hours }) => ofDay(end / 3_600_000 - hours / 2)));
  const beforeWake = cbtMinBeforeWake(sleepHours);
  // Of the newest night, so that the clock times are of where the user is now.
  const offset = newest.wakeHour - newest.end / 3_600_000;
  const wake = utc.mean + offset;
  const bed = wake - sleepHours;
  const stretch = (from: number, to: number) => ({ from: clockText(from), to: clockText(to) });
  return {
    time_zone: newest.timeZone,
    as_of: new Date(newest.end).toISOString(),
    nights: nights.length,
    phase: {
      wake_utc: hourOfDay(utc.mean),
      wake_local: hourOfDay(circularSummary(nights.map(({ wakeHour }) => wakeHour)).mean),
      sleep_hours: rounded(sleepHours),
      cbt_min_utc: hourOfDay(utc.mean - beforeWake),
      cbt_min_before_wake: beforeWake,
    },
    sleep: stretch(bed, wake),
    cbt_min: clockText(wake - beforeWake),
    irregularity_hours: rounded(irregularity),
    light: {
      day: { ...stretch(wake, bed - LIGHT.eveningHours), at_least_lux: LIGHT.day },
      evening: { ...stretch(bed - LIGHT.eveningHours, bed), at_most_lux: LIGHT.evening },
      night: { ...stretch(bed, wake), at_most_lux: LIGHT.night },
    },
    advice: adviceFor(sleepHours, irregularity),
    note: NOTE,
  };
}

function adviceFor(sleepHours: number, irregularity: number): Advice[] {
  const advice: Advice[] = [];
  if (sleepHours < ENOUGH_SLEEP_HOURS) {
    advice.push({
      code: "sleep_longer",
      text: `You sleep ${
        sleepHours.toFixed(1)
      } hours; adults should have at least ${ENOUGH_SLEEP_HOURS}: go to bed earlier`,
    });
  }
  if (irregularity > IRREGULAR_HOURS) {
    advice.push({
      code: "keep_regular",
      text: `Your sleep moves by ${
        irregularity.toFixed(1)
      } hours: go to bed and get up at the same times on every day of the week`,
    });
  }
  if (advice.length === 0) {
    advice.push({ code: "keep_going", text: "Your sleep is long and regular enough: keep to its times" });
  }
  return advice;
}

/** To a ten-thousandth of an hour: less than a second. */
const rounded = (hours: number) => Math.round(hours * 1e4) / 1e4;
const hourOfDay = (hour: number) => rounded(ofDay(hour)) % 24;
