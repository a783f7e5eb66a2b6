// Kafka on Confluent Cloud, by the three settings that people have for it. For the whole process, as every Kafka: a process
// reads one log. Knows only these settings; mod.ts puts them beside the others.
import type { KafkaConfig } from "./kafka.ts";
import * as s from "./setting.ts";

export const CONFLUENT_SETTINGS = {
  CONFLUENT_BOOTSTRAP: s.brokersOrNone(
    "Kafka on Confluent Cloud instead of the embedded log: TLS, and a login by API key.",
  ),
  CONFLUENT_API_KEY: s.textOrNone({ form: "an API key" }, "API key for Kafka on Confluent Cloud."),
  CONFLUENT_API_SECRET: s.textOrNone({ form: "an API secret", secret: true }, "Secret of that API key."),
};

interface Values {
  readonly CONFLUENT_BOOTSTRAP: readonly string[] | undefined;
  readonly CONFLUENT_API_KEY: string | undefined;
  readonly CONFLUENT_API_SECRET: string | undefined;
}

/** Kafka as the settings say, `undefined` without all three. */
export function confluentKafka(
  values: Values,
  { clientId, caFile }: Pick<KafkaConfig, "clientId" | "caFile">,
): KafkaConfig | undefined {
  const { CONFLUENT_BOOTSTRAP: brokers, CONFLUENT_API_KEY: username, CONFLUENT_API_SECRET: password } = values;
  if (!brokers || !username || !password) return undefined;
  const settingNames = { brokers: "CONFLUENT_BOOTSTRAP", login: "CONFLUENT_API_KEY and CONFLUENT_API_SECRET" };
  const sasl = { mechanism: "plain", username, password } as const;
  return { brokers, clientId, caFile, ssl: true, clientCertificate: undefined, sasl, settingNames };
}

/** What is missing, and what contradicts; `given` are the settings that have a value. */
export function confluentProblems(given: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(CONFLUENT_SETTINGS);
  const set = names.find((name) => given[name]);
  if (!set) return [];
  const problems = names.filter((name) => !given[name]).map((name) =>
    `${name} is missing: ${set} is set, and Confluent Cloud needs all of ${names.join(", ")}`
  );
  const others = Object.keys(given).filter((name) =>
    /^KAFKA_(BROKERS?|BOOTSTRAP_SERVERS?|SASL_\w+|SSL_(CERT|KEY)_\w+)$/.test(name)
  );
  if (others.length > 0) {
    problems.push(`${set} and ${others.join(", ")} are set: expected one Kafka, because a process reads one log`);
  }
  if (/^(false|no|off|0)$/i.test(given.KAFKA_SSL ?? "")) {
    problems.push(`KAFKA_SSL is ${JSON.stringify(given.KAFKA_SSL)}: expected true, because Confluent Cloud wants TLS`);
  }
  return problems;
}
