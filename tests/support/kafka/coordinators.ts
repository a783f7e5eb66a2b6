// Which broker keeps a group, and groups that a given broker keeps.

import { Client } from "../../../src/log/kafka/platformatic/client.ts";
import { Cluster } from "../../../src/log/kafka/platformatic/cluster.ts";
import { until } from "../../contracts/log/place.ts";
import type { KafkaCluster } from "./cluster.ts";

let asked = 0;

/** The id of the broker that keeps `group`. */
export async function coordinatorOf({ nodes }: KafkaCluster, group: string): Promise<number> {
  const client = await Client.load({ settings: { brokers: nodes.map(({ address }) => address) } });
  await using cluster = new Cluster(client);
  let id: number | undefined;
  await until(async () => {
    const found = await cluster.coordinator(group).catch(() => undefined);
    id = nodes.find(({ address }) => address === `${found?.host}:${found?.port}`)?.id;
    return id !== undefined;
  }, `the coordinator of ${group}`);
  return id!;
}

/** A group that the broker keeps, another one each time. All brokers must be up. */
export async function groupAt(cluster: KafkaCluster, id: number): Promise<string> {
  while (true) {
    const group = `group-${++asked}`;
    if (await coordinatorOf(cluster, group) === id) return group;
  }
}
