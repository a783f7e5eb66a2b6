// A program for kafka_kill_test.ts: two members of one group in one process, on one DuckDB file, of which one comes and goes.
// Runs until it is killed. Arguments: brokers, path of the DuckDB file, domain (with its
// default settings), client of Kafka.

import { systemClock } from "../../src/clock.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import type { KafkaClientName } from "../../src/log/kafka/settings.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { domainOf } from "../support/domains.ts";
import { QUICK } from "../support/kafka/fixture.ts";

const [brokers, path, name, client] = Deno.args;
const domain = domainOf(name!);
const warehouse = await openDuckDb({ path: path! });
await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: domain.name, text: domain.sql }]);

const logger = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };

async function member(clientId: string, lifeMs: () => number): Promise<never> {
  while (true) {
    const settings = { client: client as KafkaClientName, brokers: [brokers!], clientId, ...QUICK };
    await using log = await openKafkaLog({ settings });
    const runner = new DomainRunner({
      domain,
      log,
      warehouse,
      clock: systemClock,
      logger,
      checkpointRows: 5000,
      checkpointMs: 100,
      maxRestarts: 1000,
    });
    await runner.run(AbortSignal.timeout(lifeMs()));
  }
}

await Promise.all([
  member("steady", () => 1_000_000),
  member("coming and going", () => 1500 + Math.random() * 3000),
]);
