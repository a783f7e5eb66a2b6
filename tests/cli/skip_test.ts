// `skip`, from the damage in the log to a doctor who finds every offset accounted for.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { checkedDomains } from "../support/checked_domains.ts";
import { damageEmbedded, truncateEmbedded } from "../support/embedded_damage.ts";
import { domainOf } from "../support/domains.ts";
import { Traffic } from "../support/traffic.ts";
import { Terminal } from "./terminal.ts";

const { topic } = domainOf("trains");
const RUN = ["run", "trains", "--no-simulate"];
const SKIP = ["skip", topic, "0", "200", "300"];

/** A topic of runs of a hundred records, five in each of two partitions, of which the third in the first is damaged. */
async function damaged(terminal: Terminal): Promise<void> {
  const checked = checkedDomains.find(({ name }) => name === "trains")!;
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic, partitions: 2 }]);
    const traffic = new Traffic(checked, 3);
    for (let run = 0; run < 10; run++) {
      await log.produce(topic, traffic.take(100).map((record) => ({ ...record, partition: run % 2 })));
    }
  }
  await damageEmbedded(terminal.dataDir, { topic, partition: 0, offset: 250 });
}

async function positions(terminal: Terminal): Promise<string> {
  const sql = "SELECT NEXT_OFFSET FROM FRESHET_OFFSETS ORDER BY KAFKA_PARTITION";
  const { stdout } = await terminal.run(["query", sql, "--json"]);
  return stdout === "" ? "" : JSON.parse(stdout).map((row: { NEXT_OFFSET: number }) => row.NEXT_OFFSET).join();
}

async function gaps(terminal: Terminal): Promise<unknown> {
  const sql = "SELECT KAFKA_PARTITION AS P, FROM_OFFSET AS A, TO_OFFSET AS B, REASON, RECORDED_BY FROM FRESHET_GAPS";
  return JSON.parse((await terminal.run(["query", sql, "--json"])).stdout);
}

const GAP = [{ P: 0, A: 200, B: 300, REASON: "unreadable", RECORDED_BY: "freshet skip" }];

async function doctorFindsAllRight(terminal: Terminal): Promise<void> {
  const { code, stdout } = await terminal.run(["doctor", "trains", "--json"]);
  assertEquals((JSON.parse(stdout) as Finding[]).filter(({ result }) => result !== "ok"), []);
  assertEquals(code, 0);
}

async function refused(terminal: Terminal, from: number, to: number, says: string): Promise<void> {
  const { code, stderr } = await terminal.run(["skip", topic, "0", String(from), String(to)]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, says);
}

Deno.test("a stopped partition goes past its damage when it is told to, without a run", async () => {
  await using terminal = await Terminal.open();
  await damaged(terminal);
  const stopped = await terminal.run([...RUN, "--until-end"]);
  assertEquals(stopped.code, 1);
  assertStringIncludes(stopped.stderr, `"freshet ${SKIP.join(" ")}" goes on behind it`);
  assertEquals(await positions(terminal), "200,500");

  await refused(terminal, 100, 300, 'The position of partition 0 of "ats_telemetry" is 200, not 100');
  await refused(terminal, 200, 301, "can be read at offset 300: skip no further than that");
  await refused(terminal, 200, 200, "There is nothing to skip");
  await refused(terminal, 200, 501, "ends at offset 500");
  assertEquals((await terminal.run(["skip", "none", "0", "1", "2"])).code, 2);
  assertEquals([await gaps(terminal), await positions(terminal)], [[], "200,500"]);

  const done = await terminal.run(SKIP);
  assertEquals([done.code, done.stderr], [0, ""]);
  assertStringIncludes(done.stdout, 'Offsets 200 to 299 of partition 0 of "ats_telemetry" are skipped');
  const again = await terminal.run(SKIP);
  assertEquals(again.code, 0);
  assertStringIncludes(again.stdout, "nothing has changed");
  assertEquals([await gaps(terminal), await positions(terminal)], [GAP, "300,500"]);

  assertEquals((await terminal.run([...RUN, "--until-end"])).code, 0);
  assertEquals(await positions(terminal), "500,500");
  await refused(terminal, 300, 400, "it is past 400 already");
  await doctorFindsAllRight(terminal);
});

Deno.test("a run that is up says where a partition has stopped, and goes on when it is told to", async () => {
  await using terminal = await Terminal.open();
  await damaged(terminal);
  const stop = new AbortController();
  const running = terminal.run(RUN, { signal: stop.signal });
  try {
    await until(async () => (await terminal.run(["status"])).stdout.includes("Partition 0 has stopped"));
    await until(async () => await positions(terminal) === "200,500");
    await refused(terminal, 200, 500, "can be read at offset 300");
    const done = await terminal.run(SKIP);
    assertEquals([done.code, done.stderr], [0, ""]);
    await until(async () => await positions(terminal) === "500,500");
    assert(!(await terminal.run(["status"])).stdout.includes("has stopped"));
    assertEquals(await gaps(terminal), GAP);
  } finally {
    stop.abort();
  }
  const { code, stderr } = await running;
  assertEquals(code, 0);
  assert(!stderr.includes("taken over anew"), stderr);
  await doctorFindsAllRight(terminal);
});

Deno.test("with FRESHET_ON_DAMAGE=skip a run goes past the damage by itself", async () => {
  await using terminal = await Terminal.open();
  await damaged(terminal);
  const { code, stderr } = await terminal.run([...RUN, "--until-end"], { env: { FRESHET_ON_DAMAGE: "skip" } });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "are skipped and recorded in FRESHET_GAPS");
  assertEquals(await gaps(terminal), [{ ...GAP[0], RECORDED_BY: "FRESHET_ON_DAMAGE" }]);
  await doctorFindsAllRight(terminal);
});

Deno.test("a partition whose log has lost what was read goes on at its position, once that is accepted", async () => {
  await using terminal = await Terminal.open();
  const produce = async (runs: number, seed: number) => {
    const checked = checkedDomains.find(({ name }) => name === "trains")!;
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic, partitions: 2 }]);
    const traffic = new Traffic(checked, seed);
    for (let run = 0; run < runs; run++) {
      await log.produce(topic, traffic.take(100).map((record) => ({ ...record, partition: run % 2 })));
    }
  };
  await produce(6, 3);
  assertEquals((await terminal.run([...RUN, "--until-end"])).code, 0);
  await refused(terminal, 200, 300, "the log holds what was read before it");
  truncateEmbedded(terminal.dataDir, { topic, partition: 0, offset: 200 });
  const stopped = await terminal.run([...RUN, "--until-end"]);
  assertEquals(stopped.code, 1);
  assertStringIncludes(stopped.stderr, `"freshet ${SKIP.join(" ")}" goes on at 300`);
  await refused(terminal, 201, 300, "ends at offset 200: what it lost begins there, or before, not at 201");
  assertEquals((await terminal.run(SKIP)).code, 0);
  await produce(4, 4);
  const done = await terminal.run([...RUN, "--until-end"]);
  assertEquals([done.code, await positions(terminal)], [0, "400,500"], done.stderr);
  assertEquals(await gaps(terminal), [{ ...GAP[0], REASON: "truncated" }]);
  await doctorFindsAllRight(terminal);
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while (!await condition()) {
    if (Date.now() > giveUpAt) throw new Error("Waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
