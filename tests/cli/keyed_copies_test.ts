// Where a domain reads a keyed copy: what Freshet's own producers write goes to the copied topic, and comes to the tables by the
// copy; and what is damaged, away or behind of the copied topic is seen and mended as it is of a topic that is read.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { hours, seconds } from "@freshet/stream";
import { LogRefusedError, LogUnavailableError } from "../../src/errors.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Parts } from "../../src/parts.ts";
import freshetSql from "../../sql/freshet.sql" with { type: "text" };
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { productionParts } from "../../src/wiring.ts";
import { until } from "../contracts/log/place.ts";
import { damageEmbedded, truncateEmbedded } from "../support/embedded_damage.ts";
import { waitForAnswer } from "../support/running.ts";
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

Deno.test("verbs that name topics know the copied one, and how far its copy is behind", async () => {
  await using terminal = await Terminal.open();
  await succeed(terminal, "simulate", "wine", "--count", String(COUNT));
  const behind = `It reads a keyed copy of sales_events, which lacks ${COUNT} records of it`;
  assertStringIncludes(await succeed(terminal, "status"), behind);
  await succeed(terminal, "run", "wine", "--until-end");
  assertStringIncludes(await succeed(terminal, "status"), "which lacks 0 records of it");
  const [{ copy }] = JSON.parse(await succeed(terminal, "status", "--json")).domains
    .filter(({ domain }: { readonly domain: string }) => domain === "wine");
  assertEquals([copy.topic, copy.partitions.length], ["sales_events", 2]);
  await succeed(terminal, "simulate", "wine", "--count", "10");
  const copyFound = JSON.parse(await succeed(terminal, "doctor", "wine", "--json")).at(-1);
  assertEquals(copyFound, {
    ...{ domain: "wine", check: "the copied topic reaches as far as its keyed copy", result: "ok" },
    detail: '10 records of "sales_events" are not in the copy yet',
  });
  const lines: readonly { readonly topic: string; readonly group: string | null; readonly lag: number | null }[] = JSON
    .parse(await succeed(terminal, "topics", "--json"));
  const lagOf = (topic: string) => lines.filter((line) => line.topic === topic).reduce((sum, { lag }) => sum + lag!, 0);
  assertEquals([lagOf("sales_events"), lagOf("sales_events.keyed")], [10, 0]);
  assertEquals(lines.find(({ topic }) => topic === "sales_events")?.group, "sales_events.keyed-copy");
  assert(/-a sales_events$/m.test(await succeed(terminal, "completion", "fish")));
  const { stderr } = await terminal.run(["skip", "nothing", "0", "1", "2"], { env });
  assertStringIncludes(stderr, "sales_events.keyed, sales_events,");
});

Deno.test("records can be sent to a copied topic that is not there yet, and a near miss is told its name", async () => {
  await using terminal = await Terminal.open();
  const missed = await terminal.run(["tail", "sales_event"], { env });
  assertStringIncludes(missed.stderr, 'did you mean "sales_events"?');
  const { code, stderr } = await terminal.run(["produce", "sales_events"], { env, stdin: "{}\n" });
  assertEquals(code, 0, stderr);
  assertEquals(await topicsOf(terminal), { sales_events: 1 });
});

const RUN = ["run", "wine", "--no-simulate"];
const SKIP = ["skip", "sales_events", "0", "100", "200"];
const GAP = { TOPIC: "sales_events", P: 0, A: 100, B: 200, REASON: "unreadable", RECORDED_BY: "freshet skip" };

/** Three runs of a hundred orders in each of two partitions, of which the second in the first is damaged. */
async function damaged(terminal: Terminal, where: "length" | "value" = "length"): Promise<void> {
  const startMs = Date.now() - hours(2);
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic: "sales_events", partitions: 2 }]);
    for (let run = 0; run < 6; run++) {
      const orders = Array.from({ length: 100 }, (_, i) => orderOf(run * 100 + i, startMs));
      await log.produce("sales_events", orders.map((order) => ({ ...order, partition: run % 2 })));
    }
  }
  await damageEmbedded(terminal.dataDir, { topic: "sales_events", partition: 0, offset: 150 }, where);
}

function orderOf(i: number, startMs: number) {
  const timestamp = startMs + i * seconds(1);
  const order = { event_type: "ORDER_CREATED", order_line_id: `o${i}`, customer_id: 1, product_id: 1000 + i % 7 };
  return { value: JSON.stringify({ ...order, quantity: 1, event_ts: timestamp }), timestamp };
}

async function rowsOf(terminal: Terminal, sql: string): Promise<readonly Record<string, unknown>[]> {
  return JSON.parse((await terminal.run(["query", "--json", sql], { env })).stdout || "[]");
}

const gaps = (terminal: Terminal) =>
  rowsOf(
    terminal,
    "SELECT TOPIC, KAFKA_PARTITION AS P, FROM_OFFSET AS A, TO_OFFSET AS B, REASON, RECORDED_BY FROM FRESHET_GAPS",
  );

const countOf = async (terminal: Terminal) =>
  Number((await rowsOf(terminal, "SELECT COUNT(*) AS N FROM RAW_EVENTS_STREAM"))[0]?.N ?? 0);

async function refused(terminal: Terminal, from: number, to: number, says: string): Promise<void> {
  const { code, stderr } = await terminal.run(["skip", "sales_events", "0", String(from), String(to)], { env });
  assertEquals(code, 1);
  assertStringIncludes(stderr, says);
}

Deno.test("damage of a copied topic stops its partition alone, and is skipped by the command that the message names", async () => {
  await using terminal = await Terminal.open();
  await damaged(terminal);
  const stopped = await terminal.run([...RUN, "--until-end"], { env });
  assertEquals(stopped.code, 1);
  assertStringIncludes(stopped.stderr, "by key stops, the others go on");
  assertStringIncludes(stopped.stderr, `"freshet ${SKIP.join(" ")}" goes on behind it`);
  assertEquals(await gaps(terminal), []);
  assertEquals((await topicsOf(terminal))["sales_events.keyed"], 400);
  assertStringIncludes(
    await succeed(terminal, "status"),
    "a keyed copy of sales_events, which lacks 200 records of it",
  );

  await refused(terminal, 50, 200, "is at offset 100, past 50 already");
  await refused(terminal, 150, 200, "has come to offset 100, not 150");
  await refused(terminal, 100, 201, "can be read at offset 200: skip no further than that");
  assertStringIncludes(await succeed(terminal, ...SKIP), "Offsets 100 to 199 of partition 0");
  assertStringIncludes(await succeed(terminal, ...SKIP), "nothing has changed");
  await succeed(terminal, ...RUN, "--until-end");
  assertEquals([await countOf(terminal), await gaps(terminal)], [500, [GAP]]);
  assertEquals(await rowsOf(terminal, "SELECT * FROM LATE_RECORDS"), []);
  const findings = JSON.parse(await succeed(terminal, "doctor", "wine", "--json"));
  assertEquals(findings.filter(({ result }: { readonly result: string }) => result !== "ok"), []);
});

Deno.test("the table of gaps says when those of copies are written", async () => {
  await using warehouse = await openDuckDb({ path: ":memory:" });
  await warehouse.migrate([{ name: "freshet", text: freshetSql }]);
  const { rows } = await warehouse.query("SELECT comment FROM duckdb_tables() WHERE table_name = 'FRESHET_GAPS'");
  assertStringIncludes(String(rows[0]![0]), "of one that is copied by key: before the offset of the group");
});

for (const where of ["length", "value"] as const) {
  Deno.test(`with FRESHET_ON_DAMAGE=skip a copy goes past the damage by itself (of a ${where})`, async () => {
    await using terminal = await Terminal.open();
    await damaged(terminal, where);
    const skipping = { ...env, FRESHET_ON_DAMAGE: "skip" };
    const { code, stderr } = await terminal.run([...RUN, "--until-end"], { env: skipping });
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "are not copied, and recorded in FRESHET_GAPS");
    const gap = { ...GAP, RECORDED_BY: "FRESHET_ON_DAMAGE" };
    assertEquals([await countOf(terminal), await gaps(terminal)], [500, [gap]]);
  });
}

Deno.test("a run that is up says where its copy has stopped, works other domains, and goes on when it is told to", async () => {
  await using terminal = await Terminal.open();
  await damaged(terminal, "value");
  await succeed(terminal, "simulate", "trains", "--count", "100");
  const stop = new AbortController();
  const running = terminal.run(["run", "wine", "trains", "--no-simulate"], { env, signal: stop.signal });
  try {
    await until(async () => await countOf(terminal) === 400, "what can be copied is in the table");
    const metrics = await waitForAnswer(
      terminal,
      "/metrics",
      (text) => text.includes('freshet_records_total{domain="trains",result="accepted"} 100'),
    );
    for (
      const line of [
        'freshet_stopped_partitions{domain="wine"} 1',
        'freshet_domain_up{domain="wine"} 0',
        'freshet_domain_up{domain="trains"} 1',
        'freshet_copied_records_total{domain="wine"} 400',
        'freshet_copied_unkeyed_records_total{domain="wine"} 0',
        'freshet_copy_lag{domain="wine",partition="0"} 200',
        'freshet_copy_lag{domain="wine",partition="1"} 0',
      ]
    ) assertStringIncludes(metrics, line);
    const status = await succeed(terminal, "status");
    assertStringIncludes(status, `Partition 0 of sales_events has stopped: `);
    assertStringIncludes(status, `"freshet ${SKIP.join(" ")}" goes on behind it`);
    await refused(terminal, 100, 300, "can be read at offset 200");
    assertStringIncludes(await succeed(terminal, ...SKIP), "Offsets 100 to 199 of partition 0");
    await until(async () => await countOf(terminal) === 500, "it goes on");
    assert(!(await succeed(terminal, "status")).includes("has stopped"));
    assertEquals(await gaps(terminal), [GAP]);
  } finally {
    stop.abort();
  }
  const { code, stderr } = await running;
  assertEquals(code, 0, stderr);
});

/** Orders of which there were none yet, a hundred in each of the partitions. */
async function more(terminal: Terminal, first: number, partitions: readonly number[]): Promise<void> {
  await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
  await log.createTopics([{ topic: "sales_events", partitions: 2 }]);
  const startMs = Date.now() - hours(2);
  for (const [at, partition] of partitions.entries()) {
    const orders = Array.from({ length: 100 }, (_, i) => orderOf(first + at * 100 + i, startMs));
    await log.produce("sales_events", orders.map((order) => ({ ...order, partition })));
  }
}

async function doctorIsContent(terminal: Terminal): Promise<void> {
  const findings = JSON.parse(await succeed(terminal, "doctor", "wine", "--json"));
  assertEquals(findings.filter(({ result }: { readonly result: string }) => result !== "ok"), []);
}

/** What is raw, and how many orders that are. */
const orders = async (terminal: Terminal) =>
  Object.values(
    (await rowsOf(
      terminal,
      "SELECT COUNT(*) AS N, COUNT(DISTINCT EVENT_CONTENT->>'order_line_id') AS O FROM RAW_EVENTS_STREAM",
    ))[0]!,
  ).map(Number);

Deno.test("a copied topic that has lost its end stops its partition, and is copied on from there once somebody says so", async () => {
  await using terminal = await Terminal.open();
  await more(terminal, 0, [0, 1, 0, 1, 0, 1]);
  await succeed(terminal, ...RUN, "--until-end");
  truncateEmbedded(terminal.dataDir, { topic: "sales_events", partition: 0, offset: 200 });
  await more(terminal, 600, [1]);
  const stopped = await terminal.run([...RUN, "--until-end"], { env });
  assertEquals(stopped.code, 1);
  const says = '"freshet skip sales_events 0 0 300" copies it anew from its beginning, 0; ' +
    'if it has lost its end, "freshet skip sales_events 0 200 300" copies what comes from 200 on';
  assertStringIncludes(stopped.stderr, says);
  // The others went on.
  assertEquals((await topicsOf(terminal))["sales_events.keyed"], 700);
  await refused(terminal, 200, 250, "holds offsets 0 to 200, and is copied up to 300: <to> is 300");
  await refused(terminal, 250, 300, "<from> where it is to be copied from, 0 to 200");
  assertStringIncludes(await succeed(terminal, "skip", "sales_events", "0", "200", "300"), "copied from 200 on");
  assertStringIncludes(await succeed(terminal, "skip", "sales_events", "0", "200", "300"), "nothing has changed");
  // Under the offsets of what was lost come others.
  await more(terminal, 700, [0, 0]);
  for (let run = 0; run < 2; run++) {
    await succeed(terminal, ...RUN, "--until-end");
    assertEquals(await orders(terminal), [900, 900]);
  }
  assertEquals(await gaps(terminal), [{ ...GAP, A: 200, B: 300, REASON: "truncated" }]);
  await doctorIsContent(terminal);
});

Deno.test("a copied topic that was made anew is copied from its beginning once somebody says so, beside a run that is up", async () => {
  await using terminal = await Terminal.open();
  await more(terminal, 0, [0, 1, 0, 1]);
  await succeed(terminal, ...RUN, "--until-end");
  for (const partition of [0, 1]) truncateEmbedded(terminal.dataDir, { topic: "sales_events", partition, offset: 0 });
  await more(terminal, 400, [0, 1]);
  const stop = new AbortController();
  const running = terminal.run([...RUN], { env, signal: stop.signal });
  try {
    await until(
      async () => (await succeed(terminal, "status")).includes("Partition 1 of sales_events has stopped"),
      "it stops",
    );
    const status = (await succeed(terminal, "status")).replaceAll(/\s+/g, " ");
    for (const partition of [0, 1]) {
      const skip = ["skip", "sales_events", String(partition), "0", "200"];
      assertStringIncludes(status, `"freshet ${skip.join(" ")}" copies it anew from its beginning, 0`);
      assertStringIncludes(await succeed(terminal, ...skip), "copied from 0 on");
    }
    await until(async () => (await orders(terminal))[0]! >= 600, "it goes on");
    await more(terminal, 600, [0, 1]);
    await until(async () => (await orders(terminal))[0]! >= 800, "and on");
    assert(!(await succeed(terminal, "status")).includes("has stopped"));
  } finally {
    stop.abort();
  }
  const { code, stderr } = await running;
  assertEquals(code, 0, stderr);
  // A later run knows what is copied, and of which of the two topics.
  await more(terminal, 800, [0]);
  await succeed(terminal, ...RUN, "--until-end");
  assertEquals(await orders(terminal), [900, 900]);
  await doctorIsContent(terminal);
});

/** The real parts, with a log that fails what `fail` throws for. */
function partsWhere(fail: (method: string, topics: readonly string[]) => void): Parts {
  return {
    ...productionParts,
    async openLog(config, clock) {
      const log = await productionParts.openLog(config, clock);
      const { topics, createTopics } = log;
      log.topics = async (names = []) => {
        fail("topics", names);
        return await topics.call(log, names.length === 0 ? undefined : names);
      };
      log.createTopics = async (specs) => {
        fail("createTopics", specs.map(({ topic }) => topic));
        return await createTopics.call(log, specs);
      };
      return log;
    },
  };
}

const accepted = (domain: string) => `freshet_records_total{domain="${domain}",result="accepted"} ${COUNT}`;

Deno.test("a log that is away when a copy is to be made is waited for", async () => {
  await using terminal = await Terminal.open();
  await succeed(terminal, "simulate", "wine", "--count", String(COUNT));
  let asked = 0;
  const parts = partsWhere((method, topics) => {
    const isLooking = method === "topics" && topics.includes("sales_events.keyed") && topics.includes("sales_events");
    if (isLooking && ++asked <= 2) throw new LogUnavailableError("The broker is away");
  });
  const stop = new AbortController();
  const running = terminal.run(RUN, { env, parts, signal: stop.signal });
  await waitForAnswer(terminal, "/metrics", (text) => text.includes(accepted("wine")));
  stop.abort();
  const { code, stderr } = await running;
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "Copying sales_events by key waits: The broker is away");
  assertEquals(asked, 3, "once it is there it is not looked for again");
});

Deno.test("a copy that cannot be made is its domain's failure, and no other's", async () => {
  await using terminal = await Terminal.open();
  for (const domain of ["wine", "trains"]) await succeed(terminal, "simulate", domain, "--count", String(COUNT));
  let isRefused = true;
  const parts = partsWhere((method, topics) => {
    const isCopy = method === "createTopics" && topics.includes("sales_events.keyed");
    if (isCopy && isRefused) throw new LogRefusedError("It may not make topics");
  });
  const stop = new AbortController();
  const running = terminal.run(["run", "wine", "trains", "--no-simulate"], {
    ...{ parts, signal: stop.signal },
    env: { ...env, FRESHET_FAILED_RETRY_MS: "100" },
  });
  await waitForAnswer(terminal, "/metrics", (text) => text.includes(accepted("trains")));
  await waitForAnswer(terminal, "/health", (text) => text.includes("It may not make topics"));
  isRefused = false;
  await waitForAnswer(terminal, "/metrics", (text) => text.includes(accepted("wine")));
  stop.abort();
  const { code, stderr } = await running;
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "wine cannot go on, the others go on");
});
