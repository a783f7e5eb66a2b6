// Who may log in to the double: passwords, programmatic access tokens, OAuth tokens and key-pair JWTs, refused with the
// codes of Snowflake. The caller never learns from the message why a JWT was refused; `reason` is for tests.

import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { Buffer } from "node:buffer";

export interface User {
  readonly name: string;
  readonly password?: string;
  /** As `ALTER USER … SET RSA_PUBLIC_KEY` takes it: PEM, or its base64 without header and footer. */
  readonly rsaPublicKey?: string;
  readonly rsaPublicKey2?: string;
  readonly accessTokens?: readonly string[];
  readonly expiredAccessTokens?: readonly string[];
  /** No network policy says from where the user may come: then its access tokens are refused. */
  readonly withoutNetworkPolicy?: boolean;
  readonly oauthTokens?: readonly string[];
  readonly expiredOauthTokens?: readonly string[];
  /** The first is the default role. */
  readonly roles: readonly string[];
  readonly disabled?: boolean;
}

export interface LoginData {
  readonly ACCOUNT_NAME?: string;
  readonly LOGIN_NAME?: string;
  readonly PASSWORD?: string;
  readonly AUTHENTICATOR?: string;
  readonly TOKEN?: string;
  readonly SESSION_PARAMETERS?: Readonly<Record<string, unknown>>;
}

export type LoginOutcome =
  | { readonly user: User }
  | { readonly code: string; readonly message: string; readonly reason: string };

const refused = (code: string, message: string, reason: string): LoginOutcome => ({ code, message, reason });

/** Whether `data` logs one of the users in, at a time in epoch milliseconds. */
export function checkLogin(
  data: LoginData,
  options: { readonly account: string; readonly users: readonly User[]; readonly nowMs: number },
): LoginOutcome {
  const kind = (data.AUTHENTICATOR ?? "SNOWFLAKE").toUpperCase();
  const name = (data.LOGIN_NAME ?? "").toUpperCase();
  const named = options.users.find((user) => user.name.toUpperCase() === name);
  const outcome = kind === "SNOWFLAKE_JWT"
    ? checkJwt(data.TOKEN ?? "", named, options)
    : kind === "OAUTH"
    ? checkOauth(data.TOKEN ?? "", named, options.users)
    : kind === "PROGRAMMATIC_ACCESS_TOKEN"
    ? checkAccessToken(data.TOKEN ?? "", named)
    : kind === "SNOWFLAKE" || kind === "USERNAME_PASSWORD_MFA"
    ? checkPassword(data.PASSWORD ?? "", named)
    : refused("390190", `The authenticator ${kind} is not accepted by this account.`, `authenticator ${kind}`);
  if ("user" in outcome && outcome.user.disabled) {
    return refused("390101", "User access disabled. Contact your local system administrator.", "the user is disabled");
  }
  return outcome;
}

function checkPassword(password: string, user: User | undefined): LoginOutcome {
  if (user !== undefined && password !== "" && password === user.password) return { user };
  // An access token is taken where a password is asked for.
  if (user?.accessTokens?.includes(password)) return { user };
  const message = "Incorrect username or password was specified.";
  return refused("390100", message, user === undefined ? "no such user" : "wrong password");
}

function checkAccessToken(token: string, user: User | undefined): LoginOutcome {
  if (user?.accessTokens?.includes(token)) {
    if (!user.withoutNetworkPolicy) return { user };
    return refused("390432", "Network policy is required.", "the user is under no network policy");
  }
  const reason = user?.expiredAccessTokens?.includes(token) ? "the access token is expired" : "unknown access token";
  return refused("394400", "Programmatic access token is invalid.", reason);
}

function checkOauth(token: string, named: User | undefined, users: readonly User[]): LoginOutcome {
  const user = users.find((each) => each.oauthTokens?.includes(token));
  if (user !== undefined) {
    if (named === undefined || named === user) return { user };
    const message = "The user you were trying to authenticate as differs from the user tied to the access token.";
    return refused("390309", message, "the token is another user's");
  }
  if (users.some((each) => each.expiredOauthTokens?.includes(token))) {
    return refused("390318", `OAuth access token expired. [${crypto.randomUUID()}]`, "the OAuth token is expired");
  }
  return refused("390303", `Invalid OAuth access token. [${crypto.randomUUID()}]`, "unknown OAuth token");
}

function checkJwt(
  token: string,
  user: User | undefined,
  { account, nowMs }: { readonly account: string; readonly nowMs: number },
): LoginOutcome {
  const invalid = (reason: string) => refused("390144", `JWT token is invalid. [${crypto.randomUUID()}]`, reason);
  const [header64, payload64, signature64, ...rest] = token.split(".");
  if (header64 === undefined || payload64 === undefined || signature64 === undefined || rest.length > 0) {
    return invalid("not a JWT");
  }
  let header: Record<string, unknown>, payload: Record<string, unknown>;
  try {
    header = JSON.parse(Buffer.from(header64, "base64url").toString());
    payload = JSON.parse(Buffer.from(payload64, "base64url").toString());
  } catch {
    return invalid("not a JWT");
  }
  if (header.alg !== "RS256") return invalid("the algorithm is not RS256");
  if (user === undefined) return invalid("no such user");
  const signed = Buffer.from(`${header64}.${payload64}`);
  const keys = [user.rsaPublicKey, user.rsaPublicKey2].filter((key) => key !== undefined).map(publicKey);
  const signature = Buffer.from(signature64, "base64url");
  const key = keys.find((each) => verify("RSA-SHA256", signed, each, signature));
  if (key === undefined) return invalid("the signature is not by a registered key");
  const subject = `${account.toUpperCase()}.${user.name.toUpperCase()}`;
  if (payload.sub !== subject) return invalid("the subject is not ACCOUNT.USER");
  if (payload.iss !== `${subject}.${fingerprint(key)}`) return invalid("the issuer's fingerprint is not the key's");
  const expires = milliseconds(payload.exp), issued = milliseconds(payload.iat);
  if (expires === undefined || issued === undefined) return invalid("no time of issue or expiry");
  if (nowMs >= Math.min(expires, issued + 3_600_000)) return invalid("expired");
  if (issued > nowMs + 60_000) return invalid("issued in the future");
  return { user };
}

/** The Node driver writes milliseconds where the standard says seconds, and Snowflake takes both. */
function milliseconds(time: unknown): number | undefined {
  if (typeof time !== "number") return undefined;
  return time > 1e11 ? time : time * 1000;
}

function publicKey(text: string): KeyObject {
  const base64 = text.replace(/-----[^-]+-----/g, "").replace(/\s/g, "");
  return createPublicKey({ key: Buffer.from(base64, "base64"), format: "der", type: "spki" });
}

/** As `DESCRIBE USER` shows it: RSA_PUBLIC_KEY_FP. */
export function fingerprint(key: KeyObject): string {
  return `SHA256:${createHash("sha256").update(key.export({ type: "spki", format: "der" })).digest("base64")}`;
}
