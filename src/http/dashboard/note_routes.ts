// What people note: an alert that they take up, a rule that they mute, something that happened. They change
// something, so they need the token that opens everything, where there is one.
import type { Context, Hono } from "hono";
import * as z from "zod";
import type { BodyReader } from "../request_body.ts";
import { failure } from "./failure.ts";
import { type AllCheck, refused } from "./session.ts";

const by = z.string().trim().min(1).max(100);
const note = z.string().trim().max(1_000).default("");
const name = z.string().min(1).max(256);
const moment = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const MAX_MUTE_MINUTES = 30 * 24 * 60;

const Acknowledge = z.strictObject({
  domain: name,
  alert_ids: z.array(z.string().min(1).max(1_000)).min(1).max(500),
  by,
  note,
});
const Mute = z.strictObject({ domain: name, type: name, minutes: z.int().min(1).max(MAX_MUTE_MINUTES), by, note });
const Unmute = z.strictObject({ domain: name, type: name });
const Annotate = z.strictObject({
  domain: name.nullable(),
  kind: z.enum(["deployment", "incident", "note"]),
  text: z.string().trim().min(1).max(300),
  by,
  starts_at: moment,
  ends_at: moment.nullable().default(null),
}).refine(({ starts_at, ends_at }) => ends_at === null || ends_at > starts_at, "ends_at must be after starts_at");
const Remove = z.strictObject({ id: name });

/** Where it is all kept. Each rejects with the warehouse's errors. */
export interface NoteKeeper {
  /** Rises with everything that is noted. */
  readonly version: number;
  acknowledge(
    note: { readonly domain: string; readonly alertIds: readonly string[]; readonly by: string; readonly note: string },
  ): Promise<void>;
  mute(mute: z.output<typeof Mute>): Promise<void>;
  unmute(rule: z.output<typeof Unmute>): Promise<void>;
  annotate(annotation: {
    readonly domain: string | null;
    readonly kind: "deployment" | "incident" | "note";
    readonly text: string;
    readonly by: string;
    readonly startsAt: number;
    readonly endsAt: number | null;
  }): Promise<void>;
  removeAnnotation(id: string): Promise<void>;
}

export interface NoteRoutesOptions {
  readonly notes: NoteKeeper;
  readonly mayAll: AllCheck;
  readonly bodies: BodyReader;
  /** The domains that run, by name: the types of alerts that each has. */
  readonly alertTypes: ReadonlyMap<string, readonly string[]>;
}

/** Adds the routes: each answers 204 once what is noted is in the warehouse. */
export function noteRoutes(app: Hono, options: NoteRoutesOptions): void {
  const { notes, alertTypes, mayAll } = options;
  app.use("/api/notes/*", (c, next) => {
    const refusal = mayAll(c);
    return refusal ? Promise.resolve(refused(c, refusal)) : next();
  });
  const route = <T>(path: string, schema: z.ZodType<T>, write: (body: T) => Promise<void>) =>
    app.post(`/api/notes/${path}`, async (c) => {
      const body = await read(c, schema, options.bodies);
      if (body instanceof Response) return body;
      const { domain, type } = body as { readonly domain?: string | null; readonly type?: string };
      // A rule that is there no more can still be unmuted.
      const wrong = whatIsUnknown({ domain, type: path === "mute" ? type : undefined }, alertTypes);
      if (wrong !== undefined) return failure(c, 400, "bad_request", wrong);
      await write(body);
      return c.body(null, 204);
    });
  route("acknowledge", Acknowledge, ({ alert_ids, ...rest }) => notes.acknowledge({ ...rest, alertIds: alert_ids }));
  route("mute", Mute, (mute) => notes.mute(mute));
  route("unmute", Unmute, (rule) => notes.unmute(rule));
  route(
    "annotate",
    Annotate,
    ({ starts_at, ends_at, ...rest }) => notes.annotate({ ...rest, startsAt: starts_at, endsAt: ends_at }),
  );
  route("remove-annotation", Remove, ({ id }) => notes.removeAnnotation(id));
}

/** A rule that is misspelt would be muted without a word, and go on telling. */
function whatIsUnknown(
  { domain, type }: { readonly domain?: string | null; readonly type?: string },
  alertTypes: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  if (typeof domain !== "string") return undefined;
  const types = alertTypes.get(domain);
  if (!types) return `No domain "${domain}" runs here: ${[...alertTypes.keys()].join(", ")}`;
  if (type === undefined || types.includes(type)) return undefined;
  return `"${domain}" has no alerts "${type}": ${types.join(", ") || "it has none"}`;
}

async function read<T>(c: Context, schema: z.ZodType<T>, bodies: BodyReader): Promise<T | Response> {
  const body = await bodies.json(c);
  if (body.kind === "refused") return refused(c, body.refusal);
  const parsed = schema.safeParse(body.kind === "none" ? undefined : body.json);
  return parsed.success ? parsed.data : failure(c, 400, "bad_request", z.prettifyError(parsed.error).slice(0, 1_000));
}
