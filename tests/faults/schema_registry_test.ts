// A Schema Registry that is away, does not know, or comes back: records wait or become dead letters, and none is lost.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { Log } from "../../src/log/log.ts";
import { openRegisteredLog } from "../../src/log/registered_log.ts";
import { framed } from "../../src/log/wire_format.ts";
import { scriptsOf } from "../../src/parts.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { readAll, until } from "../contracts/log/place.ts";
import { checkRules, checksOf } from "../support/checks.ts";
import { domainOf } from "../support/domains.ts";
import { Terminal } from "../cli/terminal.ts";
import { waitForAnswer } from "../support/running.ts";
import { StandInRegistry } from "../support/registry/stand_in.ts";

const domain = domainOf("actions");
const action = (user_id: string) =>
  JSON.stringify({ user_id, action: "click", page: "/", timestamp: "2026-01-15T09:00:00Z" });

interface Scene extends AsyncDisposable {
  readonly server: StandInRegistry;
  /** The log without a registry. */
  readonly plain: Log;
  readonly warehouse: Warehouse;
  readonly warnings: string[];
  /** Runs the domain until the end, or until the signal is aborted. */
  run(signal?: AbortSignal): Promise<void>;
}

async function scene(): Promise<Scene> {
  const stack = new AsyncDisposableStack();
  const dataDir = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(dataDir, { recursive: true }));
  const server = stack.use(StandInRegistry.start());
  const plain = stack.use(await openEmbeddedLog({ dataDir }));
  await plain.createTopics([{ topic: domain.topic, partitions: 2 }]);
  const warehouse = stack.use(await openDuckDb({ path: `${dataDir}/freshet.duckdb` }));
  await warehouse.migrate(scriptsOf([domain]));
  const warnings: string[] = [];
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  return {
    server,
    plain,
    warehouse,
    warnings,
    async run(signal) {
      // A process of its own: it knows no schemas yet.
      await using log = openRegisteredLog({
        log: await openEmbeddedLog({ dataDir }),
        registry: { url: server.url, timeoutMs: 200 },
        schemas: new Map(),
        clock: systemClock,
        onWarning: (message) => warnings.push(message),
      });
      const settings = { checkpointRows: 100, checkpointMs: 50, maxRestarts: 0, untilEnd: signal === undefined };
      const runner = new DomainRunner({ domain, log, warehouse, clock: systemClock, logger: quiet, ...settings });
      await runner.run(signal ?? new AbortController().signal);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** How many rows the tables hold: raw, dead letters. */
async function rows(warehouse: Warehouse): Promise<number[]> {
  const { rows } = await warehouse.query(
    "SELECT (SELECT COUNT(*) FROM USER_ACTIONS_RAW), (SELECT COUNT(*) FROM DEAD_LETTERS)",
  );
  return rows[0]!.map(Number);
}

const many = (count: number, partition: number, schema?: number) =>
  Array.from({ length: count }, (_, i) => {
    const value = action(`u${i}`);
    return { key: `u${i}`, value: schema === undefined ? value : framed(schema, value), partition };
  });

Deno.test("a registry that is away makes records of new schemas wait: the others are committed, and all are when it is back", async () => {
  await using place = await scene();
  const { server, plain, warehouse, warnings } = place;
  const id = server.add("JSON");
  await plain.produce(domain.topic, [...many(30, 0), ...many(20, 1), ...many(50, 1, id)]);
  server.status = 503;
  const running = place.run();
  await until(async () => (await rows(warehouse))[0] === 30 && warnings.length > 0, "the partition that need not wait");
  assertStringIncludes(warnings[0]!, 'Partition 1 of "events" waits for 1');
  server.status = undefined;
  await running;
  assertEquals(await rows(warehouse), [100, 0]);
  await checkRules(warehouse, checksOf("actions"));
});

Deno.test("a partition that waits for a schema is a standstill, whatever the other partitions do, and never green", async () => {
  await using terminal = await Terminal.open();
  await using server = StandInRegistry.start();
  const id = server.add("JSON");
  server.status = 503;
  await using plain = await openEmbeddedLog({ dataDir: terminal.dataDir });
  await plain.createTopics([{ topic: domain.topic, partitions: 2 }]);
  const env = { SCHEMA_REGISTRY_URL: server.url, FRESHET_STANDSTILL_MS: "1000", FRESHET_CHECKPOINT_MS: "50" };
  const stop = new AbortController();
  const ended = terminal.run(["run", "actions", "--no-simulate"], { env, signal: stop.signal });
  try {
    await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
    await plain.produce(domain.topic, many(10, 1, id));
    const isTold = (text: string) => JSON.parse(text).status === "degraded";
    let health = "";
    const told = waitForAnswer(terminal, "/health", isTold).then((text) => health = text);
    // The other partition gets on all the time.
    while (health === "") {
      await plain.produce(domain.topic, many(1, 0));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await told;
    const { kind, reason } = JSON.parse(health).domains.actions.standstill;
    assertEquals(kind, "partition_blocked");
    assertStringIncludes(reason, `Partition 1 waits for a schema of the Schema Registry at ${server.url}`);
    assertEquals(JSON.parse(await waitForAnswer(terminal, "/readyz", () => true)).status, "not ready");
    server.status = undefined;
    await waitForAnswer(terminal, "/readyz", (text) => JSON.parse(text).status === "ok");
  } finally {
    stop.abort();
    await ended;
  }
});

Deno.test("a run that is stopped while records wait ends at once, and the next one goes on with them", async () => {
  await using place = await scene();
  const { server, plain, warehouse, warnings } = place;
  const id = server.add("JSON");
  await plain.produce(domain.topic, [...many(10, 0), ...many(10, 1, id)]);
  server.hangs = true;
  const stop = new AbortController();
  const running = place.run(stop.signal);
  await until(async () => (await rows(warehouse))[0] === 10 && warnings.length > 0, "the partition that need not wait");
  stop.abort();
  await running;
  server.hangs = false;
  await place.run();
  assertEquals(await rows(warehouse), [20, 0]);
  await checkRules(warehouse, checksOf("actions"));
});

Deno.test("what names an unknown schema, or does not fit its schema, is a dead letter with the very bytes it came as", async () => {
  await using place = await scene();
  const { server, plain, warehouse } = place;
  const [json, avro] = [server.add("JSON"), server.add(undefined, { schema: '"int"' })];
  const bad = [
    [framed(99, action("u1")), "unknown_schema_id"],
    [framed(avro, Uint8Array.of(2, 0xff)), "schema_mismatch"],
    [Uint8Array.of(0, 1), "truncated_frame"],
    [Uint8Array.of(7, 0, 0, 0, 1, 123, 125), "wrong_magic_byte"],
  ] as const;
  await plain.produce(domain.topic, [
    ...bad.map(([value]) => ({ key: "k", value, partition: 0 })),
    ...many(5, 0, json),
  ]);
  await place.run();
  assertEquals(await rows(warehouse), [5, bad.length]);
  const dead = await warehouse.query("SELECT REASON, ENCODING, RECORD_VALUE FROM DEAD_LETTERS ORDER BY KAFKA_OFFSET");
  const bytes = dead.rows.map(([, encoding, value]) =>
    encoding === "base64" ? Uint8Array.fromBase64(String(value)) : new TextEncoder().encode(String(value))
  );
  assertEquals(dead.rows.map(([reason]) => reason), bad.map(([, reason]) => reason));
  assertEquals(bytes, bad.map(([value]) => value));
  const sent = (await readAll(plain, `${domain.topic}.dlq`, bad.length)).flatMap(({ records }) => records);
  assertEquals(sent.map(({ value }) => [...value!]), bad.map(([value]) => [...value]));
});
