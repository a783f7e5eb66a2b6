// Where a domain reads a keyed copy: what Freshet's own producers write goes to the copied topic, and comes to the tables by the
// copy.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { Terminal } from "./terminal.ts";

const env = { FRESHET_KEYED_COPIES: "wine" };
const COUNT = 200;

/** How many records each topic has. */
async function topicsOf({ dataDir }: Terminal): Promise<Record<string, number>> {
  await using log = await openEmbeddedLog({ dataDir });
  const all = await log.topics();
  return Object.fromEntries(
    all.map(({ topic, partitions }) => [topic, partitions.reduce((sum, { low, high }) => sum + high - low, 0)]),
  );
}

async function succeed(terminal: Terminal, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await terminal.run(args, { env });
  assertEquals(code, 0, stderr);
  return stdout;
}

Deno.test("simulated records go to the copied topic, which need not be there, and come to the tables by its copy", async () => {
  await using terminal = await Terminal.open();
  assertStringIncludes(await succeed(terminal, "simulate", "wine", "--count", String(COUNT)), "Sent to sales_events:");
  assertEquals(await topicsOf(terminal), { sales_events: COUNT });
  await succeed(terminal, "run", "wine", "--until-end");
  const { sales_events, "sales_events.keyed": copied } = await topicsOf(terminal);
  assertEquals([sales_events, copied], [COUNT, COUNT]);
  const [row] = JSON.parse(await succeed(terminal, "query", "--json", "SELECT COUNT(*) AS N FROM RAW_EVENTS_STREAM"));
  assertEquals(Number(row.N), COUNT);
});

Deno.test("the topics that are made are the copied one and where dead letters go: a run makes the copy like it", async () => {
  await using terminal = await Terminal.open();
  await succeed(terminal, "topics", "create");
  const names = Object.keys(await topicsOf(terminal)).filter((topic) => topic.startsWith("sales_events")).sort();
  assertEquals(names, ["sales_events", "sales_events.keyed.dlq"]);
});
