// The settings of Kafka. Part of the one schema in mod.ts; Confluent Cloud's own three are in confluent.ts.
// Must not know how they are used, nor read the files that they name.
import type * as z from "zod";
import * as s from "./setting.ts";

const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer", "aws-msk-iam"] as const;

export const KAFKA_SETTINGS = {
  KAFKA_BROKERS: s.brokersOrNone("Kafka instead of the embedded log."),
  KAFKA_BROKER: s.brokersOrNone("The same by its other name; KAFKA_BROKERS wins."),
  KAFKA_BOOTSTRAP_SERVERS: s.brokersOrNone("The same as others call it; both above win."),
  KAFKA_BOOTSTRAP_SERVER: s.brokersOrNone("The same again; all above win."),
  KAFKA_SSL: s.flagOrNone("Whether to use TLS; on by itself with a CA file, a client certificate or aws-msk-iam."),
  KAFKA_SSL_CA_FILE: s.textOrNone({ form: "a PEM file's path" }, "Certificates to trust instead of the system's."),
  KAFKA_SSL_CERT_FILE: s.textOrNone(
    { form: "a PEM file's path" },
    "Certificate to show to the broker (mutual TLS), those between it and its authority behind it.",
  ),
  KAFKA_SSL_KEY_FILE: s.textOrNone({ form: "a PEM file's path" }, "Private key of that certificate."),
  KAFKA_SSL_KEY_PASSWORD: s.textOrNone(
    { form: "a pass phrase", secret: true },
    "Pass phrase of the private key, if it has one.",
  ),
  KAFKA_SASL_MECHANISM: s.choiceOrNone(MECHANISMS, "How to log in to Kafka."),
  KAFKA_SASL_USERNAME: s.textOrNone({ form: "a user name" }, "User name for Kafka."),
  KAFKA_SASL_PASSWORD: s.textOrNone({ form: "a password", secret: true }, "Password for Kafka."),
  KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: s.endpointOrNone(
    "Where oauthbearer gets its tokens, by client credentials (OAuth 2, OIDC).",
  ),
  KAFKA_SASL_OAUTHBEARER_CLIENT_ID: s.textOrNone({ form: "a client id" }, "Client id for the token endpoint."),
  KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: s.textOrNone(
    { form: "a client secret", secret: true },
    "Client secret for the token endpoint.",
  ),
  KAFKA_SASL_OAUTHBEARER_SCOPE: s.textOrNone(
    { form: "scopes with spaces between them" },
    "What to ask of the token endpoint, if it wants to be told.",
  ),
  KAFKA_SASL_OAUTHBEARER_EXTENSIONS: s.pairsOrNone(
    "What the broker wants beside the token, such as logicalCluster=lkc-1,identityPoolId=pool-1 on Confluent Cloud.",
  ),
  KAFKA_SASL_OAUTHBEARER_CA_FILE: s.textOrNone(
    { form: "a PEM file's path" },
    "Certificates to trust at the token endpoint besides the system's.",
  ),
  AWS_REGION: s.textOrNone(
    { form: "a region such as eu-central-1" },
    "Region of the cluster, for aws-msk-iam; the credentials are those of AWS's own programs.",
  ),
  KAFKA_GROUP_ID: s.textOrNone(
    { form: "letters, digits, dots, dashes and underscores", pattern: /^[A-Za-z0-9._-]+$/ },
    "Consumer group, to which a dash and the domain's name are added; by default the domain's.",
  ),
  KAFKA_CLIENT_ID: s.text(
    { form: "letters, digits, dots, dashes and underscores", pattern: /^[A-Za-z0-9._-]+$/, default: "freshet" },
    "Name that brokers see in their logs.",
  ),
};

type Values = { readonly [Name in keyof typeof KAFKA_SETTINGS]: z.output<(typeof KAFKA_SETTINGS)[Name]> };
type Given = Readonly<Record<string, string>>;

/** How to prove to Kafka who one is. */
export type KafkaLoginConfig =
  | {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly username: string;
    readonly password: string;
  }
  | {
    readonly mechanism: "oauthbearer";
    readonly tokenEndpointUrl: string;
    readonly clientId: string;
    readonly clientSecret: string;
    readonly scope: string | undefined;
    readonly extensions: Readonly<Record<string, string>> | undefined;
    readonly caFile: string | undefined;
  }
  | { readonly mechanism: "aws-msk-iam"; readonly region: string };

/** Kafka as configured. */
export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl: boolean;
  readonly caFile: string | undefined;
  /** What the client shows of itself in the handshake of TLS. */
  readonly clientCertificate: {
    readonly certFile: string;
    readonly keyFile: string;
    readonly keyPassword: string | undefined;
  } | undefined;
  readonly sasl: KafkaLoginConfig | undefined;
  /** Under which names people set brokers and login, for messages; by default KAFKA_BROKERS and so on. */
  readonly settingNames?: { readonly brokers: string; readonly login: string };
}

/** The settings that name brokers; of several the first is used. */
export const BROKER_NAMES = [
  "KAFKA_BROKERS",
  "KAFKA_BROKER",
  "KAFKA_BOOTSTRAP_SERVERS",
  "KAFKA_BOOTSTRAP_SERVER",
] as const;

/** Kafka as configured; `undefined` without brokers. */
export function kafkaConfig(v: Values): KafkaConfig | undefined {
  const brokers = v.KAFKA_BROKERS ?? v.KAFKA_BROKER ?? v.KAFKA_BOOTSTRAP_SERVERS ?? v.KAFKA_BOOTSTRAP_SERVER;
  if (!brokers) return undefined;
  const { KAFKA_SSL_CERT_FILE: certFile, KAFKA_SSL_KEY_FILE: keyFile, KAFKA_SSL_KEY_PASSWORD: keyPassword } = v;
  const sasl = loginOf(v);
  const wantsTls = v.KAFKA_SSL_CA_FILE !== undefined || certFile !== undefined || sasl?.mechanism === "aws-msk-iam";
  return {
    brokers,
    clientId: v.KAFKA_CLIENT_ID,
    ssl: v.KAFKA_SSL ?? wantsTls,
    caFile: v.KAFKA_SSL_CA_FILE,
    clientCertificate: certFile && keyFile ? { certFile, keyFile, keyPassword } : undefined,
    sasl,
  };
}

function loginOf(v: Values): KafkaLoginConfig | undefined {
  const mechanism = v.KAFKA_SASL_MECHANISM;
  if (mechanism === "oauthbearer") {
    const tokenEndpointUrl = v.KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL;
    const clientId = v.KAFKA_SASL_OAUTHBEARER_CLIENT_ID;
    const clientSecret = v.KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET;
    if (!tokenEndpointUrl || !clientId || !clientSecret) return undefined;
    return {
      ...{ mechanism, tokenEndpointUrl, clientId, clientSecret },
      scope: v.KAFKA_SASL_OAUTHBEARER_SCOPE,
      extensions: v.KAFKA_SASL_OAUTHBEARER_EXTENSIONS,
      caFile: v.KAFKA_SASL_OAUTHBEARER_CA_FILE,
    };
  }
  if (mechanism === "aws-msk-iam") return v.AWS_REGION ? { mechanism, region: v.AWS_REGION } : undefined;
  const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = v;
  return mechanism && username && password ? { mechanism, username, password } : undefined;
}

/** The settings that each mechanism needs, and the form of each. */
const NEEDS: Readonly<Record<(typeof MECHANISMS)[number], Readonly<Record<string, string>>>> = {
  "plain": { KAFKA_SASL_USERNAME: "a user name", KAFKA_SASL_PASSWORD: "a password" },
  "scram-sha-256": { KAFKA_SASL_USERNAME: "a user name", KAFKA_SASL_PASSWORD: "a password" },
  "scram-sha-512": { KAFKA_SASL_USERNAME: "a user name", KAFKA_SASL_PASSWORD: "a password" },
  "oauthbearer": {
    KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: "an http or https address",
    KAFKA_SASL_OAUTHBEARER_CLIENT_ID: "a client id",
    KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: "a client secret",
  },
  "aws-msk-iam": { AWS_REGION: "a region such as eu-central-1" },
};

/** What others make necessary and is not given: name, why, and the expected form. `given` are the settings with a value. */
export function missingForKafka(
  given: Given,
): readonly (readonly [name: string, because: string, form: string])[] {
  const missing: [name: string, because: string, form: string][] = [];
  const need = (name: string, because: string, form: string) => {
    if (!given[name]) missing.push([name, because, form]);
  };
  const login = Object.keys(KAFKA_SETTINGS).find((name) => name.startsWith("KAFKA_SASL_") && given[name]);
  if (login !== undefined) {
    const form = login.startsWith("KAFKA_SASL_OAUTHBEARER_")
      ? "oauthbearer"
      : `${MECHANISMS.slice(0, -1).join(", ")} or ${MECHANISMS.at(-1)}`;
    need("KAFKA_SASL_MECHANISM", `${login} is set`, form);
  }
  const mechanism = mechanismOf(given);
  const because = mechanism ? `KAFKA_SASL_MECHANISM is ${mechanism}` : `${login} is set`;
  const needs = mechanism ? NEEDS[mechanism] : login && !/OAUTHBEARER/.test(login) ? NEEDS.plain : {};
  for (const [name, form] of Object.entries(needs)) need(name, because, form);
  const key = ["KAFKA_SSL_KEY_FILE", "KAFKA_SSL_KEY_PASSWORD"].find((name) => given[name]);
  if (key) need("KAFKA_SSL_CERT_FILE", `${key} is set`, "a PEM file's path");
  if (given.KAFKA_SSL_CERT_FILE) need("KAFKA_SSL_KEY_FILE", "KAFKA_SSL_CERT_FILE is set", "a PEM file's path");
  return missing;
}

/** What contradicts. */
export function kafkaProblems(given: Given): string[] {
  if (!/^(false|no|off|0)$/i.test(given.KAFKA_SSL ?? "")) return [];
  const tls = ["KAFKA_SSL_CA_FILE", "KAFKA_SSL_CERT_FILE"].find((name) => given[name]);
  const because = tls ? `${tls} is set` : mechanismOf(given) === "aws-msk-iam" ? "aws-msk-iam wants TLS" : undefined;
  return because ? [`KAFKA_SSL is ${JSON.stringify(given.KAFKA_SSL)}: expected true, because ${because}`] : [];
}

/** What looks like a mistake but does not stop anything. */
export function doubtfulKafka(given: Given): readonly string[] {
  const warnings: string[] = [];
  const connection = Object.keys(given).filter((name) => /^KAFKA_S(SL|ASL)/.test(name));
  const brokers = BROKER_NAMES.filter((name) => given[name]);
  if (connection.length > 0 && brokers.length === 0 && !given.CONFLUENT_BOOTSTRAP) {
    warnings.push(`${connection.join(", ")} set, but not KAFKA_BROKERS: the embedded log is used, not Kafka`);
  }
  if (new Set(brokers.map((name) => given[name])).size > 1) {
    warnings.push(`${brokers.join(" and ")} differ: ${brokers[0]} is used`);
  }
  const mechanism = mechanismOf(given);
  if (mechanism) {
    const idle = Object.keys(given).filter((name) =>
      /^KAFKA_SASL_(USERNAME|PASSWORD|OAUTHBEARER_\w+)$/.test(name) &&
      !(name in NEEDS[mechanism]) && !(mechanism === "oauthbearer" && /_OAUTHBEARER_/.test(name))
    );
    if (idle.length > 0) warnings.push(`KAFKA_SASL_MECHANISM is ${mechanism}, which does not use ${idle.join(", ")}`);
  }
  const endpoint = URL.parse(given.KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL ?? "");
  if (endpoint?.protocol === "http:" && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(endpoint.hostname)) {
    warnings.push(
      "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL begins with http: the client secret goes unencrypted, use https",
    );
  }
  return warnings;
}

/** The mechanism as given, if it is one. */
function mechanismOf(given: Given): (typeof MECHANISMS)[number] | undefined {
  return s.wordOf(MECHANISMS, given.KAFKA_SASL_MECHANISM ?? "");
}
