// Settings as @platformatic/kafka wants them for a connection: address, TLS, login. Nothing else knows how it takes them.

import { isIP } from "node:net";
import type { ConnectionOptions, SASLOptions } from "@platformatic/kafka";
import { tokenRefused } from "../errors.ts";
import type { CompleteKafkaSettings } from "../settings.ts";

/** The package, loaded. */
export type Library = typeof import("@platformatic/kafka");

const DEFAULT_PORT = 9092;
const MECHANISMS = { plain: "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512" } as const;

/** Where a broker listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port` in its parts. */
export function addressOf(broker: string): Address {
  const [, host, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(broker)!;
  return { host: host!, port: port === undefined ? DEFAULT_PORT : Number(port) };
}

/** What a connection's options need beside the settings. */
export interface ConnectionParts {
  readonly library: Library;
  readonly host: string;
  /** Told when a login has succeeded: for how long the broker takes requests by it. */
  readonly onLogin: (lifetimeMs: number) => void;
}

export function connectionOptions(settings: CompleteKafkaSettings, parts: ConnectionParts): ConnectionOptions {
  const { host } = parts;
  return {
    connectTimeout: settings.connectionTimeoutMs,
    // Order is kept by whoever asks; the package must not hold a request back.
    maxInflights: 1_000,
    tls: tlsOf(settings),
    tlsServerName: isIP(host) === 0,
    sasl: saslOf(settings, parts),
  };
}

function tlsOf({ ssl }: CompleteKafkaSettings): ConnectionOptions["tls"] {
  if (!ssl) return undefined;
  return typeof ssl === "object" ? { ...ssl } : {};
}

function saslOf(settings: CompleteKafkaSettings, parts: ConnectionParts): SASLOptions | undefined {
  const { sasl, brokers, settingNames } = settings;
  if (sasl === undefined) return undefined;
  const authenticate = loginOnce(sasl, parts);
  if (sasl.mechanism !== "oauthbearer") {
    const { username, password } = sasl;
    return { mechanism: MECHANISMS[sasl.mechanism], username, password, authenticate };
  }
  return {
    mechanism: "OAUTHBEARER",
    token: sasl.token,
    authenticate,
    // A broker that refuses a token answers with its reason in place of nothing, which the package takes for a success.
    authBytesValidator(reason, callback) {
      if (reason.length === 0) callback(null, reason);
      else callback(tokenRefused(reason.toString(), { brokers, login: settingNames.login }));
    },
  };
}

/**
 * The package's logins, each once for a connection. By itself the package logs in again on the same connection while requests
 * go over it, and a request in the midst of a login is one that the broker refuses: here a connection is exchanged in time.
 */
function loginOnce(
  sasl: NonNullable<CompleteKafkaSettings["sasl"]>,
  { library, onLogin }: ConnectionParts,
): NonNullable<SASLOptions["authenticate"]> {
  return (mechanism, connection, api, username, password, token, callback) => {
    const done: typeof callback = (error, response) => {
      if (error || response === undefined) return callback(error, response);
      onLogin(Number(response.sessionLifetimeMs));
      callback(null, { ...response, sessionLifetimeMs: 0n });
    };
    if (sasl.mechanism === "plain") library.saslPlain.authenticate(api, connection, username!, password!, done);
    else if (sasl.mechanism === "oauthbearer") {
      library.saslOAuthBearer.authenticate(api, connection, token!, { ...sasl.extensions }, done);
    } else {
      const { authenticate, defaultCrypto } = library.saslScramSha;
      const algorithm = mechanism.substring("SCRAM-".length) as "SHA-256" | "SHA-512";
      authenticate(api, connection, algorithm, username!, password!, defaultCrypto, done);
    }
  };
}
