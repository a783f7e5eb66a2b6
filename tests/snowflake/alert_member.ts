// A program for alerts_kafka_test.ts: one member of the group of trains, from Kafka to Snowflake, that tells a webhook of alerts.
// Runs until it is killed. Argument: what it needs, as JSON.

import { AlertSending, SmallWrites } from "../../src/alerts/mod.ts";
import { systemClock } from "../../src/clock.ts";
import { readConfig } from "../../src/config/mod.ts";
import { defineDomains, domainModules } from "../../src/domains/mod.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import type { DomainStatus } from "../../src/engine/status.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import { openSnowflake, type SnowflakeOptions } from "../../src/warehouse/snowflake.ts";
import { QUICK } from "../support/kafka/fixture.ts";
import { quietDriver } from "../support/snowflake/driver.ts";

export interface AlertMember {
  readonly brokers: string;
  readonly snowflake: SnowflakeOptions;
  /** Settings by their names. */
  readonly settings: Readonly<Record<string, string>>;
}

if (import.meta.main) {
  const { brokers, snowflake, settings } = JSON.parse(Deno.args[0]!) as AlertMember;
  quietDriver();
  const config = readConfig(settings, domainModules);
  const domain = defineDomains(config.domains).find(({ name }) => name === "trains")!;
  const log = await openKafkaLog({ settings: { brokers: [brokers], clientId: `member-${Deno.pid}`, ...QUICK } });
  const warehouse = await openSnowflake(snowflake);
  const sending: AlertSending = new AlertSending({
    ...{ config: config.alerts, log, warehouse, clock: systemClock },
    writes: new SmallWrites(warehouse),
    statuses: (): readonly DomainStatus[] => [runner.status()],
    onOutcome: () => {},
  });
  const runner: DomainRunner = new DomainRunner({
    domain,
    log,
    warehouse,
    clock: systemClock,
    logger: { debug() {}, info() {}, warn() {}, error: console.error },
    observer: sending.observer,
    alerts: { channels: ["webhook"], maxAgeMs: config.alerts.maxAgeMs },
    time: config.time,
    checkpointRows: 300,
    checkpointMs: 300,
    maxRestarts: 1000,
  });
  const { signal } = new AbortController();
  await Promise.all([runner.run(signal), sending.run(signal)]);
}
