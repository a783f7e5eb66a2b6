// How a domain's way in is told in the API's description.
import type { OpenAPIHono } from "@hono/zod-openapi";
import { type IngestSource, MAX_GENERATED } from "./ingest_route.ts";
import { describe, namedSchema, type Schema, schemaOf } from "./openapi.ts";

const position = {
  partition: { type: "integer", minimum: 0 },
  offset: { type: "integer", minimum: 0 },
};

/** What is not said field by field: a form has them elsewhere, or not at all. */
const OTHER_FORM: Schema = {
  type: "object",
  description: "The same event as other producers write it: docs/migration.md has the forms",
};

/** Adds the route to the description. */
export function describeIngest(api: OpenAPIHono, source: IngestSource, guarded: boolean): void {
  const { domain, topic, path, summary, example, schema, generate } = source;
  const json = schemaOf(schema, "input");
  const event = namedSchema(api, typeof json.title === "string" ? json.title : `${capital(domain)}Event`, json);
  const count: Schema = {
    type: "object",
    additionalProperties: false,
    properties: { count: { type: "integer", minimum: 1, maximum: MAX_GENERATED, default: 1 } },
  };
  const accepted = [...generate ? [count] : [], event, ...source.older ? [OTHER_FORM] : []];
  describe(api, {
    method: "post",
    path,
    tag: "events",
    summary,
    description:
      `Published to the topic ${topic}. The answer comes when the log has it: what is acknowledged is not lost.` +
      (generate ? ' Without a body one generated event is published, with {"count": n} so many.' : ""),
    guarded,
    body: {
      required: generate === undefined,
      schema: accepted.length === 1 ? event : { anyOf: accepted },
      examples: { "an event": example, ...generate && { "several generated ones": { count: 3 } } },
    },
    answers: { 200: { description: "Published, and where", schema: published(generate ? event : undefined) } },
    problems: [
      "malformed_body",
      "body_timeout",
      "body_too_large",
      "too_many_bodies",
      "unsupported_media_type",
      "invalid_event",
      "too_many_requests",
      "overloaded",
      "log_unavailable",
      "outcome_unknown",
      ...guarded ? [] : ["foreign_origin"] as const,
    ],
  });
}

/** One event's place, or those of several. Events are told where they may have been made here. */
function published(event: Schema | undefined): Schema {
  const properties = { ...position, ...event && { event } };
  const one = {
    type: "object",
    required: ["topic", ...Object.keys(properties)],
    properties: { topic: { type: "string" }, ...properties },
  };
  if (event === undefined) return one;
  const several = {
    type: "object",
    required: ["topic", "count", "published"],
    properties: {
      topic: { type: "string" },
      count: { type: "integer" },
      published: { type: "array", items: { type: "object", required: Object.keys(properties), properties } },
    },
  };
  return { anyOf: [one, several] };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
