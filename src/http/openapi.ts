// The API's description (OpenAPI 3.1): how a route says what it takes and gives, and the document made of all of them.
import type { OpenAPIHono, RouteConfig } from "@hono/zod-openapi";
import * as z from "zod";
import { Problem, PROBLEM_TYPE, type ProblemCode, PROBLEMS } from "./problem.ts";

/** A JSON Schema, or a reference to one. */
export type Schema = Readonly<Record<string, unknown>>;

/** What a route is, for the description. */
export interface RouteDescription {
  readonly method: "get" | "post";
  /** With parameters as `{name}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Whether it needs the bearer token. */
  readonly guarded: boolean;
  readonly parameters?: RouteConfig["request"];
  readonly body?: {
    readonly required: boolean;
    readonly schema: Schema;
    readonly examples: Readonly<Record<string, unknown>>;
  };
  /** By status; the JSON it holds, or another media type. */
  readonly answers: Readonly<
    Record<number, { readonly description: string; readonly schema?: Schema; readonly type?: string }>
  >;
  /** What it can say beside what every route can. */
  readonly problems?: readonly ProblemCode[];
}

const EVERYWHERE: readonly ProblemCode[] = ["wrong_host", "internal"];

/** A schema as JSON Schema. `io` says which side of its defaults and transformations is meant. */
export function schemaOf(schema: z.ZodType, io: "input" | "output" = "output"): Schema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: "draft-2020-12", io, unrepresentable: "any" });
  return json;
}

/** Registers a schema under a name; gives the reference to it. */
export function namedSchema(api: OpenAPIHono, name: string, schema: Schema): Schema {
  api.openAPIRegistry.registerComponent("schemas", name, schema);
  return { $ref: `#/components/schemas/${name}` };
}

const GUARDED = ["unauthorized", "wrong_right", "too_many_guesses"] as const;

/** Adds a route to the description. */
export function describe(api: OpenAPIHono, route: RouteDescription): void {
  const { method, path, tag, summary, description, guarded, body, problems = [] } = route;
  const codes = [...problems, ...(guarded ? GUARDED : []), ...EVERYWHERE];
  api.openAPIRegistry.registerPath({
    method,
    path,
    tags: [tag],
    summary,
    description,
    security: guarded ? [{ bearer: [] }] : undefined,
    request: {
      ...route.parameters,
      ...body && {
        body: {
          required: body.required,
          content: { "application/json": { schema: body.schema, examples: examplesOf(body.examples) } },
        },
      },
    },
    responses: { ...answersOf(route.answers), ...problemsOf(codes) },
  });
}

function examplesOf(examples: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
}

const REQUEST_ID = {
  "X-Request-Id": { description: "Names this request in the log", schema: { type: "string" as const } },
};
const RETRY_AFTER = { "Retry-After": { description: "Seconds", schema: { type: "integer" as const } } };

function answersOf(answers: RouteDescription["answers"]): RouteConfig["responses"] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, type = "application/json" }]) => [status, {
      description,
      headers: REQUEST_ID,
      content: { [type]: { schema: schema ?? { type: "string" } } },
    }]),
  );
}

/** One answer for each status; kinds that share a status are told apart by their code. */
function problemsOf(codes: readonly ProblemCode[]): RouteConfig["responses"] {
  const byStatus = Map.groupBy(new Set(codes), (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, kinds]) => [status, {
      description: kinds.map((code) => `${PROBLEMS[code].title} (${code})`).join("; "),
      headers: status === 429 || status === 503 ? { ...REQUEST_ID, ...RETRY_AFTER } : REQUEST_ID,
      content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
    }]),
  );
}

/** The finished document. */
export type OpenApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** The document of everything that was described. */
export function documentOf(api: OpenAPIHono, version: string): OpenApiDocument {
  namedSchema(api, "Problem", schemaOf(Problem));
  api.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description:
      "FRESHET_API_TOKEN, or FRESHET_INGEST_TOKEN for events and FRESHET_READ_TOKEN to read; needed when set",
  });
  return api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Freshet",
      version,
      description: "Events in, and how the pipelines are doing. Every answer that says no is a problem (RFC 9457).",
    },
    servers: [{ url: "/" }],
  });
}
