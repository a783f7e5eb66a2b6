// Problem details (RFC 9457): the one form of every answer that says no. The table is all the kinds there are; the API's
// description and its page are made from it. Knows nothing of routes.
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as z from "zod";
import { headersOf } from "./answer_headers.ts";

/** A kind of problem. */
interface Kind {
  readonly status: ContentfulStatusCode;
  /** The same for every occurrence. */
  readonly title: string;
  /** What it means and what to do, for the page about the API. */
  readonly meaning: string;
}

/** Every kind of problem, by its stable code. */
export const PROBLEMS = {
  malformed_body: {
    status: 400,
    title: "The body is not JSON",
    meaning: "The body could not be read as JSON in UTF-8. Nothing was published.",
  },
  query_refused: {
    status: 400,
    title: "The query was refused",
    meaning: "Only one read-only statement is taken.",
  },
  unauthorized: {
    status: 401,
    title: "A token is needed",
    meaning:
      'Send the token of FRESHET_API_TOKEN as "Authorization: Bearer …"; for events that of FRESHET_INGEST_TOKEN will do, to read that of FRESHET_READ_TOKEN.',
  },
  wrong_right: {
    status: 403,
    title: "The token is not for this",
    meaning:
      "FRESHET_INGEST_TOKEN opens the routes for events, FRESHET_READ_TOKEN those that read, FRESHET_API_TOKEN all.",
  },
  foreign_origin: {
    status: 403,
    title: "Another site's page asked",
    meaning: "A page of another site must not send events to this machine: its Origin header is refused.",
  },
  not_found: { status: 404, title: "There is nothing here", meaning: "See this page for the paths there are." },
  unknown_user: {
    status: 404,
    title: "Nothing is known of this user",
    meaning: "The tables have nothing of this user yet that could be answered.",
  },
  method_not_allowed: {
    status: 405,
    title: "The method does not go with the path",
    meaning: "The Allow header names those that do.",
  },
  body_timeout: {
    status: 408,
    title: "The body came too slowly",
    meaning: "The whole body must arrive within a few seconds. Nothing was published.",
  },
  skip_refused: {
    status: 409,
    title: "Nothing was skipped",
    meaning: "The offsets can be read, or are not where the position is: the detail says which.",
  },
  body_too_large: {
    status: 413,
    title: "The body is too large",
    meaning: "Send smaller events: the log takes records of up to a megabyte. Nothing was published.",
  },
  unsupported_media_type: {
    status: 415,
    title: "The body is not declared as JSON",
    meaning: 'Send "Content-Type: application/json" (UTF-8) and no Content-Encoding. Nothing was published.',
  },
  wrong_host: {
    status: 421,
    title: "The server does not answer to this name",
    meaning:
      "On loopback, and with FRESHET_ALLOWED_HOSTS, it answers to loopback names and those only, so that no foreign page can reach it.",
  },
  invalid_event: {
    status: 422,
    title: "The event is not valid",
    meaning: "The errors name each field that is wrong by its JSON Pointer. Nothing was published.",
  },
  invalid_request: {
    status: 422,
    title: "The request is not valid",
    meaning: "The errors name each field that is wrong by its JSON Pointer.",
  },
  too_many_requests: {
    status: 429,
    title: "Too many requests",
    meaning: "This client asks faster than FRESHET_RATE_LIMIT allows: wait as many seconds as Retry-After says.",
  },
  too_many_guesses: {
    status: 429,
    title: "Too many wrong tokens",
    meaning: "Wrong tokens came from this address: wait as many seconds as Retry-After says. Others need not wait.",
  },
  internal: {
    status: 500,
    title: "The request failed",
    meaning: "The log of the program says why, by the request id.",
  },
  overloaded: {
    status: 503,
    title: "Too much is waiting for the log",
    meaning: "Nothing was published: send again after as many seconds as Retry-After says.",
  },
  too_many_bodies: {
    status: 503,
    title: "Too many large bodies at a time",
    meaning:
      "Bodies that are being read have a limit together, and those of one client: send again after as many seconds as Retry-After says. Nothing was published.",
  },
  too_many_connections: {
    status: 503,
    title: "No connection is left",
    meaning:
      "All connections (FRESHET_MAX_CONNECTIONS), or all of one address, are being answered: connect again after as many seconds as Retry-After says.",
  },
  log_unavailable: {
    status: 503,
    title: "The log does not take the event",
    meaning: "Nothing was acknowledged: send again after as many seconds as Retry-After says.",
  },
  warehouse_unavailable: {
    status: 503,
    title: "The warehouse does not answer",
    meaning: "Ask again after as many seconds as Retry-After says.",
  },
  query_busy: {
    status: 503,
    title: "There is no place for another query",
    meaning:
      "Other queries run, or the pipelines need what it would take: ask again after as many seconds as Retry-After says.",
  },
  outcome_unknown: {
    status: 504,
    title: "The log did not answer in time",
    meaning: "The event may have been published or not: sending again may publish it twice.",
  },
} as const satisfies Readonly<Record<string, Kind>>;

/** Stable code of a kind of problem. */
export type ProblemCode = keyof typeof PROBLEMS;

/** What is wrong with one field. */
export interface FieldError {
  /** JSON Pointer (RFC 6901) into the body; empty for the body as a whole. */
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

/** Body of every answer that says no. */
export const Problem = z.object({
  type: z.string().meta({ description: "Where the kind of problem is explained, relative to this server" }),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().meta({ description: "What is wrong with this request" }),
  code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
  request_id: z.string().optional().meta({ description: "As in the X-Request-Id header and in the log" }),
  errors: z.array(z.object({
    pointer: z.string().meta({ description: "JSON Pointer into the body" }),
    code: z.string(),
    detail: z.string(),
  })).optional(),
});
export type Problem = z.infer<typeof Problem>;

export const PROBLEM_TYPE = "application/problem+json";

/** Why a request is refused; thrown or handed on, and made an answer by {@link problem}. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Seconds. */
  readonly retryAfter?: number;
}

/** The answer to a request that is refused. */
export function problem(c: Context, { code, detail, errors, retryAfter }: Refusal): Response {
  const { status, title } = PROBLEMS[code];
  if (retryAfter !== undefined) c.header("retry-after", String(Math.max(1, Math.ceil(retryAfter))));
  const body: Problem = {
    type: `/docs#${code}`,
    title,
    status,
    detail,
    code,
    request_id: c.get("requestId"),
    errors: errors === undefined ? undefined : [...errors],
  };
  return c.body(JSON.stringify(body), status, headersOf(c, PROBLEM_TYPE));
}
