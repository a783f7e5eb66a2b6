// Events over HTTP: takes them in, checks them as the pipeline will, has them published, and answers with where they are.
// A domain says path and schema; this file knows none of them.
import { timeText } from "../engine/status.ts";
import { timeFault } from "../engine/time_fault.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { z } from "zod";
import { FreshetError } from "../errors.ts";
import type { HttpMetrics } from "../metrics/mod.ts";
import { headersOf } from "./answer_headers.ts";
import { fieldErrors } from "./field_errors.ts";
import { problem, type ProblemCode, type Refusal } from "./problem.ts";
import type { BodyReader } from "./request_body.ts";

/** An event to be published. */
export interface KeyedEvent {
  readonly key: string;
  /** JSON. */
  readonly value: string | Uint8Array;
  /** Of the record, epoch milliseconds; the log's own clock when left out. */
  readonly timestamp?: number;
}

/** Where an event is. */
export interface EventPosition {
  readonly partition: number;
  readonly offset: number;
}

/** A domain's way in, with what it takes to walk it. */
export interface IngestSource {
  readonly domain: string;
  readonly topic: string;
  readonly path: string;
  readonly summary: string;
  readonly example: Readonly<Record<string, unknown>>;
  readonly schema: z.ZodType;
  /** Reads what does not fit the schema and is taken all the same; `loggedAt` is the time of its record, epoch milliseconds. */
  readonly older?: {
    read(json: unknown, loggedAt: number): { readonly event: unknown } | undefined;
    /** What is wrong with what was read last: `own` in the form of the schema, or less in another. */
    fewerIssues(own: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[];
  };
  key(event: unknown): string;
  /** The field that holds event time, to name it when that is wrong. */
  readonly timeField?: string;
  /** Epoch milliseconds; `NaN` when the event's time is none. */
  eventTime(event: unknown): number;
  /** What time it is for events where they are simulated, epoch milliseconds; the clock's when left out. */
  readonly simulatedNow?: () => number;
  /** How far ahead of the clock an event may be, milliseconds. */
  readonly maxFutureSkewMs: number;
  /** Makes an event, as of now or of the time that is simulated; absent when the route needs a body. */
  readonly generate?: () => unknown;
  /** Resolves when the log has all of them, with their positions in order. */
  publish(events: readonly KeyedEvent[]): Promise<readonly EventPosition[]>;
}

export interface IngestOptions {
  readonly bodies: BodyReader;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly metrics: HttpMetrics;
}

/** Most events that one request may have generated. */
export const MAX_GENERATED = 1_000;

/** An event with its text as it is to be published. */
interface Checked {
  readonly event: unknown;
  readonly key: string;
  readonly timestamp?: number;
  readonly value: string | Uint8Array;
  /** The event's JSON, for the answer. */
  readonly text: string;
}

type Outcome<T> = { readonly ok: T } | { readonly refusal: Refusal };

/** Adds the route of a domain. */
export function ingestRoute(api: OpenAPIHono, source: IngestSource, options: IngestOptions): void {
  const { domain } = source;
  api.post(source.path, async (c) => {
    const outcome = await ingest(c, source, options);
    if ("refusal" in outcome) {
      options.metrics.refused.inc({ domain, code: outcome.refusal.code });
      return problem(c, outcome.refusal);
    }
    options.metrics.events.inc({ domain }, outcome.ok.events);
    return new Response(outcome.ok.body, { headers: headersOf(c, "application/json") });
  });
}

interface Answer {
  readonly events: number;
  readonly body: string;
}

async function ingest(
  c: Context,
  source: IngestSource,
  { bodies, now }: IngestOptions,
): Promise<Outcome<Answer>> {
  const body = await bodies.json(c);
  if (body.kind === "refused") return { refusal: ofEvent(body.refusal) };
  const count = generated(source, body.kind === "none" ? {} : body.json);
  if (typeof count === "number") {
    const events = Array.from({ length: count }, () => ownEvent(source));
    const isOne = body.kind === "none" || !Object.hasOwn(body.json as object, "count");
    return await publish(source, events, isOne ? oneAnswer : manyAnswer);
  }
  if (count !== undefined) return count;
  if (body.kind === "none") {
    return { refusal: { code: "malformed_body", detail: "The body is empty: send an event as JSON" } };
  }
  const checked = check(source, { json: body.json, bytes: body.bytes, text: body.text }, now());
  return "refusal" in checked ? checked : await publish(source, [checked.ok], oneAnswer);
}

/** Where the body is an event, what is wrong with its fields is wrong with the event. */
const ofEvent = (refusal: Refusal): Refusal =>
  refusal.code === "invalid_request" ? { ...refusal, code: "invalid_event" } : refusal;

/** How many events the request asks to be generated; `undefined` when it brings its own. */
function generated({ generate }: IngestSource, json: unknown): number | undefined | Outcome<never> {
  if (!generate || typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const names = Object.keys(json);
  if (names.length === 0) return 1;
  if (names.length > 1 || names[0] !== "count") return undefined;
  const { count } = json as { readonly count: unknown };
  if (Number.isInteger(count) && Number(count) >= 1 && Number(count) <= MAX_GENERATED) return Number(count);
  const detail = `Expected a whole number from 1 to ${MAX_GENERATED}`;
  return invalid("/count", "out_of_range", detail);
}

function ownEvent({ generate, key, eventTime }: IngestSource): Checked {
  const event = generate!();
  const text = JSON.stringify(event);
  // Dated as it says, as other simulated records are: a simulation goes on after the last one of its topic.
  return { event, key: key(event), value: text, text, timestamp: eventTime(event) };
}

interface Given {
  readonly json: unknown;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Checks what the pipeline checks: what is acknowledged must not become a dead letter. */
function check(source: IngestSource, { json, bytes, text }: Given, now: number): Outcome<Checked> {
  if (!isWellFormedJson(text, json)) return invalid("", "not_unicode", "A text holds half of a surrogate pair");
  try {
    const parsed = source.schema.safeParse(json);
    const isFit = parsed.success && !Number.isNaN(source.eventTime(parsed.data));
    const event = isFit ? parsed.data : source.older?.read(json, now)?.event ?? parsed.data;
    if (event === undefined) {
      const { issues } = parsed.error!;
      const errors = fieldErrors(source.older?.fewerIssues(issues) ?? issues);
      return { refusal: { code: "invalid_event", detail: inShort(errors), errors } };
    }
    const present = source.simulatedNow?.() ?? now;
    const fault = timeFault(source.eventTime(event), present, source.maxFutureSkewMs);
    const timeAt = source.timeField === undefined ? "" : `/${source.timeField}`;
    if (fault === "not a time") {
      return invalid(timeAt, "invalid_timestamp", "Expected a time: ISO 8601 or epoch ms");
    }
    if (fault === "before the calendar") return invalid(timeAt, "invalid_timestamp", "Expected a time after 1582");
    if (fault === "in the future") {
      const most = `${source.maxFutureSkewMs / 1000} s`;
      const whose = source.simulatedNow ? `the simulated clock (${timeText(present)})` : "this server's clock";
      return invalid(timeAt, "future_timestamp", `The time is more than ${most} ahead of ${whose}`);
    }
    return { ok: { event, key: source.key(event), value: bytes, text } };
  } catch {
    // A schema's own functions may throw, as they would in the pipeline.
    return invalid("", "schema_error", "The event cannot be checked");
  }
}

/**
 * Whether `text`, which means `json`, has only whole characters in its names and texts: half surrogate pairs pass, as escapes,
 * every parser of JavaScript, and warehouses refuse them.
 */
function isWellFormedJson(text: string, json: unknown): boolean {
  // Half a pair cannot be in UTF-8; only an escape can say it.
  return !/\\u[dD][89a-fA-F]/.test(text) || isWellFormed(json);
}

function isWellFormed(json: unknown): boolean {
  if (typeof json === "string") return json.isWellFormed();
  if (typeof json !== "object" || json === null) return true;
  if (Array.isArray(json)) return json.every(isWellFormed);
  return Object.entries(json).every(([name, value]) => name.isWellFormed() && isWellFormed(value));
}

function invalid(pointer: string, code: string, detail: string): Outcome<never> {
  const errors = [{ pointer, code, detail }];
  return { refusal: { code: "invalid_event", detail: inShort(errors), errors } };
}

function inShort(errors: readonly { readonly pointer: string; readonly detail: string }[]): string {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return `${first!.pointer || "The body"}: ${first!.detail}${more}`;
}

type Form = (topic: string, published: readonly string[]) => string;

/** `published` are JSON objects of position and event, without their braces. */
const oneAnswer: Form = (topic, [only]) => `{"topic":${JSON.stringify(topic)},${only}}`;
const manyAnswer: Form = (topic, published) =>
  `{"topic":${JSON.stringify(topic)},"count":${published.length},"published":[{${published.join("},{")}}]}`;

async function publish(source: IngestSource, events: readonly Checked[], form: Form): Promise<Outcome<Answer>> {
  try {
    const positions = await source.publish(events);
    const published = positions.map(({ partition, offset }, i) =>
      // Whoever sent the event knows it; one that was made here is told.
      `"partition":${partition},"offset":${offset}${source.generate ? `,"event":${events[i]!.text}` : ""}`
    );
    return { ok: { events: events.length, body: form(source.topic, published) } };
  } catch (error) {
    return { refusal: publishRefusal(error) };
  }
}

const RETRY_SECONDS = 1;
/** Codes of the log's errors, as kinds of problems. */
const LOG_PROBLEMS: Readonly<Record<string, ProblemCode>> = {
  record_too_large: "body_too_large",
  log_overloaded: "overloaded",
  produce_unknown: "outcome_unknown",
};

/** Why an event was not published. Rethrows what is no error of the log. */
function publishRefusal(error: unknown): Refusal {
  if (!(error instanceof FreshetError)) throw error;
  const code = LOG_PROBLEMS[error.code] ?? "log_unavailable";
  const mayRetry = code === "overloaded" || code === "log_unavailable";
  return { code, detail: error.message, retryAfter: mayRetry ? RETRY_SECONDS : undefined };
}
