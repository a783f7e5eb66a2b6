// From the configured credentials to what the driver logs in with: keys in any of their forms, read when they are needed.
// Must not know what a connection is used for. Nothing secret goes into a message.

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { Buffer } from "node:buffer";
import { WarehouseRefusedError } from "../../errors.ts";
import type { LoginOptions } from "./driver.ts";

/** How to prove who one is. */
export type Credentials =
  | {
    readonly kind: "key";
    /** PEM (with line breaks, or blanks or the two characters `\n` instead), or base64 of the PEM or of its DER in one line. */
    readonly key: { readonly text: string } | { readonly path: string };
    readonly passphrase?: string | undefined;
  }
  | { readonly kind: "password"; readonly password: string }
  | { readonly kind: "access token"; readonly token: string }
  | { readonly kind: "oauth token"; readonly token: string };

/** What to log in with, and what tells one key from another. */
export interface Proof {
  readonly options: LoginOptions;
  /** Of the public key, as `DESCRIBE USER` shows it; for other credentials there is none. */
  readonly fingerprint?: string;
}

/** Reads the key anew each time, so that a replaced file counts. Errors: `WarehouseRefusedError` for a key that cannot be used. */
export async function proofOf(credentials: Credentials): Promise<Proof> {
  switch (credentials.kind) {
    case "password":
      return { options: { authenticator: "SNOWFLAKE", password: credentials.password } };
    case "access token":
      return { options: { authenticator: "PROGRAMMATIC_ACCESS_TOKEN", token: credentials.token } };
    case "oauth token":
      return { options: { authenticator: "OAUTH", token: credentials.token } };
    case "key": {
      const { key, passphrase } = credentials;
      const where = "path" in key ? `The key file "${key.path}" (SNOWFLAKE_PRIVATE_KEY_PATH)` : "SNOWFLAKE_PRIVATE_KEY";
      const privateKey = readKey("path" in key ? await textOf(key.path) : key.text, passphrase, where);
      const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      return {
        options: { authenticator: "SNOWFLAKE_JWT", privateKey: pem },
        fingerprint: fingerprintOf(privateKey),
      };
    }
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new WarehouseRefusedError(`Cannot read the key file "${path}" (SNOWFLAKE_PRIVATE_KEY_PATH): ${why}`, {
      cause,
    });
  }
}

const PEM = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s*([\s\S]*?)\s*-----END \1-----/;

/** A key of any form as DER or PEM, and whether it asks for a passphrase. */
function decode(text: string): { readonly key: string | Buffer; readonly encrypted: boolean } | undefined {
  const trimmed = text.trim().replaceAll("\\r", "").replaceAll("\\n", "\n");
  const plain = PEM.test(trimmed) ? trimmed : Buffer.from(trimmed.replace(/\s/g, ""), "base64").toString("latin1");
  const [pem, label, body] = PEM.exec(plain) ?? [];
  if (pem !== undefined) {
    return {
      key: withLineBreaks(pem, label!, body!),
      encrypted: label!.startsWith("ENCRYPTED") || /^Proc-Type:.*ENCRYPTED/m.test(body!),
    };
  }
  // DER begins with a SEQUENCE; that of a plain key goes on with a version, of an encrypted one with another SEQUENCE.
  const der = Buffer.from(plain, "latin1");
  if (der.length < 64 || der[0] !== 0x30) return undefined;
  const first = der[1]! < 0x80 ? 2 : 2 + (der[1]! & 0x7f);
  const encrypted = der[first] === 0x30;
  const label64 = encrypted ? "ENCRYPTED PRIVATE KEY" : der[first + 3] === 0x30 ? "PRIVATE KEY" : "RSA PRIVATE KEY";
  const lines = der.toString("base64").match(/.{1,64}/g)!.join("\n");
  return { key: `-----BEGIN ${label64}-----\n${lines}\n-----END ${label64}-----\n`, encrypted };
}

/** As OpenSSL reads it: environments, and who copies, make blanks of line breaks. One with headers is left as it is. */
function withLineBreaks(pem: string, label: string, body: string): string {
  if (body.includes(":")) return pem;
  const lines = body.replace(/\s/g, "").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function readKey(text: string, passphrase: string | undefined, where: string): KeyObject {
  const decoded = decode(text);
  if (!decoded) {
    throw new WarehouseRefusedError(
      `${where} is not a private key: expected PEM ("-----BEGIN PRIVATE KEY-----" …), or its base64 in one line`,
    );
  }
  if (decoded.encrypted && passphrase === undefined) {
    throw new WarehouseRefusedError(`${where} is encrypted: set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: decoded.key, ...(decoded.encrypted ? { passphrase } : {}) });
  } catch (cause) {
    throw new WarehouseRefusedError(
      decoded.encrypted
        ? `${where} cannot be decrypted: check SNOWFLAKE_PRIVATE_KEY_PASSPHRASE`
        : `${where} cannot be read as a private key: it is damaged, or not PKCS#8 or PKCS#1`,
      { cause },
    );
  }
  if (key.asymmetricKeyType !== "rsa") {
    throw new WarehouseRefusedError(
      `${where} is of type ${key.asymmetricKeyType}: Snowflake takes RSA keys of 2048 bits and more`,
    );
  }
  return key;
}

function fingerprintOf(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: "spki", format: "der" });
  return `SHA256:${createHash("sha256").update(der).digest("base64")}`;
}
