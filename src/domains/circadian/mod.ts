// Sleep, meals and light: each user's local days, and a recommendation from the phase of the body clock that sleep shows.

import sql from "../../../sql/circadian.sql" with { type: "text" };
import { atMax, count, days, first, max, min, minutes, seconds, sum } from "@freshet/stream";
import { z } from "zod";
import { hoursOf, OlderUserActivity, timeOf, UserActivity } from "./activity.ts";
import { type Fact, factOf, isMeasuredSleep, midpointHour, sleepIn } from "./facts.ts";
import { older } from "./older.ts";
import { recommendationRoute } from "./read_route.ts";
import { recommend } from "./recommendation.ts";
import { sleepHistory } from "./sleep_history.ts";
import { timeZoneNamed } from "./time_zone.ts";
import { domain, type DomainSpec } from "../domain.ts";
import { checks } from "./checks.ts";
import { panels } from "./panels.ts";

const userKey = { USER_ID: (fact: Fact) => fact.userId };
const isMeal = (fact: Fact) => fact.kind === "meal";
const sleepHours = (fact: Fact) => fact.kind === "sleep" ? fact.hours : null;
const mealTime = (fact: Fact) => isMeal(fact) ? fact.time : null;

export const circadian = domain({
  name: "circadian",
  checks,
  panels,
  simulator: () => import("../../../simulators/circadian.ts").then(({ circadian }) => circadian),
  settings: {
    CIRCADIAN_DEFAULT_TIME_ZONE: z.string().refine((name) => timeZoneNamed(name) !== undefined, {
      error: "expected the name of an IANA time zone, such as Europe/Paris",
    }).default("UTC").describe("IANA time zone of users whose records say none"),
  },
  define(settings): DomainSpec<UserActivity> {
    const fields = older(settings.CIRCADIAN_DEFAULT_TIME_ZONE);
    return {
      topic: "user_activity",
      group: "freshet-circadian",
      schema: UserActivity,
      older: [{ only: { field: "activity", type: "string" }, fields, schema: OlderUserActivity }, { fields }],
      key: (e: UserActivity) => e.user_id,
      eventTime: timeOf,
      // Phones and watches send when they have a network: nothing is lost for being half an hour behind the others, and what
      // comes within two days still corrects its day.
      time: {
        maxOutOfOrdernessMs: minutes(30),
        allowedLatenessMs: days(2),
        idleAfterMs: seconds(60),
        maxFutureSkewMs: minutes(5),
      },
      raw: {
        table: "USER_ACTIVITY",
        metadata: "RECORD_METADATA",
        content: "RECORD_CONTENT",
        columns: (e, { time, offset }, partition) => ({
          USER_ID: e.user_id,
          ACTIVITY_TYPE: e.activity_type,
          TIMESTAMP: time,
          TIME_ZONE: timeZoneNamed(e.time_zone),
          HOURS: hoursOf(e),
          KAFKA_PARTITION: partition,
          KAFKA_OFFSET: offset,
        }),
      },
      tables: (events) => {
        const facts = events.map((e, { time }) => factOf(e, time));
        return [
          // Kept per partition; the view CIRCADIAN_DAILY merges them, and looks back a week for the regularity.
          facts.keyBy(userKey).localDays("TIME_ZONE", (fact) => fact.timeZone).aggregate("CIRCADIAN_DAILY_PARTS", {
            LOCAL_DATE: first((fact) => fact.date),
            SLEEP_COUNT: count(isMeasuredSleep),
            SLEEP_HOURS: sum(sleepHours, { mergeable: true }),
            MAIN_SLEEP_HOURS: max(sleepHours),
            SLEEP_MIDPOINT: atMax(sleepHours, midpointHour, { timed: true }),
            MEAL_COUNT: count(isMeal),
            FIRST_MEAL_AT: min(mealTime),
            LAST_MEAL_AT: max(mealTime),
            LIGHT_COUNT: count((fact) => fact.luxHours !== null),
            LIGHT_LUX_HOURS: sum((fact) => fact.luxHours, { mergeable: true }),
          }),
          facts.filter(isMeasuredSleep).keyBy(userKey).aggregate("RECOMMENDATIONS_PARTS", {
            LAST_SLEEP_AT: max((fact) => fact.time),
            RECOMMENDATION: sleepHistory(sleepIn, (sleeps) => JSON.stringify(recommend(sleeps))),
          }),
        ];
      },
      sql,
      reads: [recommendationRoute],
    };
  },
});
