// How this process takes part in Kafka: by which client, and as which member of its groups. For every way to name a Kafka.
// Knows only these settings; mod.ts puts them beside the others.

import { BROKER_NAMES } from "./kafka.ts";
import * as s from "./setting.ts";

export const KAFKA_CLIENT_SETTINGS = {
  KAFKA_CLIENT: s.choice(
    ["kafkajs", "platformatic"],
    "kafkajs",
    "Which client reads and writes Kafka; docs/kafka.md compares them.",
  ),
  KAFKA_GROUP_INSTANCE_ID: s.textOrNone(
    { form: "letters, digits, dots, dashes and underscores", pattern: /^[A-Za-z0-9._-]+$/ },
    "Name under which this process stays a member of its groups while it is restarted (static membership), another for each process. Needs KAFKA_CLIENT=platformatic.",
  ),
  KAFKA_SESSION_TIMEOUT_MS: s.whole(
    { min: 1_000, max: 1_800_000, unit: "ms", default: 30_000 },
    "A process that Kafka has not heard of for this long loses its partitions to others; the broker has limits of its own.",
  ),
};

interface Values {
  readonly KAFKA_CLIENT: "kafkajs" | "platformatic";
  readonly KAFKA_GROUP_INSTANCE_ID: string | undefined;
  readonly KAFKA_SESSION_TIMEOUT_MS: number;
}

/** The client as configured. */
export interface KafkaClientConfig {
  readonly client: "kafkajs" | "platformatic";
  readonly groupInstanceId: string | undefined;
  readonly sessionTimeoutMs: number;
}

export function kafkaClient(values: Values): KafkaClientConfig {
  return {
    client: values.KAFKA_CLIENT,
    groupInstanceId: values.KAFKA_GROUP_INSTANCE_ID,
    sessionTimeoutMs: values.KAFKA_SESSION_TIMEOUT_MS,
  };
}

/** What contradicts; `given` are the settings that have a value. */
export function kafkaClientProblems(given: Readonly<Record<string, string>>): string[] {
  if (given.KAFKA_CLIENT?.toLowerCase() === "platformatic") return [];
  const problems: string[] = [];
  if (given.KAFKA_GROUP_INSTANCE_ID) {
    problems.push(
      "KAFKA_CLIENT is not platformatic: KAFKA_GROUP_INSTANCE_ID is set, and kafkajs has no static membership",
    );
  }
  const brokers = BROKER_NAMES.find((name) => given[name]);
  if (brokers && given[brokers]!.includes("[")) {
    problems.push(
      `${brokers} has an IPv6 address, which kafkajs does not take: expected a host name for it, or KAFKA_CLIENT=platformatic`,
    );
  }
  return problems;
}
