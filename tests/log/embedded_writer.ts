// A process that appends to an embedded log until it is killed, and prints how many records it was told are on disk.

import { openEmbeddedLog } from "../../src/log/embedded.ts";

const [dataDir, topic, round] = Deno.args as [string, string, string];
const log = await openEmbeddedLog({ dataDir });
for (let count = 0;;) {
  const records = Array.from({ length: 1 + count % 7 }, (_, i) => ({ value: `${round} ${count + i}` }));
  await log.produce(topic, records);
  count += records.length;
  console.log(count);
}
