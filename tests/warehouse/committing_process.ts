// A process that commits units to a DuckDB file until it is killed, told to stop by the end of its standard input, or refused.
// Prints a line of JSON for each thing that happens. Arguments: file, rows per unit, checkpoint threshold.

import { commitUnit } from "../../src/engine/checkpoint.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { SCRIPTS, TOPIC, unitOf } from "./support.ts";

const [path, size, checkpointThreshold] = Deno.args as [string, string, string];
const say = (event: unknown) => console.log(JSON.stringify(event));
let stopping = false;
const stop = Deno.stdin.read(new Uint8Array(1)).then(() => stopping = true);

try {
  await using warehouse = await openDuckDb({ path, checkpointThreshold });
  await warehouse.migrate(SCRIPTS);
  await using writer = await warehouse.writer("domain");
  let [claim] = await writer.claim(TOPIC, [0]);
  say({ ready: claim!.nextOffset });
  for (let failures = 0; !stopping && failures < 3;) {
    try {
      // Random text, so that compressing does not keep a limited file small.
      const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(90))));
      await commitUnit(writer, unitOf(claim!, 1 + Math.floor(Math.random() * Number(size)), text));
    } catch (error) {
      failures++;
      say({ failed: (error as Error).name, message: (error as Error).message });
    }
    [claim] = await writer.positions(TOPIC, [0]);
    say({ committed: claim!.nextOffset });
  }
  if (!stopping) say({ gaveUp: true });
} catch (error) {
  say({ refused: (error as Error).name, message: (error as Error).message });
}
await stop;
