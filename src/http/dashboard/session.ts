// Who may look: a browser cannot send a bearer token with each request, so it gives the token once and gets a cookie that
// proves it. The cookie is made of the token, so it survives a restart and dies with the token. Must not know the routes.
import { createHmac } from "node:crypto";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import * as z from "zod";
import { bearerOf, isToken, tokenCheck, type Tokens, tokensFor } from "../auth.ts";
import type { Guesses } from "../guesses.ts";
import { PROBLEMS, type Refusal } from "../problem.ts";
import type { BodyReader } from "../request_body.ts";
import { failure } from "./failure.ts";

const COOKIE = "freshet_dashboard";
const MAX_AGE_S = 30 * 24 * 3600;

const Login = z.strictObject({ token: z.string().min(1).max(4096) });

export interface SessionOptions {
  readonly tokens: Tokens;
  readonly guesses: Guesses;
}

/** Why a request may not do what needs everything opened: run SQL, publish records, note something; `undefined` when it may. */
export type AllCheck = (c: Context) => Refusal | undefined;

const READS_ONLY: Refusal = {
  code: "wrong_right",
  detail: "This needs FRESHET_API_TOKEN",
};

/**
 * Lets those do everything, who may look already, who have the cookie of FRESHET_API_TOKEN or send it; everybody where no token is
 * set at all (only loopback then, and pages of other sites are refused before).
 */
export function allCheck(tokens: Tokens): AllCheck {
  const { api, ingest, read, run } = tokens;
  if (api === undefined && ingest === undefined && read === undefined) return () => undefined;
  const opening = [api, run].filter((token) => token !== undefined);
  const proofs = opening.map(proofOf);
  return (c) => {
    const sent = bearerOf(c);
    const mayAll = sent === undefined ? isToken(proofs, getCookie(c, COOKIE) ?? "") : isToken(opening, sent);
    return mayAll ? undefined : READS_ONLY;
  };
}

/** Lets those pass who have the cookie or send a token that reads; everybody when there is none (only loopback then). */
export function requireSession({ tokens, guesses }: SessionOptions): MiddlewareHandler {
  const opening = tokensFor("read", tokens);
  if (opening.length === 0) return (_c, next) => next();
  const check = tokenCheck("read", tokens, guesses);
  const proofs = opening.map(proofOf);
  return (c, next) => {
    // Nobody guesses what it is: who has it need not wait for those who guess at tokens. A token that is sent beside it counts
    // as a guess all the same.
    if (bearerOf(c) === undefined && isToken(proofs, getCookie(c, COOKIE) ?? "")) return next();
    const refusal = check(c);
    if (!refusal) return next();
    if (refusal.code === "unauthorized") c.header("www-authenticate", "Bearer");
    return Promise.resolve(refused(c, refusal));
  };
}

export interface SessionRouteOptions extends SessionOptions {
  readonly bodies: BodyReader;
}

/** Adds `POST /api/session`: 204 with a cookie for a right token, 401 for another, 429 for too many others from an address. */
export function sessionRoute(app: Hono, { tokens, guesses, bodies }: SessionRouteOptions): void {
  const opening = tokensFor("read", tokens);
  app.post("/api/session", async (c) => {
    const wait = guesses.waitOf(c);
    if (wait) return refused(c, wait);
    const body = await bodies.json(c);
    if (body.kind === "refused") return refused(c, body.refusal);
    const login = Login.safeParse(body.kind === "none" ? undefined : body.json);
    if (!login.success) return failure(c, 400, "bad_request", 'Expected {"token": "…"}');
    if (opening.length === 0) return c.body(null, 204);
    const { token } = login.data;
    if (!isToken(opening, token)) {
      guesses.count(c);
      return failure(
        c,
        401,
        "unauthorized",
        "This token does not open the dashboard: FRESHET_READ_TOKEN or FRESHET_API_TOKEN does",
      );
    }
    setCookie(c, COOKIE, proofOf(token), {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      maxAge: MAX_AGE_S,
      secure: new URL(c.req.url).protocol === "https:" || c.req.header("x-forwarded-proto") === "https",
    });
    return c.body(null, 204);
  });
}

/** An answer of this server to what is refused as by the API. */
export function refused(c: Context, { code, detail, retryAfter }: Refusal): Response {
  if (retryAfter !== undefined) c.header("retry-after", String(Math.max(1, Math.ceil(retryAfter))));
  return failure(c, PROBLEMS[code].status, code, detail);
}

function proofOf(token: string): string {
  return createHmac("sha256", token).update("freshet dashboard 1").digest("base64url");
}
