// The certificate that a client shows to the broker, and its key: looked at before they are used, because a broker that
// does not like them says nearly nothing. Knows the names of the settings, and of no file but what it is told.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { ConfigError } from "../../errors.ts";

/** A file that a setting named. */
export interface NamedFile {
  readonly path: string;
  /** What is in it: PEM, certificates or a private key. */
  readonly text: string;
}

export interface ClientCertificateOptions {
  readonly cert: NamedFile;
  readonly key: NamedFile;
  readonly passphrase?: string;
  readonly nowMs: number;
}

/** Both as TLS takes them, the key without its pass phrase. Throws `ConfigError` with the setting to look at. */
export function clientCertificate(
  { cert, key, passphrase, nowMs }: ClientCertificateOptions,
): { readonly cert: string; readonly key: string } {
  const certName = `KAFKA_SSL_CERT_FILE is "${cert.path}"`;
  const keyName = `KAFKA_SSL_KEY_FILE is "${key.path}"`;
  const certificate = readCertificate(cert.text, certName);
  const privateKey = readKey(key.text, { name: keyName, passphrase });
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new ConfigError(
      `${keyName}, which does not belong to the certificate in KAFKA_SSL_CERT_FILE: use its own key`,
    );
  }
  if (certificate.validToDate.getTime() < nowMs) {
    throw new ConfigError(`${certName}, which was valid until ${day(certificate.validToDate)}: renew the certificate`);
  }
  if (certificate.validFromDate.getTime() > nowMs) {
    throw new ConfigError(
      `${certName}, which is valid from ${day(certificate.validFromDate)} on: set this machine's clock, or wait`,
    );
  }
  return { cert: cert.text, key: privateKey.export({ type: "pkcs8", format: "pem" }) as string };
}

/** The first certificate of the file, which is the client's own. */
function readCertificate(text: string, name: string): X509Certificate {
  const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text)?.[0];
  if (pem === undefined) throw new ConfigError(`${name}, which holds no certificate: expected PEM`);
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new ConfigError(`${name}, which holds a certificate that cannot be read: it is damaged`, { cause });
  }
}

function readKey(
  text: string,
  { name, passphrase }: { readonly name: string; readonly passphrase: string | undefined },
): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new ConfigError(`${name}, which holds no private key: expected PEM`);
  }
  const encrypted = /BEGIN ENCRYPTED|Proc-Type:.*ENCRYPTED/.test(text);
  if (encrypted && passphrase === undefined) {
    throw new ConfigError(`${name}, which has a pass phrase: set KAFKA_SSL_KEY_PASSWORD`);
  }
  try {
    return createPrivateKey({ key: text, ...(encrypted ? { passphrase } : {}) });
  } catch (cause) {
    throw new ConfigError(
      !encrypted
        ? `${name}, which holds a private key that cannot be read: it is damaged`
        : /unsupported/.test(cause instanceof Error ? cause.message : "")
        ? `${name}, which is encrypted in a way that is not supported: encrypt it anew by "openssl pkcs8 -topk8 -v2 aes256"`
        : `${name}, which the pass phrase does not open: check KAFKA_SSL_KEY_PASSWORD`,
      { cause },
    );
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 19) + "Z";
}
