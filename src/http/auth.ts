// Bearer tokens and what each of them opens, compared in constant time; who guesses waits. Knows nothing of the routes it
// guards. Our own: hono's takes one token or a list, and answers in another form than our problems.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import type { Guesses } from "./guesses.ts";
import { problem, type Refusal } from "./problem.ts";

/** Who may ask: clients with one of the configured tokens, and this program's own verbs with the run file's. */
export interface Tokens {
  /** Opens everything. */
  readonly api: string | undefined;
  /** Opens the routes for events. */
  readonly ingest?: string;
  /** Opens what reads. */
  readonly read?: string;
  readonly run: string | undefined;
}

/** What a route needs: to publish events, to read, or everything. */
export type Right = "ingest" | "read" | "all";

/** The configured tokens that give the right. */
export function tokensFor(right: Right, { api, ingest, read }: Tokens): readonly string[] {
  const own = { ingest, read, all: undefined }[right];
  return [own, api].filter((token) => token !== undefined);
}

/** Whether a token is needed for it where others may do it without one: on loopback. */
export function isGuarded(right: Right, tokens: Tokens): boolean {
  return tokensFor(right, tokens).length > 0;
}

/** Why a bearer token does not open a route; `undefined` when it does. */
export type TokenCheck = (c: Context) => Refusal | undefined;

/** The bearer token that a request has. */
export function bearerOf(c: Context): string | undefined {
  const [scheme = "", token = ""] = (c.req.header("authorization") ?? "").split(" ");
  return scheme.toLowerCase() === "bearer" && token !== "" ? token : undefined;
}

/** Whether a request comes from this program's own verbs, which know the run file's token: nobody guesses it. */
export function ownCheck({ run }: Pick<Tokens, "run">): (c: Context) => boolean {
  const own = run === undefined ? undefined : digest(run);
  return (c) => {
    const token = bearerOf(c);
    return own !== undefined && token !== undefined && timingSafeEqual(own, digest(token));
  };
}

/** Checks that requests have a token that gives the right. Without any token nobody passes. */
export function tokenCheck(right: Right, tokens: Tokens, guesses: Guesses): TokenCheck {
  const opening = tokensFor(right, tokens).map(digest);
  const isOwn = ownCheck(tokens);
  const unauthorized = opening.length > 0 ? UNAUTHORIZED : NO_TOKEN_SET;
  const others = [tokens.ingest, tokens.read].filter((token) => token !== undefined).map(digest);
  return (c) => {
    const token = bearerOf(c);
    if (token === undefined) return unauthorized;
    // They must not wait for those who guess from the same address.
    if (isOwn(c)) return undefined;
    const given = digest(token);
    const wait = guesses.waitOf(c);
    if (wait) return wait;
    if (isOneOf(opening, given)) return undefined;
    if (isOneOf(others, given)) return { code: "wrong_right", detail: "The token is right, and not for this route" };
    guesses.count(c);
    return unauthorized;
  };
}

/** Lets requests pass whose token gives the right, answers 401 or 403 to others, and 429 to those who guess. */
export function requireToken(right: Right, tokens: Tokens, guesses: Guesses): MiddlewareHandler {
  const check = tokenCheck(right, tokens, guesses);
  return async (c, next) => {
    const refusal = check(c);
    if (!refusal) return await next();
    if (refusal.code === "unauthorized") c.header("www-authenticate", "Bearer");
    return problem(c, refusal);
  };
}

const UNAUTHORIZED: Refusal = { code: "unauthorized", detail: 'Send the token as "Authorization: Bearer …"' };
/** Also without a token, on loopback, some routes are not for everybody. */
const NO_TOKEN_SET: Refusal = {
  code: "unauthorized",
  detail:
    'This route needs FRESHET_API_TOKEN, which is not set: start Freshet with it, and send it as "Authorization: Bearer …"',
};

/** All are compared, so that the time does not tell which one was near. */
function isOneOf(known: readonly Uint8Array[], given: Uint8Array): boolean {
  let matches = false;
  for (const one of known) matches = timingSafeEqual(one, given) || matches;
  return matches;
}

/** Whether a text is one of the tokens, in a time that does not depend on where they differ. */
export function isToken(tokens: readonly string[], text: string): boolean {
  return isOneOf(tokens.map(digest), digest(text));
}

/** Of equal length whatever the token, which the comparison needs. */
function digest(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
