// When a user eats and how much light was measured, of the days before the newest sleep, and advice from it. Sleep is told by
// recommendation.ts. General guidance from published rules, not medical advice.

import { z } from "zod";
import { clockText, hoursBetween, ofDay } from "./clock_time.ts";
import type { Advice, Recommendation } from "./recommendation.ts";

/** Days that count, before the newest sleep. */
const DAYS = 14;

/**
 * A user's row: the recommendation, and what the two weeks before it have of meals and light. The last meal of a day goes
 * round the clock, so its mean is that of directions. `?` is the user, once.
 */
export const RECOMMENDATION_ROW = `WITH ASKED AS (
    SELECT USER_ID, RECOMMENDATION, UPDATED_AT, LAST_SLEEP_AT FROM RECOMMENDATIONS WHERE USER_ID = ?
  ),
  RECENT AS (
    SELECT
      P.USER_ID, P.LOCAL_DATE, P.TIME_ZONE,
      SUM(P.MEAL_COUNT) AS MEALS, MIN(P.FIRST_MEAL_AT) AS FIRST_AT, MAX(P.LAST_MEAL_AT) AS LAST_AT,
      SUM(P.LIGHT_COUNT) AS LIGHTS, SUM(P.LIGHT_LUX_HOURS) AS LUX_HOURS
    FROM ASKED AS A
    JOIN CIRCADIAN_DAILY_PARTS AS P ON P.USER_ID = A.USER_ID
      AND DATEDIFF('day', P.WINDOW_START, A.LAST_SLEEP_AT) <= ${DAYS}
    GROUP BY P.USER_ID, P.LOCAL_DATE, P.TIME_ZONE
  ),
  HABITS AS (
    SELECT
      USER_ID,
      COUNT(CASE WHEN MEALS > 1 THEN 1 END) AS MEAL_DAYS,
      AVG(CASE WHEN MEALS > 1 THEN DATEDIFF('second', FIRST_AT, LAST_AT) END) / 3600 AS EATING_HOURS,
      AVG(CASE WHEN MEALS > 1 THEN COS(DATEDIFF('second', DATE_TRUNC('day', LAST_AT), LAST_AT) * PI() / 43200) END) AS X,
      AVG(CASE WHEN MEALS > 1 THEN SIN(DATEDIFF('second', DATE_TRUNC('day', LAST_AT), LAST_AT) * PI() / 43200) END) AS Y,
      COUNT(CASE WHEN LIGHTS > 0 THEN 1 END) AS LIGHT_DAYS,
      AVG(CASE WHEN LIGHTS > 0 THEN LUX_HOURS END) AS LUX_HOURS
    FROM RECENT
    GROUP BY USER_ID
  )
  SELECT A.RECOMMENDATION, A.UPDATED_AT, H.MEAL_DAYS, H.EATING_HOURS, H.X, H.Y, H.LIGHT_DAYS, H.LUX_HOURS
  FROM ASKED AS A LEFT JOIN HABITS AS H ON H.USER_ID = A.USER_ID`;

/** What the row says besides the recommendation; what was not recorded is missing. */
export interface Habits {
  readonly meals?: { readonly days: number; readonly hours: number; readonly lastUtc: number };
  readonly light?: { readonly days: number; readonly luxHours: number };
}

/** Columns of {@link RECOMMENDATION_ROW} after the first two. */
export function habitsIn([mealDays, hours, x, y, lightDays, luxHours]: readonly unknown[]): Habits {
  const lastUtc = ofDay(Math.atan2(Number(y), Number(x)) * 12 / Math.PI);
  return {
    ...(Number(mealDays) > 0 && { meals: { days: Number(mealDays), hours: Number(hours), lastUtc } }),
    ...(Number(lightDays) > 0 && { light: { days: Number(lightDays), luxHours: Number(luxHours) } }),
  };
}

const rounded = (hours: number) => Math.round(hours * 10) / 10;

/** What is answered of meals. */
export const Meals = z.object({
  days: z.int().meta({ description: "Days with two meals or more, of the last 14" }),
  window_hours: z.number().meta({ description: "From the first meal of a day to the last, mean" }),
  last: z.string().regex(/^\d\d:\d\d$/).meta({ description: "The last meal of a day, mean, HH:MM by the local clock" }),
});

/** What is answered of light. */
export const Light = z.object({
  days: z.int().meta({ description: "Days with light that was measured, of the last 14" }),
  lux_hours: z.number().meta({ description: "Lux times hours of a day, mean" }),
});

/**
 * Hours before bed in which there should be no meal. Source: N. Chung et al., "Does the proximity of meals to bedtime
 * influence the sleep of young adults? A cross-sectional survey of university students", Int J Environ Res Public Health
 * 2020; 17(8): 2677.
 */
const NO_MEAL_BEFORE_BED_HOURS = 3;

/** An hour of the light that a day should have throughout: see the source of `light.day` in recommendation.ts. */
const LITTLE_LIGHT_LUX_HOURS = 250;

/** What meals and light say, and the recommendation with the advice that follows. */
export function withHabits(recommendation: Recommendation, { meals, light }: Habits) {
  const { phase } = recommendation;
  const localAhead = phase.wake_local - phase.wake_utc;
  const bedUtc = phase.wake_utc - phase.sleep_hours;
  const advice: Advice[] = [];
  const beforeBed = meals && hoursBetween(bedUtc, meals.lastUtc);
  if (beforeBed !== undefined && beforeBed >= 0 && beforeBed < NO_MEAL_BEFORE_BED_HOURS) {
    advice.push({
      code: "eat_earlier",
      text: `Your last meal is ${
        rounded(beforeBed)
      } hours before bed: eat it at least ${NO_MEAL_BEFORE_BED_HOURS} before`,
    });
  }
  if (light && light.luxHours < LITTLE_LIGHT_LUX_HOURS) {
    advice.push({
      code: "more_daylight",
      text: "The light of your days that was measured is less than an hour at 250 lux: be outside more by day",
    });
  }
  const kept = advice.length === 0
    ? recommendation.advice
    : recommendation.advice.filter(({ code }) => code !== "keep_going");
  return {
    recommendation: { ...recommendation, advice: [...kept, ...advice] },
    meals: meals && {
      days: meals.days,
      window_hours: rounded(meals.hours),
      last: clockText(meals.lastUtc + localAhead),
    },
    light: light && { days: light.days, lux_hours: rounded(light.luxHours) },
  };
}
