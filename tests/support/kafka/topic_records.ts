// Records of a domain in a topic of a broker: appended in batches, and deleted ahead of a reader as retention does.

import { checkedDomains } from "../checked_domains.ts";
import { domainOf } from "../domains.ts";
import { Traffic } from "../traffic.ts";
import type { KafkaBroker } from "./broker.ts";
import { openOn } from "./fixture.ts";
import type { Spot } from "./segment.ts";

export interface Batches {
  readonly domain: string;
  /** How many, of a hundred records each. */
  readonly count: number;
  readonly seed: number;
}

/** Appends batches to the domain's topic, one to each of two partitions in turn. */
export async function produceBatches(broker: KafkaBroker, { domain, count, seed }: Batches): Promise<void> {
  const traffic = new Traffic(checkedDomains.find(({ name }) => name === domain)!, seed);
  const { topic } = domainOf(domain);
  await using log = await openOn(broker);
  for (let i = 0; i < count; i++) {
    await log.produce(topic, traffic.take(100).map((record) => ({ ...record, partition: i % 2 })));
  }
}

/** Deletes what lies before an offset. */
export async function deleteBefore(broker: KafkaBroker, spot: Spot): Promise<void> {
  const path = `${broker.folder}/delete.json`;
  await Deno.writeTextFile(path, JSON.stringify({ partitions: [spot], version: 1 }));
  await broker.tool("org.apache.kafka.tools.DeleteRecordsCommand", [
    ...["--bootstrap-server", broker.listeners.plaintext, "--offset-json-file", path],
  ]);
}
