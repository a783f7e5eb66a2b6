// Looking into topics over HTTP, as records come if somebody wants that, and sending a dead letter again. Knows nothing of logs.
import type { Context, Hono } from "hono";
import * as z from "zod";
import type { RepublishRequest } from "../../engine/republish.ts";
import { RepublishRefusedError } from "../../engine/republish.ts";
import type { RecordsLook, TopicSource } from "../../engine/topic_records.ts";
import { FreshetError } from "../../errors.ts";
import { clientOf } from "../client_address.ts";
import type { BodyReader } from "../request_body.ts";
import { type PlaceLimits, Places } from "../places.ts";
import { failure } from "./failure.ts";
import { parameters } from "./panel_routes.ts";
import type { Answer, TopicAbout } from "./protocol.ts";
import { type AllCheck, refused } from "./session.ts";

/** Each reads the log by itself. */
const LOOKS: PlaceLimits = { total: 6, perAddress: 3, timeoutMs: 600_000 };
const TOO_MANY_LOOKS = `At most ${LOOKS.total} look into topics at a time, ${LOOKS.perAddress} of one address`;
const MAX_RECORDS = 200;

const offset = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const Look = z.object({
  partition: z.coerce.number().int().min(0).max(1_000_000).optional(),
  from: offset.optional(),
  last: z.coerce.number().int().min(1).max(MAX_RECORDS).default(50),
  key: z.string().max(1_000).optional(),
  follow: z.enum(["0", "1"]).default("0").transform((text) => text === "1"),
});

const Republish = z.strictObject({
  topic: z.string().min(1).max(300),
  partition: z.number().int().min(0).max(1_000_000),
  offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  value: z.string().optional(),
});

export interface TopicRoutesOptions {
  readonly topics: TopicSource;
  readonly republish: (request: RepublishRequest) => Promise<{ readonly partition: number; readonly offset: number }>;
  /** Those that may be looked into: of the domains that run, with their dead letter topics. */
  readonly names: readonly Pick<TopicAbout, "topic" | "domain">[];
  readonly clock: { now(): number; monotonic(): number };
  readonly bodies: BodyReader;
  readonly mayAll: AllCheck;
  readonly addressOf: (c: Context) => string;
}

/** Adds `GET /api/topics`, `GET /api/topics/:topic/records` and `POST /api/dead-letters/republish`. */
export function topicRoutes(app: Hono, options: TopicRoutesOptions): void {
  const { topics, names, clock } = options;
  app.get("/api/topics", async (c) => {
    const [at, begin] = [clock.now(), clock.monotonic()];
    const seen = new Map((await topics.topics(names.map(({ topic }) => topic))).map((one) => [one.topic, one]));
    const data = names.flatMap((name): readonly TopicAbout[] => {
      const one = seen.get(name.topic);
      return one ? [{ ...name, partitions: one.partitions }] : [];
    });
    return c.json<Answer<readonly TopicAbout[]>>({
      data,
      asked_at: new Date(at).toISOString(),
      took_ms: clock.monotonic() - begin,
    });
  });
  recordsRoute(app, options);
  republishRoute(app, options);
}

function recordsRoute(app: Hono, { topics, names, addressOf }: TopicRoutesOptions): void {
  const looks = new Places(LOOKS);
  app.get("/api/topics/:topic/records", async (c) => {
    const topic = c.req.param("topic");
    if (!names.some((one) => one.topic === topic)) {
      return failure(c, 404, "no_such_topic", "No domain that runs here reads a topic of this name");
    }
    const look = Look.safeParse(parameters(c));
    if (!look.success) return failure(c, 400, "bad_request", z.prettifyError(look.error));
    const place = looks.enter({ address: addressOf(c), connection: clientOf(c).connection });
    if (!place) {
      c.header("retry-after", "5");
      return failure(c, 503, "too_many_looks", TOO_MANY_LOOKS);
    }
    c.req.raw.signal.addEventListener("abort", () => place.leave(), { once: true });
    const lines = linesOf(topics, { topic, ...look.data }, place.signal);
    try {
      const first = await lines.next();
      return c.body(place.stream(first.value ?? "\n", lines), 200, { "content-type": "application/x-ndjson" });
    } catch (error) {
      place.leave();
      throw error;
    }
  });
}

/** A line of JSON for some records; an empty one while none come, which tells whether somebody still listens. */
async function* linesOf(topics: TopicSource, look: RecordsLook, signal: AbortSignal): AsyncGenerator<string, void> {
  for await (const seen of topics.read(look, signal)) {
    yield seen.records.length === 0 && seen.left_out === 0 ? "\n" : `${JSON.stringify(seen)}\n`;
  }
}

function republishRoute(app: Hono, { republish, names, bodies, mayAll }: TopicRoutesOptions): void {
  app.post("/api/dead-letters/republish", async (c) => {
    const refusal = mayAll(c);
    if (refusal) return refused(c, refusal);
    const body = await bodies.json(c);
    if (body.kind === "refused") return refused(c, body.refusal);
    const request = Republish.safeParse(body.kind === "none" ? {} : body.json);
    if (!request.success) return failure(c, 400, "bad_request", z.prettifyError(request.error));
    if (!names.some(({ topic }) => topic === request.data.topic)) {
      return failure(c, 404, "no_such_topic", "No domain that runs here reads a topic of this name");
    }
    try {
      return c.json(await republish(request.data));
    } catch (error) {
      if (error instanceof RepublishRefusedError) return failure(c, 409, error.code, error.message);
      if (error instanceof FreshetError && error.retriable) return failure(c, 503, error.code, error.message);
      throw error;
    }
  });
}
