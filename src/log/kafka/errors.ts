// What kafkajs throws, as our errors with what to do next. Knows kafkajs's error names and nothing else of it; repeats no
// settings in its messages but the brokers' names.

import { X509Certificate } from "node:crypto";
import {
  FreshetError,
  LogRefusedError,
  LogUnavailableError,
  RecordTooLargeError,
  TimestampRefusedError,
  TopicMissingError,
} from "../../errors.ts";
import type { CompleteKafkaSettings } from "./settings.ts";

/** What a call was about. */
export interface About {
  readonly topics?: readonly string[];
  readonly group?: string;
}

/** What the messages may say of the settings, and of the call. */
export interface ErrorContext extends About {
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  /** PEM text of what the client shows of itself in the handshake. */
  readonly clientCertificate: string | undefined;
  readonly mechanism: string | undefined;
  readonly settingNames: { readonly brokers: string; readonly login: string };
}

export function errorContext(settings: CompleteKafkaSettings, about: About = {}): ErrorContext {
  const { brokers, ssl, sasl, settingNames } = settings;
  return {
    ...about,
    brokers,
    ssl: Boolean(ssl),
    clientCertificate: typeof ssl === "object" ? ssl.cert : undefined,
    mechanism: sasl?.mechanism,
    settingNames,
  };
}

/** What kafkajs and Node put on their errors, all of it optional. */
interface KafkaErrorShape {
  readonly name: string;
  readonly message: string;
  readonly type?: string;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
}

type Advice = (context: ErrorContext, error: KafkaErrorShape) => FreshetError | string;

const refused = (message: string, cause: unknown) => new LogRefusedError(message, { cause });

/** Tried in order on every error of the chain; the first that matches decides. */
const RULES: readonly (readonly [matches: (error: KafkaErrorShape) => boolean, translate: Advice])[] = [
  // An alert is what the broker has to say of us; what is wrong with its own certificate comes below.
  [
    ({ message }) => ALERT.test(message),
    ({ brokers, clientCertificate }, cause) => {
      const alert = ALERT.exec(cause.message)![1]!;
      if (!/Certificate|UnknownCA|AccessDenied/.test(alert)) {
        return refused(
          `Kafka at ${brokers} and this program find no TLS that both take (${alert}): look at the broker's ssl settings`,
          cause,
        );
      }
      return refused(
        clientCertificate === undefined
          ? `Kafka at ${brokers} wants a client certificate: set KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE`
          : `Kafka at ${brokers} does not take the client certificate (${alert}): ${whyNotTaken(clientCertificate)}`,
        cause,
      );
    },
  ],
  [
    ({ type }) => type === "ILLEGAL_SASL_STATE",
    ({ brokers, ssl }, cause) =>
      refused(
        `Kafka at ${brokers} takes no login on this port: use its port for ${ssl ? "SASL_SSL" : "SASL_PLAINTEXT"}, ` +
          "or unset KAFKA_SASL_MECHANISM",
        cause,
      ),
  ],
  [
    ({ type }) => type === "INCONSISTENT_GROUP_PROTOCOL",
    ({ group }, cause) => strangerInGroup(group, cause),
  ],
  [
    ({ type, message }) => type === "UNSUPPORTED_SASL_MECHANISM" || /mechanism is not supported/.test(message),
    ({ brokers, mechanism }, cause) =>
      refused(
        `Kafka at ${brokers} does not offer the login ${mechanism?.toUpperCase()}: set KAFKA_SASL_MECHANISM to one that it does`,
        cause,
      ),
  ],
  [
    // kafkajs also says so of a connection that is lost in the midst of a login: that is none of the password's doing.
    ({ name, type, message }) =>
      type === "SASL_AUTHENTICATION_FAILED" ||
      name === "KafkaJSSASLAuthenticationError" &&
        !/failed: (Closed connection|Not connected|Connection |Request .* timed out)/.test(message),
    ({ brokers, mechanism, settingNames }, cause) =>
      refused(
        `Kafka at ${brokers} refused the login by ${mechanism?.toUpperCase()}: check ${settingNames.login}`,
        cause,
      ),
  ],
  [
    ({ code, message }) =>
      /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED/.test(String(code)) ||
      /UnknownIssuer|self.signed certificate|unable to (verify|get (local )?issuer)/i.test(message),
    ({ brokers }, cause) =>
      refused(
        `The certificate of Kafka at ${brokers} is signed by nobody this machine trusts: ` +
          "set KAFKA_SSL_CA_FILE to the authority's certificate (PEM)",
        cause,
      ),
  ],
  [
    ({ code, message }) => String(code) === "ERR_TLS_CERT_ALTNAME_INVALID" || /NotValidForName|altnames/i.test(message),
    ({ brokers }, cause) =>
      refused(`The certificate of Kafka is not made out to ${brokers}: use the name that it is made out to`, cause),
  ],
  [
    ({ code, message }) =>
      /CERT_(HAS_EXPIRED|NOT_YET_VALID)/.test(String(code)) || /certificate.*expired/i.test(message),
    ({ brokers }, cause) =>
      refused(`The certificate of Kafka at ${brokers} is not valid now: renew it, or set this machine's clock`, cause),
  ],
  [
    ({ code, message }) =>
      String(code) === "EPROTO" ||
      /wrong version number|InvalidContentType|corrupt message|packet length too long/i.test(message),
    ({ brokers }, cause) =>
      refused(`Kafka at ${brokers} does not speak TLS on this port: unset KAFKA_SSL, or use its TLS port`, cause),
  ],
  [
    ({ type }) => /_AUTHORIZATION_FAILED$/.test(type ?? ""),
    ({ topics }, cause) =>
      refused(
        `Kafka does not allow this user to do that${
          topics ? ` on ${names(topics)}` : ""
        } (${cause.type}): grant it the right`,
        cause,
      ),
  ],
  [
    ({ type }) => type === "UNKNOWN_TOPIC_OR_PARTITION",
    ({ topics }, cause) =>
      topics
        ? new TopicMissingError(topics, { cause })
        : 'A topic does not exist: create it with "freshet topics create"',
  ],
  [
    ({ type }) => type === "MESSAGE_TOO_LARGE" || type === "RECORD_LIST_TOO_LARGE",
    ({ topics }, cause) =>
      new RecordTooLargeError(
        `A record is larger than ${names(topics ?? [])} takes: raise the topic's max.message.bytes`,
        { cause },
      ),
  ],
  [
    ({ type }) => type === "INVALID_TIMESTAMP",
    ({ topics }, cause) =>
      new TimestampRefusedError(
        `Kafka refused the time of a record for ${names(topics ?? [])}: set this machine's clock, or the broker's`,
        { cause },
      ),
  ],
  [
    ({ type }) =>
      /^(INVALID_(TOPIC_EXCEPTION|PARTITIONS|REPLICATION_FACTOR|CONFIG)|POLICY_VIOLATION)$/.test(type ?? ""),
    ({ topics }, cause) => refused(`Kafka refused ${names(topics ?? [])}: ${cause.message}`, cause),
  ],
  [
    ({ message }) => /before secure TLS connection was established/i.test(message),
    ({ brokers }) =>
      `Kafka at ${brokers} broke off the TLS handshake: if it does not speak TLS on this port, unset KAFKA_SSL or use its TLS port`,
  ],
  [
    ({ name, message }) =>
      /closed (the )?connection|closed by the server|ECONNRESET/i.test(message) &&
      name !== "KafkaJSNumberOfRetriesExceeded",
    (context) => `Kafka at ${context.brokers} closed the connection: ${likelyCause(context)}`,
  ],
  [
    ({ code }) => String(code) === "ENOTFOUND" || String(code) === "EAI_AGAIN",
    ({ brokers, settingNames }) => `Kafka's host cannot be found (${brokers}): check ${settingNames.brokers}`,
  ],
  [
    ({ code, message, name }) =>
      /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/.test(String(code)) ||
      /Connection (timeout|error)|refused/i.test(message) ||
      name === "KafkaJSNoBrokerAvailableError",
    ({ brokers, settingNames }) =>
      `Kafka cannot be reached at ${brokers}: check that it runs, and ${settingNames.brokers}`,
  ],
];

/** Freshet alone must be in its groups: what another program reads of the topic comes into no table. */
export function strangerInGroup(group: string | undefined, cause?: unknown): LogRefusedError {
  return new LogRefusedError(
    `Group "${group}" has a member that shares out partitions in another way, so it is another program: stop that, ` +
      "or set KAFKA_GROUP_ID to a name that only Freshet uses",
    { cause },
  );
}

/** The alert of TLS that the other side sent. */
export const ALERT = /received fatal alert: (\w+)/;

function whyNotTaken(certificate: string): string {
  const { validToDate } = new X509Certificate(certificate);
  return validToDate.getTime() < Date.now()
    ? `it expired at ${validToDate.toISOString().slice(0, 19)}Z, renew it and start again (KAFKA_SSL_CERT_FILE)`
    : "it does not trust the authority that signed it, or the certificate is not for clients; check KAFKA_SSL_CERT_FILE";
}

function likelyCause({ ssl, mechanism, clientCertificate }: ErrorContext): string {
  const isNoLogin = mechanism === undefined;
  if (!ssl) {
    return "if this is a TLS port, set KAFKA_SSL=true" +
      (isNoLogin ? "; if it wants a login, set KAFKA_SASL_MECHANISM" : "");
  }
  if (!isNoLogin) return "see its log";
  return `it may want a login (KAFKA_SASL_MECHANISM)${
    clientCertificate === undefined ? " or a client certificate (KAFKA_SSL_CERT_FILE)" : ""
  }`;
}

function names(topics: readonly string[]): string {
  return topics.map((topic) => `"${topic}"`).join(", ");
}

/** Any error of kafkajs as one of ours; ours pass through. */
export function translateKafkaError(thrown: unknown, context: ErrorContext): FreshetError {
  const chain = chainOf(thrown);
  const ours = chain.find((error) => error instanceof FreshetError);
  if (ours instanceof FreshetError) return ours;
  for (const [matches, advise] of RULES) {
    const found = chain.find(matches);
    if (found === undefined) continue;
    const advice = advise(context, found);
    return typeof advice === "string" ? new LogUnavailableError(advice, { cause: thrown }) : advice;
  }
  const message = chain.at(-1)?.message ?? String(thrown);
  return new LogUnavailableError(`Kafka at ${context.brokers} failed: ${message}`, { cause: thrown });
}

/** The error, what caused it, and so on. */
function chainOf(thrown: unknown): KafkaErrorShape[] {
  const chain: KafkaErrorShape[] = [];
  for (let error = thrown; error instanceof Error && chain.length < 8;) {
    const shape = error as KafkaErrorShape;
    if (chain.includes(shape)) break;
    chain.push(shape);
    // What kafkajs wraps may be an error of ours that has a cause: kafkajs gives that out as its own.
    error = shape.originalError ?? shape.cause ?? shape.errors?.[0];
  }
  return chain;
}
