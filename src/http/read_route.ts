// The domains' ways to read over HTTP. Must not know where what they answer is kept.
import type { OpenAPIHono } from "@hono/zod-openapi";
import * as z from "zod";
import type { ReadRoute } from "../domains/domain.ts";
import { FreshetError } from "../errors.ts";
import { fieldErrors } from "./field_errors.ts";
import { describe, namedSchema, schemaOf } from "./openapi.ts";
import { problem } from "./problem.ts";

/** A way to read, and what is kept of a key: `undefined` where that is nothing. Rejects with the warehouse's errors. */
export interface ReadSource {
  readonly route: ReadRoute;
  /** What time it is for the domain's events where they are simulated, epoch milliseconds; the clock's when left out. */
  readonly simulatedNow?: () => number;
  readonly read: (key: string) => Promise<unknown>;
}

export interface ReadRouteOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether a token is needed. */
  readonly guarded: boolean;
}

/** The path as the router writes it. */
export function pathOf({ route }: Pick<ReadSource, "route">): string {
  return route.path.replaceAll(/\{(\w+)\}/g, ":$1");
}

/** Adds the route and its description. */
export function readRoute(api: OpenAPIHono, source: ReadSource, { now, guarded }: ReadRouteOptions): void {
  const { route, read, simulatedNow = now } = source;
  const request = route.params.extend(route.query.shape);
  describeRoute(api, route, guarded);
  api.get(pathOf(source), async (c) => {
    const asked = request.safeParse({ ...c.req.query(), ...c.req.param() });
    if (!asked.success) {
      const errors = fieldErrors(asked.error.issues);
      return problem(c, { code: "invalid_request", detail: z.prettifyError(asked.error).slice(0, 1_000), errors });
    }
    let stored: unknown;
    try {
      stored = await read(route.keyOf(asked.data));
    } catch (error) {
      if (!(error instanceof FreshetError)) throw error;
      return problem(c, { code: "warehouse_unavailable", detail: error.message, retryAfter: 1 });
    }
    if (stored === undefined) return problem(c, route.unknown);
    c.header("cache-control", "no-store");
    return c.json(route.respond(stored, asked.data, simulatedNow()));
  });
}

function describeRoute(api: OpenAPIHono, route: ReadRoute, guarded: boolean): void {
  const { path, tag, summary, description, params, query, answer, unknown } = route;
  describe(api, {
    method: "get",
    path,
    tag,
    summary,
    description,
    guarded,
    parameters: { params, query },
    answers: {
      200: { description: answer.description, schema: namedSchema(api, answer.name, schemaOf(answer.schema)) },
    },
    problems: [unknown.code, "invalid_request", "too_many_requests", "warehouse_unavailable"],
  });
}
