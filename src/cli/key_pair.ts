// RSA key pairs for Snowflake's key-pair login: making them, and their public half as Snowflake wants it.
// Knows nothing of files, settings or terminals.
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

/** What Snowflake is told of a key. */
export interface PublicKey {
  /** The body of the PEM (SPKI, base64) without header and line breaks, for `RSA_PUBLIC_KEY`. */
  readonly body: string;
  /** `SHA256:` and base64, as `DESCRIBE USER` shows it: `RSA_PUBLIC_KEY_FP`. */
  readonly fingerprint: string;
  readonly bits: number;
}

/** A new key: the private half as PKCS#8 PEM. */
export interface KeyPair extends PublicKey {
  readonly privatePem: string;
}

/** Why a private key cannot be read. */
export class KeyUnreadableError extends Error {
  override readonly name = "KeyUnreadableError";
}

/**
 * Makes an RSA key pair of `bits` (Snowflake: at least 2048). With a passphrase the private half is encrypted
 * (PBES2, AES-256-CBC), a form that OpenSSL and Snowflake's drivers read.
 */
export async function makeKeyPair(bits: number, passphrase: string | undefined): Promise<KeyPair> {
  const protection = passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase };
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: bits,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", ...protection },
  });
  return { privatePem: privateKey, ...publicKeyOf(privateKey, passphrase) };
}

/** Whether a PEM text holds an encrypted private key. */
export function isEncrypted(pem: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/** The public half of a private key in PEM. Throws `KeyUnreadableError`, never with the key or passphrase in it. */
export function publicKeyOf(privatePem: string, passphrase: string | undefined): PublicKey {
  const key = readPrivateKey(privatePem, passphrase);
  if (key.asymmetricKeyType !== "rsa") {
    throw new KeyUnreadableError(`It is a key of type ${key.asymmetricKeyType}: Snowflake takes RSA keys`);
  }
  const der = createPublicKey(key).export({ type: "spki", format: "der" });
  return {
    body: der.toString("base64"),
    fingerprint: `SHA256:${createHash("sha256").update(der).digest("base64")}`,
    bits: key.asymmetricKeyDetails?.modulusLength ?? 0,
  };
}

function readPrivateKey(pem: string, passphrase: string | undefined): KeyObject {
  const encrypted = isEncrypted(pem);
  if (encrypted && passphrase === undefined) {
    throw new KeyUnreadableError("It is encrypted: set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE");
  }
  try {
    return createPrivateKey({ key: pem, ...(encrypted ? { passphrase } : {}) });
  } catch {
    // What OpenSSL says depends on what the garbage happened to decrypt to.
    throw new KeyUnreadableError(
      encrypted
        ? "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is not its passphrase, or it is damaged"
        : "It is not a private key in PEM: expected a file that begins with -----BEGIN PRIVATE KEY-----",
    );
  }
}
