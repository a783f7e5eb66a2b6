// A user's recommendation, for whoever reads it over HTTP, and a plan to adjust to another time zone. Must not know where it is
// kept or cached.

import { z } from "zod";
import type { ReadRoute } from "../domain.ts";
import { ShiftPlan, shiftPlan } from "./jet_lag.ts";
import { Recommendation } from "./recommendation.ts";
import { type Habits, habitsIn, Light, Meals, RECOMMENDATION_ROW, withHabits } from "./habits.ts";
import { timeZoneNamed } from "./time_zone.ts";

const User = z.object({
  user: z.string().min(1).max(256).meta({ description: "`user_id` of the user's events", examples: ["user_001"] }),
});

const Wish = z.object({
  target_zone: z.string().max(64).refine((name) => timeZoneNamed(name) !== undefined, {
    error: "Expected the name of an IANA time zone, such as Asia/Tokyo, or an offset such as +09:00",
  }).optional().meta({ description: "IANA time zone to adjust to, or an offset", examples: ["Asia/Tokyo"] }),
  target_wake: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: "Expected a time of day as HH:MM" }).optional()
    .meta({
      description: "Wished time of waking there, HH:MM; what the user is used to when left out",
      examples: ["06:30"],
    }),
});

const Answer = z.object({
  user_id: z.string(),
  updated_at: z.string().meta({ description: "ISO 8601, UTC" }),
  recommendation: Recommendation,
  meals: Meals.optional().meta({ description: "When the user eats; where that is recorded" }),
  light: Light.optional().meta({ description: "The light of the user's days; where that was measured" }),
  plan: ShiftPlan.optional().meta({ description: "Day by day; when a target is given" }),
});

/** A user's row of `RECOMMENDATIONS`. */
interface Stored {
  readonly recommendation: Recommendation;
  /** ISO 8601, UTC. */
  readonly updatedAt: string;
  /** Missing in what an older Freshet has cached. */
  readonly habits?: Habits;
}

type Request = z.infer<typeof User> & z.infer<typeof Wish>;

/** `GET /recommendations/{user}`. */
export const recommendationRoute: ReadRoute<Request, Stored> = {
  path: "/recommendations/{user}",
  tag: "recommendations",
  summary: "When a user should sleep and see light, and a plan to shift the body clock",
  description:
    "Estimated from the user's recent sleep, meals and light by published rules. General guidance, not medical advice.",
  params: User,
  query: Wish,
  answer: { description: "The recommendation", name: "RecommendationAnswer", schema: Answer },
  unknown: { code: "unknown_user", detail: "Nothing is known of this user's sleep" },
  row: {
    sql: RECOMMENDATION_ROW,
    table: "RECOMMENDATIONS_PARTS",
    keyColumn: "USER_ID",
    cachePrefix: "recommendation",
    read: ([recommendation, updatedAt, ...habits]) => ({
      recommendation: recommendation as Recommendation,
      updatedAt: `${String(updatedAt).replace(" ", "T")}Z`,
      habits: habitsIn(habits),
    }),
  },
  counter: {
    name: "freshet_recommendations_total",
    help: "Recommendations asked for, by where they came from: cache or warehouse",
  },
  keyOf: ({ user }) => user,
  respond({ recommendation, updatedAt, habits }, { user, target_zone, target_wake }, now): z.infer<typeof Answer> {
    const plan = target_zone === undefined && target_wake === undefined ? undefined : shiftPlan(recommendation, {
      targetZone: timeZoneNamed(target_zone ?? recommendation.time_zone)!,
      targetWake: target_wake === undefined ? undefined : hourOf(target_wake),
      now,
    });
    return { user_id: user, updated_at: updatedAt, ...withHabits(recommendation, habits ?? {}), plan };
  },
};

function hourOf(clock: string): number {
  const [hours, minutes] = clock.split(":").map(Number);
  return hours! + minutes! / 60;
}
