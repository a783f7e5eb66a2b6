// How to reach Kafka and how patient to be. Knows nothing of environment variables: who fills this in does.

/** User name and password. The text of the password appears in no message. */
export interface KafkaPassword {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
}

/** A bearer token, asked for with each login: at a new connection, and again before the broker's session ends. */
export interface KafkaBearer {
  readonly mechanism: "oauthbearer";
  readonly token: () => Promise<string>;
  /** What goes to the broker beside the token. */
  readonly extensions?: Readonly<Record<string, string>>;
}

/** What is trusted, and what the client shows of itself; all of it PEM text, the key without a pass phrase. */
export interface KafkaTls {
  /** Only these authorities are trusted; without, those of the system. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The clients that can read and write Kafka. */
export const KAFKA_CLIENTS = ["kafkajs", "platformatic"] as const;

export type KafkaClientName = typeof KAFKA_CLIENTS[number];

export interface KafkaSettings {
  readonly client?: KafkaClientName;
  /** `host:port` of one or more brokers to ask first. */
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly ssl?: boolean | KafkaTls;
  readonly sasl?: KafkaPassword | KafkaBearer;
  /** Under which names people set brokers and login: what a message tells them to check. */
  readonly settingNames?: { readonly brokers: string; readonly login: string };
  /** Until a connection is given up. */
  readonly connectionTimeoutMs?: number;
  /** Until a request without an answer is given up. */
  readonly requestTimeoutMs?: number;
  /** A group's member that has not been heard of for this long is expelled. */
  readonly sessionTimeoutMs?: number;
  /**
   * The name under which this process stays a member while it is away for less than the session timeout: it gets back what it
   * had, and the group does not change. Each process has its own. Not by kafkajs.
   */
  readonly groupInstanceId?: string;
  /** How long a rebalance waits for its members. */
  readonly rebalanceTimeoutMs?: number;
  /** How long a fetch waits at the broker for records; also the pause when all partitions are full. */
  readonly fetchWaitMs?: number;
  /** The most that one fetch brings of one partition, as it is on the wire. */
  readonly fetchPartitionBytes?: number;
  /** The most that is held of all partitions of a topic ahead of the reader, as it is on the wire. */
  readonly readAheadBytes?: number;
  /** Partitions that were added to a topic are noticed within this time. */
  readonly metadataMaxAgeMs?: number;
  /** When a broker gives nothing of a partition for so long, where it says that there is something, that is damage. */
  readonly unservedMs?: number;
}

export const KAFKA_DEFAULTS = {
  client: "kafkajs",
  clientId: "freshet",
  settingNames: { brokers: "KAFKA_BROKERS", login: "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD" },
  connectionTimeoutMs: 5_000,
  requestTimeoutMs: 30_000,
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 60_000,
  fetchWaitMs: 200,
  fetchPartitionBytes: 1024 * 1024,
  readAheadBytes: 32 * 1024 * 1024,
  metadataMaxAgeMs: 60_000,
  unservedMs: 60_000,
} as const satisfies Partial<KafkaSettings>;

/** Settings with nothing left open. */
export type CompleteKafkaSettings = KafkaSettings & Required<Pick<KafkaSettings, keyof typeof KAFKA_DEFAULTS>>;

export function completeSettings(settings: KafkaSettings): CompleteKafkaSettings {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { ...KAFKA_DEFAULTS, ...given } as CompleteKafkaSettings;
}
