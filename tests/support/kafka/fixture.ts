// One broker for the tests of one file, and logs and topics on it. The tests skip themselves where Kafka cannot run.

import { type KafkaSettings, openKafkaLog } from "../../../src/log/kafka.ts";
import { KAFKA_CLIENTS } from "../../../src/log/kafka/settings.ts";
import type { Log } from "../../../src/log/log.ts";
import { type BrokerOptions, KafkaBroker } from "./broker.ts";
import { whyNoKafka } from "./jars.ts";

export interface KafkaFixture {
  /** Why the tests are skipped. */
  readonly skip: string | undefined;
  /** Registers a test that needs the broker. `skip` is a further reason against it. */
  test(name: string, body: (broker: KafkaBroker) => Promise<void>, skip?: string): void;
  /** Registers it once for each client that can read and write Kafka; `open` opens a log by that client. */
  eachClient(name: string, body: (broker: KafkaBroker, open: Open) => Promise<void>, skip?: string): void;
}

/** Opens a log on a broker, see {@link openOn}. */
export type Open = typeof openOn;

/** Starts a broker that goes with the file's last test. */
export async function kafkaFixture(subject: string, options: BrokerOptions = {}): Promise<KafkaFixture> {
  const skip = await whyNoKafka();
  if (skip !== undefined) console.info(`The tests of ${subject} are skipped: ${skip}`);
  const broker = skip === undefined ? await KafkaBroker.start(options) : undefined;
  Deno.test.afterAll(async () => await broker?.[Symbol.asyncDispose]());
  const fixture: KafkaFixture = {
    skip,
    test(name, body, furtherSkip) {
      if (skip === undefined && furtherSkip !== undefined) console.info(`"${name}" is skipped: ${furtherSkip}`);
      Deno.test({ name, ignore: skip !== undefined || furtherSkip !== undefined, fn: () => body(broker!) });
    },
    eachClient(name, body, furtherSkip) {
      for (const client of KAFKA_CLIENTS) {
        const open: Open = (broker, settings, onWarning) => openOn(broker, { client, ...settings }, onWarning);
        fixture.test(`${client}: ${name}`, (broker) => body(broker, open), furtherSkip);
      }
    },
  };
  return fixture;
}

/** Settings for tests: short sessions and little patience. */
export const QUICK = {
  sessionTimeoutMs: 3_000,
  rebalanceTimeoutMs: 5_000,
  connectionTimeoutMs: 2_000,
} as const satisfies Partial<KafkaSettings>;

/** A log on the broker's plaintext listener unless `settings` say otherwise. */
export function openOn(
  broker: KafkaBroker,
  settings?: Partial<KafkaSettings>,
  onWarning?: (message: string) => void,
): Promise<Log> {
  return openKafkaLog({ settings: { brokers: [broker.listeners.plaintext], ...QUICK, ...settings }, onWarning });
}
