// Settings as @platformatic/kafka wants them for a connection: address, TLS, login. Nothing else knows how it takes them.

import { isIP } from "node:net";
import type { ConnectionOptions, SASLOptions } from "@platformatic/kafka";
import { tokenRefused } from "../errors.ts";
import type { CompleteKafkaSettings } from "../settings.ts";

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

export function connectionOptions(settings: CompleteKafkaSettings, host: string): ConnectionOptions {
  return {
    connectTimeout: settings.connectionTimeoutMs,
    // Order is kept by whoever asks; the package must not hold a request back.
    maxInflights: 1_000,
    tls: tlsOf(settings),
    tlsServerName: isIP(host) === 0,
    sasl: saslOf(settings),
  };
}

function tlsOf({ ssl }: CompleteKafkaSettings): ConnectionOptions["tls"] {
  if (!ssl) return undefined;
  return typeof ssl === "object" ? { ...ssl } : {};
}

function saslOf({ sasl, brokers, settingNames }: CompleteKafkaSettings): SASLOptions | undefined {
  if (sasl === undefined) return undefined;
  if (sasl.mechanism !== "oauthbearer") {
    const { username, password } = sasl;
    return { mechanism: MECHANISMS[sasl.mechanism], username, password };
  }
  return {
    mechanism: "OAUTHBEARER",
    token: sasl.token,
    oauthBearerExtensions: { ...sasl.extensions },
    // A broker that refuses a token answers with its reason in place of nothing, which the package takes for a success.
    authBytesValidator(reason, callback) {
      if (reason.length === 0) callback(null, reason);
      else callback(tokenRefused(reason.toString(), { brokers, login: settingNames.login }));
    },
  };
}
