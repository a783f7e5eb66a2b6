// A group's member in a process of its own, for tests that kill it: joins, reads everything, and prints one line of JSON
// for each generation. Its argument says where the log is, the topic and the group.

import { openEmbeddedLog } from "../../../src/log/embedded.ts";
import type { Log } from "../../../src/log/log.ts";
import { openKafkaLog } from "../../../src/log/kafka.ts";

const { kind, topic, group, ...options } = JSON.parse(Deno.args[0]!);
const log: Log = kind === "kafka" ? await openKafkaLog({ settings: options }) : await openEmbeddedLog(options);
const subscription = await log.subscribe({ topic, group, signal: new AbortController().signal });
while (true) {
  const generation = await subscription.nextGeneration();
  const bounds = await generation.bounds();
  await generation.start(new Map(generation.partitions.map((p) => [p, bounds.get(p)!.low])));
  console.log(JSON.stringify({ id: generation.id, partitions: generation.partitions }));
  while (!generation.signal.aborted) await generation.next(100);
}
