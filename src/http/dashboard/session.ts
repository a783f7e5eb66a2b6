// Who may look: a browser cannot send a bearer token with each request, so it gives the token once and gets a cookie that
// proves it. The cookie is made of the token, so it survives a restart and dies with the token. Must not know the routes.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Hono, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import * as z from "zod";
import { requireToken } from "../auth.ts";
import { failure } from "./failure.ts";

const COOKIE = "freshet_dashboard";
const MAX_AGE_S = 30 * 24 * 3600;
/** Wrong tokens in a minute before everybody has to wait. */
const MAX_FAILURES = 20;
const FAILURES_MS = 60_000;

const Login = z.strictObject({ token: z.string().min(1).max(4096) });

/** Lets those pass who have the cookie or send the token; everybody when there is no token (only loopback then). */
export function requireSession(token: string | undefined): MiddlewareHandler {
  if (token === undefined) return (_c, next) => next();
  const bearer = requireToken([token]);
  return (c, next) => isEqual(getCookie(c, COOKIE) ?? "", proofOf(token)) ? next() : bearer(c, next);
}

/** Adds `POST /api/session`: 204 with a cookie for the right token, 401 for another, 429 for too many others. */
export function sessionRoute(app: Hono, token: string | undefined, now: () => number): void {
  let failures = 0;
  let since = -Infinity;
  app.post("/api/session", async (c) => {
    if (now() - since > FAILURES_MS) [failures, since] = [0, now()];
    if (failures >= MAX_FAILURES) {
      c.header("retry-after", String(Math.ceil((since + FAILURES_MS - now()) / 1000)));
      return failure(c, 429, "too_many_attempts", "Too many wrong tokens: wait a minute");
    }
    const login = Login.safeParse(await c.req.json().catch(() => undefined));
    if (!login.success) return failure(c, 400, "bad_request", 'Expected {"token": "…"}');
    if (token !== undefined && !isEqual(login.data.token, token)) {
      failures++;
      return failure(c, 401, "unauthorized", "This is not the token that FRESHET_API_TOKEN has");
    }
    if (token !== undefined) {
      setCookie(c, COOKIE, proofOf(token), {
        httpOnly: true,
        sameSite: "Strict",
        path: "/",
        maxAge: MAX_AGE_S,
        secure: new URL(c.req.url).protocol === "https:" || c.req.header("x-forwarded-proto") === "https",
      });
    }
    return c.body(null, 204);
  });
}

function proofOf(token: string): string {
  return createHmac("sha256", token).update("freshet dashboard 1").digest("base64url");
}

/** In a time that does not depend on where they differ. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
