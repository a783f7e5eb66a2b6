// Our settings as kafkajs's configuration: connection, TLS, login. Knows nothing of what is done over the connection.

import { Buffer } from "node:buffer";
import type { AuthenticationProviderArgs, Authenticator, KafkaConfig, Mechanism, SASLOptions } from "kafkajs";
import { tokenRefused } from "../errors.ts";
import type { CompleteKafkaSettings, KafkaBearer } from "../settings.ts";

/** All that follows from the settings alone. */
export function kafkaJsConfig(settings: CompleteKafkaSettings): KafkaConfig {
  return {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: settings.connectionTimeoutMs,
    authenticationTimeout: settings.connectionTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    ssl: typeof settings.ssl === "object" ? { ...settings.ssl } : settings.ssl ?? false,
    sasl: saslOf(settings),
    // About three seconds of trying; whoever wants more calls again.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
  };
}

function saslOf(settings: CompleteKafkaSettings): SASLOptions | Mechanism | undefined {
  const { sasl } = settings;
  if (sasl === undefined) return undefined;
  if (sasl.mechanism !== "oauthbearer") return { ...sasl } as SASLOptions;
  return bearerLogin(sasl, settings);
}

/** A login for which a token is fetched before it begins; see mends.ts. */
export interface BearerMechanism extends Mechanism {
  readonly withToken: () => Promise<Mechanism>;
}

/**
 * OAUTHBEARER (RFC 7628). Not kafkajs's own, which takes a refusal for a success: a broker that refuses a token answers
 * with its reason in place of nothing, and waits for a last word before it ends the login.
 */
function bearerLogin(
  { token, extensions }: KafkaBearer,
  { brokers, settingNames }: CompleteKafkaSettings,
): BearerMechanism {
  const mechanism = "oauthbearer";
  const authenticator = (said: string, { saslAuthenticate }: AuthenticationProviderArgs): Authenticator => ({
    async authenticate() {
      const reason = await saslAuthenticate({ request: { encode: () => withLength(said) }, response: AS_TEXT });
      if (!reason) return;
      throw tokenRefused(reason, { brokers, login: settingNames.login });
    },
  });
  return {
    mechanism,
    authenticationProvider() {
      throw new Error("kafkajs did not ask for a token before the login");
    },
    async withToken() {
      const said = firstMessage(await token(), extensions);
      return { mechanism, authenticationProvider: (args) => authenticator(said, args) };
    },
  };
}

/** Between the parts of the message. */
const SEPARATOR = "\u0001";

function firstMessage(token: string, extensions: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries({ auth: `Bearer ${token}`, ...extensions }).map(([name, value]) =>
    `${name}=${value}${SEPARATOR}`
  );
  return `n,,${SEPARATOR}${pairs.join("")}${SEPARATOR}`;
}

/** Bytes on the wire begin with their length. */
function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** What the broker answers, which is nothing when it takes the token. */
const AS_TEXT = {
  decode: (answer: Buffer) => answer.subarray(4),
  parse: (answer: Buffer) => answer.toString(),
};
