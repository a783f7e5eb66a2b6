// Going past damage over HTTP, for `freshet skip` while the run holds the warehouse file. What is refused is not decided here.
import type { OpenAPIHono } from "@hono/zod-openapi";
import * as z from "zod";
import { FreshetError, LogUnavailableError } from "../errors.ts";
import { type Skipped, SkipRefusedError, type SkipRequest } from "../engine/skip.ts";
import { fieldErrors } from "./field_errors.ts";
import { describe, namedSchema, schemaOf } from "./openapi.ts";
import { problem } from "./problem.ts";
import type { BodyReader } from "./request_body.ts";

const offset = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Body of `POST /api/skip`. */
export const SkipBody = z.strictObject({
  topic: z.string().min(1),
  partition: z.number().int().min(0).max(1_000_000),
  from: offset.meta({ description: "The first offset that is skipped: where the position is" }),
  to: offset.meta({ description: "The first offset that is read again" }),
});

const SkipAnswer = z.object({ result: z.enum(["recorded", "recorded before", "copied from"]) });

export interface SkipRouteOptions {
  readonly skip: (request: SkipRequest) => Promise<Skipped>;
  readonly bodies: BodyReader;
}

/** Adds `POST /api/skip`: 200 when the gap is on record, 409 when it would lose what can be read. */
export function skipRoute(api: OpenAPIHono, { skip, bodies }: SkipRouteOptions): void {
  describe(api, {
    method: "post",
    path: "/api/skip",
    tag: "mending",
    summary: "Moves a partition past offsets that cannot be read, with the gap on record",
    description: "Always needs a token: that of FRESHET_API_TOKEN, or the one in the run file.",
    guarded: true,
    body: {
      required: true,
      schema: namedSchema(api, "SkipBody", schemaOf(SkipBody, "input")),
      examples: { "a damaged batch": { topic: "ats_telemetry", partition: 2, from: 120, to: 130 } },
    },
    answers: { 200: { description: "It is on record", schema: namedSchema(api, "SkipAnswer", schemaOf(SkipAnswer)) } },
    problems: [
      "malformed_body",
      "body_timeout",
      "body_too_large",
      "too_many_bodies",
      "unsupported_media_type",
      "skip_refused",
      "invalid_request",
      "too_many_requests",
      "log_unavailable",
      "warehouse_unavailable",
    ],
  });
  api.post("/api/skip", async (c) => {
    const body = await bodies.json(c);
    if (body.kind === "refused") return problem(c, body.refusal);
    const request = SkipBody.safeParse(body.kind === "none" ? {} : body.json);
    if (!request.success) {
      return problem(c, {
        code: "invalid_request",
        detail: z.prettifyError(request.error).slice(0, 1_000),
        errors: fieldErrors(request.error.issues),
      });
    }
    try {
      return c.json({ result: await skip(request.data) });
    } catch (error) {
      if (!(error instanceof FreshetError)) throw error;
      if (error instanceof SkipRefusedError) return problem(c, { code: "skip_refused", detail: error.message });
      const code = error instanceof LogUnavailableError ? "log_unavailable" : "warehouse_unavailable";
      return problem(c, { code, detail: error.message, retryAfter: 1 });
    }
  });
}
