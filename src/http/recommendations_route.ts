// A user's recommendation over HTTP, and a plan to adjust to another time zone. Must not know where it is kept.
import type { OpenAPIHono } from "@hono/zod-openapi";
import * as z from "zod";
import { ShiftPlan, shiftPlan } from "../domains/circadian/jet_lag.ts";
import { Recommendation } from "../domains/circadian/recommendation.ts";
import { timeZoneNamed } from "../domains/circadian/time_zone.ts";
import { FreshetError } from "../errors.ts";
import { fieldErrors } from "./field_errors.ts";
import { describe, namedSchema, schemaOf } from "./openapi.ts";
import { problem } from "./problem.ts";

export interface RecommendationsOptions {
  /** The user's recommendation, and when it changed last (ISO 8601); `undefined` for whom none is known. */
  readonly recommendationOf: (
    user: string,
  ) => Promise<{ readonly recommendation: Recommendation; readonly updatedAt: string } | undefined>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether a token is needed. */
  readonly guarded: boolean;
}

/** The path, for those who guard it. */
export const RECOMMENDATIONS_PATH = "/recommendations/:user";

const User = z.object({
  user: z.string().min(1).max(256).meta({ description: "`user_id` of the user's events", examples: ["user_001"] }),
});

const Wish = z.object({
  target_zone: z.string().max(64).refine((name) => timeZoneNamed(name) !== undefined, {
    error: "Expected the name of an IANA time zone, such as Asia/Tokyo",
  }).optional().meta({ description: "IANA time zone to adjust to", examples: ["Asia/Tokyo"] }),
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
  plan: ShiftPlan.optional().meta({ description: "Day by day; when a target is given" }),
});

/** Adds `GET /recommendations/{user}`. */
export function recommendationsRoute(api: OpenAPIHono, options: RecommendationsOptions): void {
  const { recommendationOf, now, guarded } = options;
  describeRoute(api, guarded);
  api.get(RECOMMENDATIONS_PATH, async (c) => {
    const asked = User.extend(Wish.shape).safeParse({ ...c.req.query(), user: c.req.param("user") });
    if (!asked.success) {
      const errors = fieldErrors(asked.error.issues);
      return problem(c, { code: "invalid_request", detail: z.prettifyError(asked.error).slice(0, 1_000), errors });
    }
    const { user, target_zone, target_wake } = asked.data;
    let known: Awaited<ReturnType<typeof recommendationOf>>;
    try {
      known = await recommendationOf(user);
    } catch (error) {
      if (!(error instanceof FreshetError)) throw error;
      return problem(c, { code: "warehouse_unavailable", detail: error.message, retryAfter: 1 });
    }
    if (!known) return problem(c, { code: "unknown_user", detail: "Nothing is known of this user's sleep" });
    const { recommendation, updatedAt } = known;
    const plan = target_zone === undefined && target_wake === undefined ? undefined : shiftPlan(recommendation, {
      targetZone: timeZoneNamed(target_zone ?? recommendation.time_zone)!,
      targetWake: target_wake === undefined ? undefined : hourOf(target_wake),
      now: now(),
    });
    c.header("cache-control", "no-store");
    return c.json<z.infer<typeof Answer>>({ user_id: user, updated_at: updatedAt, recommendation, plan });
  });
}

function hourOf(clock: string): number {
  const [hours, minutes] = clock.split(":").map(Number);
  return hours! + minutes! / 60;
}

function describeRoute(api: OpenAPIHono, guarded: boolean): void {
  describe(api, {
    method: "get",
    path: "/recommendations/{user}",
    tag: "recommendations",
    summary: "When a user should sleep and see light, and a plan to shift the body clock",
    description: "Estimated from the user's recent sleep by published rules. General guidance, not medical advice.",
    guarded,
    parameters: { params: User, query: Wish },
    answers: {
      200: { description: "The recommendation", schema: namedSchema(api, "RecommendationAnswer", schemaOf(Answer)) },
    },
    problems: ["unknown_user", "invalid_request", "too_many_requests", "warehouse_unavailable"],
  });
}
