// Who asks: a JSON Web Token signed with the user's key, and the scoped token that it is exchanged for, which is good for the
// ingest host alone. Both expire, and are made anew before. Nothing secret goes into a message.

import { Buffer } from "node:buffer";
import { createPrivateKey, sign } from "node:crypto";
import { WarehouseRefusedError } from "../../../errors.ts";
import { type Credentials, proofOf } from "../credentials.ts";

/** How long a JSON Web Token is good for, seconds: an hour is the most that Snowflake takes. */
const JWT_SECONDS = 3_540;
/** A token this old is not used any more, milliseconds; how long a scoped token is good for is not documented. */
export const TOKEN_MS = 30 * 60_000;

export interface Identity {
  /** `ORGANIZATION-ACCOUNT`, or `LOCATOR.REGION`. */
  readonly account: string;
  readonly user: string;
  readonly credentials: Credentials;
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/**
 * A JSON Web Token by the user's key, which is read anew each time. `now`: epoch milliseconds.
 *
 * Errors: `WarehouseRefusedError` for credentials of another kind, or a key that cannot be used.
 */
export async function jwtOf({ account, user, credentials }: Identity, now: number): Promise<string> {
  const { options: { privateKey }, fingerprint } = await proofOf(credentials);
  if (typeof privateKey !== "string") {
    throw new WarehouseRefusedError(
      "SNOWFLAKE_RAW_INGEST=streaming needs a key pair: set SNOWFLAKE_PRIVATE_KEY_PATH (freshet keygen makes one), or " +
        "SNOWFLAKE_RAW_INGEST=sql",
    );
  }
  // A region behind the locator is no part of the name.
  const subject = `${account.split(".")[0]!.toUpperCase()}.${user.toUpperCase()}`;
  const issuedAt = Math.floor(now / 1000);
  const claims = { iss: `${subject}.${fingerprint}`, sub: subject, iat: issuedAt, exp: issuedAt + JWT_SECONDS };
  const signed = `${base64({ alg: "RS256", typ: "JWT" })}.${base64(claims)}`;
  const signature = sign("RSA-SHA256", Buffer.from(signed), createPrivateKey(privateKey));
  return `${signed}.${signature.toString("base64url")}`;
}
