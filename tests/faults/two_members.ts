// A program for kafka_kill_test.ts: two members of one group in one process, on one DuckDB file, of which one comes and goes.
// Runs until it is killed. Arguments: brokers, path of the DuckDB file, topic's domain settings are the defaults.

import { systemClock } from "../../src/clock.ts";
import { defineDomains, domainModules } from "../../src/domains/mod.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { QUICK } from "../support/kafka/fixture.ts";
import { z } from "zod";

const [brokers, path] = Deno.args;
const settings = Object.assign({}, ...domainModules.map((module) => z.object(module.settings).parse({})));
const domain = defineDomains(settings).find(({ name }) => name === "trains")!;
const warehouse = await openDuckDb({ path: path! });
await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name: "trains", text: domain.sql }]);

const logger = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };

async function member(clientId: string, lifeMs: () => number): Promise<never> {
  while (true) {
    await using log = await openKafkaLog({ settings: { brokers: [brokers!], clientId, ...QUICK } });
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
