// A program for kafka_chaos_test.ts: three members of one group in one process, each with its own connection to Kafka, on one
// DuckDB file. Writes a line of JSON many times a second, see Line; a line "1" on its standard input starts that member anew.
// Runs until it is killed; ends with the first member that fails. Argument: what it needs, as JSON.

import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { systemClock } from "../../src/clock.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { openKafkaLog } from "../../src/log/kafka.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { domainOf } from "../support/domains.ts";
import { linesOf } from "../support/member.ts";

export interface Options {
  readonly brokers: readonly string[];
  readonly path: string;
  readonly domain: string;
  readonly members: number;
}

/** How far each partition of each member is committed: partition and offset. */
export type Line = readonly (readonly (readonly [number, number])[])[];

const TELL_EVERY_MS = 50;
/** Processes that share a warehouse have DuckDB's default each. */
const MEMORY_OF_A_MEMBER_MB = 96;

if (import.meta.main) {
  const { brokers, path, domain: name, members }: Options = JSON.parse(Deno.args[0]!);
  const domain = domainOf(name);
  await using warehouse = await openDuckDb({ path, memoryLimit: `${members * MEMORY_OF_A_MEMBER_MB}MB` });
  await warehouse.migrate([{ name: "freshet", text: freshetSql }, { name, text: domain.sql }]);
  const runners: DomainRunner[] = [];
  const restarts: AbortController[] = [];

  const member = async (i: number): Promise<never> => {
    while (true) {
      const settings = { client: "platformatic", brokers, groupInstanceId: `member-${i}` } as const;
      await using log = await openKafkaLog({ settings });
      restarts[i] = new AbortController();
      runners[i] = new DomainRunner({
        domain,
        log,
        warehouse,
        clock: systemClock,
        logger: { debug() {}, info() {}, warn: console.error, error: console.error },
        checkpointRows: 5000,
        checkpointMs: 100,
        maxRestarts: 1000,
      });
      await runners[i].run(restarts[i].signal);
    }
  };

  const obey = async (): Promise<void> => {
    for await (const i of linesOf<number>(Deno.stdin.readable)) restarts[i]?.abort();
  };

  const tell = async (): Promise<never> => {
    while (true) {
      const line: Line = runners.map((runner) =>
        runner.status().partitions.map(({ partition, nextOffset }) => [partition, nextOffset] as const)
      );
      console.log(JSON.stringify(line));
      await new Promise((resolve) => setTimeout(resolve, TELL_EVERY_MS));
    }
  };

  await Promise.all([...Array.from({ length: members }, (_, i) => member(i)), obey(), tell()]);
}
