// A program for kafka_kill_test.ts: one member of a domain's group, from Kafka to Snowflake. Runs until it is killed.
// Argument: what it needs, as JSON.

import { systemClock } from "../../src/clock.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import { openSnowflake, type SnowflakeOptions } from "../../src/warehouse/snowflake.ts";
import { domainOf } from "../support/domains.ts";
import { QUICK } from "../support/kafka/fixture.ts";
import { quietDriver } from "../support/snowflake/driver.ts";

export interface Member {
  readonly brokers: string;
  readonly domain: string;
  readonly snowflake: SnowflakeOptions;
}

if (import.meta.main) {
  const { brokers, domain, snowflake } = JSON.parse(Deno.args[0]!) as Member;
  quietDriver();
  const log = await openKafkaLog({ settings: { brokers: [brokers], clientId: `member-${Deno.pid}`, ...QUICK } });
  const warehouse = await openSnowflake(snowflake);
  const runner = new DomainRunner({
    domain: domainOf(domain),
    log,
    warehouse,
    clock: systemClock,
    logger: { debug() {}, info() {}, warn() {}, error: console.error },
    checkpointRows: 300,
    checkpointMs: 300,
    checkpointBacklogRows: 5_000,
    maxRestarts: 1000,
  });
  await runner.run(new AbortController().signal);
}
