// `log check` and `log repair`, from the damage to a doctor who finds every offset accounted for.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { embeddedLogFile, openEmbeddedLog } from "../../src/log/embedded.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { damageEmbedded } from "../support/embedded_damage.ts";
import { domainOf } from "../support/domains.ts";
import { Traffic } from "../support/traffic.ts";
import { Terminal } from "./terminal.ts";

const { topic } = domainOf("trains");
const WORK_OFF = ["run", "trains", "--no-simulate", "--until-end"];

async function fill(terminal: Terminal): Promise<void> {
  const checked = checkedDomains.find(({ name }) => name === "trains")!;
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  await log.createTopics([{ topic, partitions: 2 }]);
  const traffic = new Traffic(checked, 3);
  for (let run = 0; run < 10; run++) {
    await log.produce(topic, traffic.take(100).map((record) => ({ ...record, partition: run % 2 })));
  }
}

async function ask(terminal: Terminal, sql: string): Promise<unknown> {
  return JSON.parse((await terminal.run(["query", sql, "--json"])).stdout);
}

Deno.test("records of a segment whose checksum is wrong are dead letters, and everything else goes on", async () => {
  await using terminal = await Terminal.open();
  await fill(terminal);
  assertEquals((await terminal.run(["log", "check"])).code, 0);
  await damageEmbedded(terminal.dataDir, { topic, partition: 0, offset: 250 }, "value");
  const { code, stdout, stderr } = await terminal.run(["log", "check"]);
  assertEquals(code, 1);
  assertStringIncludes(stdout, `${topic} partition 0: offsets 200 to 299 are doubtful`);
  assertStringIncludes(stderr, "dead letters");
  assertEquals((await terminal.run(WORK_OFF)).code, 0);
  assertEquals(
    await ask(
      terminal,
      "SELECT COUNT(*) AS N, MIN(KAFKA_OFFSET) AS A, MAX(KAFKA_OFFSET) AS B FROM DEAD_LETTERS WHERE REASON = 'damaged'",
    ),
    [{ N: 100, A: 200, B: 299 }],
  );
  assertEquals((await terminal.run(["doctor", "trains"])).code, 0);
});

Deno.test("a log that is no database any more is repaired as the message says, and the tables go on", async () => {
  await using terminal = await Terminal.open();
  await fill(terminal);
  assertEquals((await terminal.run(WORK_OFF)).code, 0);
  await Deno.writeTextFile(embeddedLogFile(terminal.dataDir), "no database ".repeat(10_000));
  const refused = await terminal.run(WORK_OFF);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, '"freshet log repair"');
  const { code, stdout } = await terminal.run(["log", "repair"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "made anew with 0 segments");
  await fill(terminal);
  assertEquals((await terminal.run(WORK_OFF)).code, 0);
  const [{ N }] = await ask(terminal, "SELECT COUNT(*) AS N FROM ATS_RAW_JSON") as [{ N: number }];
  assert(N > 1_000, `${N} rows`);
});
