// Kafka as configured, for the adapter: reads the files that settings name, and makes the login. What a login needs is
// loaded only when it is configured.
import type { Clock } from "./clock.ts";
import type { KafkaConfig, KafkaLoginConfig } from "./config/kafka.ts";
import { ConfigError } from "./errors.ts";
import type { KafkaSettings } from "./log/kafka.ts";

type Login = NonNullable<KafkaSettings["sasl"]>;
type Tls = Exclude<KafkaSettings["ssl"], boolean | undefined>;

/** Throws `ConfigError` when a file cannot be used. */
export async function kafkaSettings(config: KafkaConfig, clock: Clock): Promise<KafkaSettings> {
  const { brokers, clientId, sasl } = config;
  return {
    brokers,
    clientId,
    ssl: config.ssl && { ...await trusted(config), ...await shown(config, clock) },
    sasl: sasl && await login(sasl, clock),
    settingNames: config.settingNames ??
      { brokers: "KAFKA_BROKERS", login: LOGIN_SETTINGS[sasl?.mechanism ?? "plain"] },
  };
}

/** What to check when the broker refuses a login. */
const LOGIN_SETTINGS: Readonly<Record<KafkaLoginConfig["mechanism"], string>> = {
  "plain": "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
  "scram-sha-256": "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
  "scram-sha-512": "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
  "oauthbearer": "KAFKA_SASL_OAUTHBEARER_SCOPE and KAFKA_SASL_OAUTHBEARER_EXTENSIONS",
  "aws-msk-iam": "AWS_REGION, and that the role or user may kafka-cluster:Connect",
};

async function trusted({ caFile }: KafkaConfig): Promise<Tls> {
  return caFile === undefined ? {} : { ca: await readAuthorities("KAFKA_SSL_CA_FILE", caFile) };
}

async function shown({ clientCertificate: files }: KafkaConfig, clock: Clock): Promise<Tls> {
  if (files === undefined) return {};
  const { clientCertificate } = await import("./log/kafka/client_certificate.ts");
  const [cert, key] = await Promise.all([
    read("KAFKA_SSL_CERT_FILE", files.certFile),
    read("KAFKA_SSL_KEY_FILE", files.keyFile),
  ]);
  return clientCertificate({
    cert: { path: files.certFile, text: cert },
    key: { path: files.keyFile, text: key },
    passphrase: files.keyPassword,
    nowMs: clock.now(),
  });
}

async function login(sasl: KafkaLoginConfig, clock: Clock): Promise<Login> {
  if (sasl.mechanism !== "oauthbearer" && sasl.mechanism !== "aws-msk-iam") return sasl;
  const { tokenSource } = await import("./log/kafka/token_source.ts");
  if (sasl.mechanism === "aws-msk-iam") {
    const { awsMskIam } = await import("./log/kafka/aws_msk_iam.ts");
    return { mechanism: "oauthbearer", token: tokenSource(await awsMskIam(sasl), clock) };
  }
  const { clientCredentials } = await import("./log/kafka/client_credentials.ts");
  const { tokenEndpointUrl: url, clientId, clientSecret, scope, caFile, extensions } = sasl;
  const ca = caFile === undefined ? undefined : await readAuthorities("KAFKA_SASL_OAUTHBEARER_CA_FILE", caFile);
  const fetchToken = await clientCredentials({ url, clientId, clientSecret, scope, ca });
  return { mechanism: "oauthbearer", token: tokenSource(fetchToken, clock), extensions };
}

async function readAuthorities(setting: string, path: string): Promise<string> {
  const text = await read(setting, path);
  if (/-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(text)) return text;
  throw new ConfigError(`${setting} is "${path}", which holds no certificate: expected PEM`);
}

async function read(setting: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`${setting} is "${path}", which cannot be read (${why}): expected a PEM file's path`, {
      cause,
    });
  }
}
