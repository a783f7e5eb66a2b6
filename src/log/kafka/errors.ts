// What the clients throw, as our errors with what to do next. Knows the names of their errors and nothing else of them; repeats
// no settings in its messages but the brokers' names.

import { X509Certificate } from "node:crypto";
import {
  FreshetError,
  LogRefusedError,
  LogUnavailableError,
  RecordTooLargeError,
  type RecordTooLargeOptions,
  TimestampRefusedError,
  TopicMissingError,
} from "../../errors.ts";
import type { RecordPosition } from "../log.ts";
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

/** What the clients and Node put on their errors, all of it optional. */
interface KafkaErrorShape {
  readonly name: string;
  readonly message: string;
  /** Kafka's name of the error, by kafkajs. */
  readonly type?: string;
  /** The same, by @platformatic/kafka. */
  readonly apiId?: string;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
}

type Advice = (context: ErrorContext, error: KafkaErrorShape) => FreshetError | string;

/** Kafka's name of the error. */
const kafkaName = ({ type, apiId }: KafkaErrorShape) => type ?? apiId ?? "";

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
    (error) => kafkaName(error) === "ILLEGAL_SASL_STATE",
    ({ brokers, ssl }, cause) =>
      refused(
        `Kafka at ${brokers} takes no login on this port: use its port for ${ssl ? "SASL_SSL" : "SASL_PLAINTEXT"}, ` +
          "or unset KAFKA_SASL_MECHANISM",
        cause,
      ),
  ],
  [
    (error) => kafkaName(error) === "INCONSISTENT_GROUP_PROTOCOL",
    ({ group }, cause) => strangerInGroup(group, cause),
  ],
  [
    (error) => kafkaName(error) === "UNSUPPORTED_SASL_MECHANISM" || /mechanism is not supported/.test(error.message),
    ({ brokers, mechanism }, cause) =>
      refused(
        `Kafka at ${brokers} does not offer the login ${mechanism?.toUpperCase()}: set KAFKA_SASL_MECHANISM to one that it does`,
        cause,
      ),
  ],
  [
    // kafkajs also says so of a connection that is lost in the midst of a login: that is none of the password's doing.
    (error) =>
      kafkaName(error) === "SASL_AUTHENTICATION_FAILED" ||
      error.name === "KafkaJSSASLAuthenticationError" &&
        !/failed: (Closed connection|Not connected|Connection |Request .* timed out)/.test(error.message),
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
    (error) => /_AUTHORIZATION_FAILED$/.test(kafkaName(error)),
    ({ topics }, cause) =>
      refused(
        `Kafka does not allow this user to do that${topics ? ` on ${names(topics)}` : ""} (${
          kafkaName(cause)
        }): grant it the right`,
        cause,
      ),
  ],
  [
    (error) => kafkaName(error) === "UNKNOWN_TOPIC_OR_PARTITION",
    ({ topics }, cause) =>
      topics
        ? new TopicMissingError(topics, { cause })
        : 'A topic does not exist: create it with "freshet topics create"',
  ],
  [
    (error) => /^(MESSAGE|RECORD_LIST)_TOO_LARGE$/.test(kafkaName(error)),
    ({ topics }, cause) => recordTooLarge(topics ?? [], { cause }),
  ],
  [
    (error) => kafkaName(error) === "INVALID_TIMESTAMP",
    ({ topics }, cause) =>
      new TimestampRefusedError(
        `Kafka refused the time of a record for ${names(topics ?? [])}: set this machine's clock, or the broker's`,
        { cause },
      ),
  ],
  [
    (error) =>
      /^(INVALID_(TOPIC_EXCEPTION|PARTITIONS|REPLICATION_FACTOR|CONFIG)|POLICY_VIOLATION)$/.test(kafkaName(error)),
    ({ topics }, cause) => refused(`Kafka refused ${names(topics ?? [])}: ${cause.message}`, cause),
  ],
  [
    (error) => kafkaName(error) === "INVALID_SESSION_TIMEOUT",
    (_context, cause) =>
      refused(
        "Kafka does not take KAFKA_SESSION_TIMEOUT_MS: set it within the broker's group.min.session.timeout.ms and " +
          "group.max.session.timeout.ms",
        cause,
      ),
  ],
  [
    ({ message }) => /before secure TLS connection was established/i.test(message),
    ({ brokers }) =>
      `Kafka at ${brokers} broke off the TLS handshake: if it does not speak TLS on this port, unset KAFKA_SSL or use its TLS port`,
  ],
  [
    ({ name, message }) =>
      /closed (the )?connection|connection closed|closed by the server|requires TLS|ECONNRESET/i.test(message) &&
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
      /Connection (timeout|error)|refused|timed out/i.test(message) ||
      name === "KafkaJSNoBrokerAvailableError",
    ({ brokers, settingNames }) =>
      `Kafka cannot be reached at ${brokers}: check that it runs, and ${settingNames.brokers}`,
  ],
];

/** Kafka's codes of MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE. */
export const TOO_LARGE: ReadonlySet<number> = new Set([10, 18]);

export function recordTooLarge(topics: readonly string[], options: RecordTooLargeOptions): RecordTooLargeError {
  return new RecordTooLargeError(
    `A record is larger than ${names(topics)} takes: raise the topic's max.message.bytes`,
    options,
  );
}

/** For {@link RecordTooLargeOptions}: where a call's records are that have a position. */
export function writtenOf(positions: readonly (RecordPosition | undefined)[]): ReadonlyMap<number, RecordPosition> {
  const written = new Map<number, RecordPosition>();
  for (const [index, position] of positions.entries()) if (position !== undefined) written.set(index, position);
  return written;
}

/** Freshet alone must be in its groups: what another program reads of the topic comes into no table. */
export function strangerInGroup(group: string | undefined, cause?: unknown): LogRefusedError {
  return new LogRefusedError(
    `Group "${group}" has a member that shares out partitions in another way, so it is another program: stop that, ` +
      "or set KAFKA_GROUP_ID to a name that only Freshet uses",
    { cause },
  );
}

/** A broker that refuses a token answers with its reason. */
export function tokenRefused(
  reason: string,
  { brokers, login }: { readonly brokers: readonly string[]; readonly login: string },
): LogRefusedError {
  return new LogRefusedError(
    `Kafka at ${brokers} refused the token of the login (${statusOf(reason)}): check ${login}, ` +
      "what the broker expects of a token (issuer, audience, scope), and the clocks of both",
  );
}

/** Of the broker's reason only the status, as nothing says that the rest is for everybody's eyes. */
function statusOf(reason: string): string {
  return /"status"\s*:\s*"([a-z_]{1,40})"/.exec(reason)?.[1] ?? "it does not say why";
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

/** Any error of a client as one of ours; ours pass through. */
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
