// Several domains in one run, of which one fails: it starts again by itself while the others go on, and when it cannot go on
// the run ends after the others have written their last checkpoint.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { WarehouseUnavailableError } from "../src/errors.ts";
import type { Parts } from "../src/parts.ts";
import { productionParts } from "../src/wiring.ts";
import { openDuckDb } from "../src/warehouse/duckdb.ts";
import type { Warehouse, Writer } from "../src/warehouse/warehouse.ts";
import { Terminal } from "./cli/terminal.ts";
import { until } from "./contracts/log/place.ts";
import { checkRules, checksOf } from "./support/checks.ts";
import { waitForAnswer } from "./support/running.ts";
import { tamper } from "./support/tamper.ts";

/** The same object, but for a method. */
function withMethod<T extends object, N extends keyof T>(object: T, name: N, method: T[N]): T {
  return new Proxy(object, {
    get(target, property) {
      if (property === name) return method;
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The real parts, with a warehouse that takes nothing of rides while `isDown` says so. */
function partsWithoutRides(isDown: () => boolean): Parts {
  const guarded = (writer: Writer) =>
    withMethod(writer, "commit", async (unit) => {
      if (isDown()) throw new WarehouseUnavailableError("The warehouse does not take rides today");
      await writer.commit(unit);
    });
  return {
    ...productionParts,
    async openWarehouse(config, clock): Promise<Warehouse> {
      const warehouse = await productionParts.openWarehouse(config, clock);
      return withMethod(warehouse, "writer", async (domain) => {
        const writer = await warehouse.writer(domain);
        return domain === "rides" ? guarded(writer) : writer;
      });
    },
  };
}

const ENV = { FRESHET_DASHBOARD_PORT: "0", FRESHET_CHECKPOINT_MS: "100", FRESHET_LOG_FORMAT: "text" };

async function simulated(terminal: Terminal): Promise<void> {
  for (const domain of ["trains", "rides"]) {
    const { code, stderr } = await terminal.run(["simulate", domain, "--count", "1000"], { env: ENV });
    assertEquals(code, 0, stderr);
  }
}

async function checkBoth(terminal: Terminal): Promise<void> {
  await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
  await checkRules(warehouse, { ...checksOf("trains"), ...checksOf("rides") });
  const { rows } = await warehouse.query(
    "SELECT (SELECT COUNT(*) FROM ATS_RAW_JSON), (SELECT COUNT(*) FROM RIDE_REQUESTS)",
  );
  assertEquals(rows[0]!.map(Number), [1000, 1000]);
}

Deno.test("a domain that fails starts again until it can go on, is reported, and stops no other", async () => {
  await using terminal = await Terminal.open();
  await simulated(terminal);
  let isDown = true;
  const stop = new AbortController();
  const running = terminal.run(["run", "trains", "rides", "--no-simulate"], {
    env: ENV,
    parts: partsWithoutRides(() => isDown),
    signal: stop.signal,
  });
  const isAwaited = (text: string) =>
    /freshet_restarts_total\{domain="rides"\} [2-9]/.test(text) &&
    text.includes('freshet_records_total{domain="trains",result="accepted"} 1000');
  const metrics = await waitForAnswer(terminal, "/metrics", isAwaited);
  assertStringIncludes(metrics, 'freshet_domain_up{domain="trains"} 1');
  const ill = JSON.parse(await waitForAnswer(terminal, "/health", (text) => text.includes("restarting")));
  assertEquals([ill.status, ill.domains.trains.phase, ill.domains.rides.phase], ["degraded", "running", "restarting"]);
  assertEquals(ill.domains.rides.last_error, "The warehouse does not take rides today");
  assertEquals(JSON.parse(await waitForAnswer(terminal, "/livez", () => true)).status, "ok");
  isDown = false;
  await waitForAnswer(
    terminal,
    "/metrics",
    (text) => text.includes('freshet_records_total{domain="rides",result="accepted"} 1000'),
  );
  await waitForAnswer(terminal, "/health", (text) => JSON.parse(text).status === "ok");
  stop.abort();
  const { code, stderr } = await running;
  assertEquals(code, 0, stderr);
  await checkBoth(terminal);
});

Deno.test("where a failed domain shall end the run it does, after the others have written all they had", async () => {
  await using terminal = await Terminal.open();
  await simulated(terminal);
  const env = { ...ENV, FRESHET_MAX_RESTARTS: "1", FRESHET_ON_FAILED_DOMAIN: "exit" };
  const { code, stderr } = await terminal.run(["run", "trains", "rides", "--no-simulate"], {
    env: { ...env, FRESHET_CHECKPOINT_MS: "600", FRESHET_CHECKPOINT_ROWS: "100000" },
    parts: partsWithoutRides(() => true),
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "rides cannot go on, the others write a last checkpoint");
  assertStringIncludes(stderr, "freshet: The warehouse does not take rides today");
  {
    await using warehouse = await openDuckDb({ path: `${terminal.dataDir}/freshet.duckdb` });
    await checkRules(warehouse, checksOf("trains"));
    const { rows } = await warehouse.query("SELECT COUNT(*) FROM ATS_RAW_JSON");
    assertEquals(Number(rows[0]![0]), 1000);
  }
  const mended = await terminal.run(["run", "trains", "rides", "--until-end"], { env });
  assertEquals(mended.code, 0, mended.stderr);
  await checkBoth(terminal);
});

Deno.test("state of other windows sets its domain apart, naming the operator, until the SQL that it names is run", async () => {
  await using terminal = await Terminal.open();
  await simulated(terminal);
  await terminal.run(["run", "rides", "--until-end"], { env: ENV });
  const changed = { ...ENV, RIDE_SURGE_GAP_MINUTES: "5", FRESHET_FAILED_RETRY_MS: "100" };
  const stop = new AbortController();
  const running = terminal.run(["run", "trains", "rides", "--no-simulate"], { env: changed, signal: stop.signal });
  const isWorkedOff = (text: string) =>
    text.includes('freshet_records_total{domain="trains",result="accepted"} 1000') &&
    text.includes('freshet_domain_up{domain="rides"} 0');
  await waitForAnswer(terminal, "/metrics", isWorkedOff);
  const ready = JSON.parse(await waitForAnswer(terminal, "/readyz", () => true));
  assertEquals([ready.status, ready.domains], ["not ready", ["rides"]]);
  assertStringIncludes(ready.reasons.rides, "RIDE_SURGE_ALERTS/SURGE/episodes");
  assertEquals(JSON.parse(await waitForAnswer(terminal, "/livez", () => true)).status, "ok");
  const health = JSON.parse(
    await waitForAnswer(terminal, "/health", (text) => JSON.parse(text).domains.rides.retry_at),
  );
  assertEquals([health.domains.trains.phase, health.domains.rides.phase], ["running", "failed"]);
  // It may be asked in the middle of a try.
  await until(async () => {
    const { stdout } = await terminal.run(["status"], { env: changed });
    return stdout.includes("rides (ride_events): failed, tried again at ");
  }, "the status says that rides has failed, and when it is tried again");
  stop.abort();
  const { code, stderr } = await running;
  assertEquals(code, 1);
  assertStringIncludes(stderr, "the others go on, and it is tried again in");
  assert(!stderr.includes("TypeError"), stderr);
  const mended = await terminal.run(["run", "trains", "rides", "--until-end"], { env: ENV });
  assertEquals(mended.code, 0, mended.stderr);
  await checkBoth(terminal);
});

Deno.test("a table that is gone sets its domain apart until it is there again, and no other", async () => {
  await using terminal = await Terminal.open();
  await simulated(terminal);
  await terminal.run(["migrate"], { env: ENV });
  await tamper(terminal, "ALTER TABLE RIDE_REQUESTS RENAME TO GONE");
  const stop = new AbortController();
  const running = terminal.run(["run", "trains", "rides", "--no-simulate"], { env: ENV, signal: stop.signal });
  const isWorkedOff = (text: string) =>
    text.includes('freshet_records_total{domain="trains",result="accepted"} 1000') &&
    text.includes('freshet_domain_up{domain="rides"} 0');
  await waitForAnswer(terminal, "/metrics", isWorkedOff);
  const { reasons } = JSON.parse(await waitForAnswer(terminal, "/readyz", (text) => text.includes("failed")));
  assertStringIncludes(reasons.rides, "RIDE_REQUESTS");
  stop.abort();
  assertEquals((await running).code, 1);
  await tamper(terminal, "ALTER TABLE GONE RENAME TO RIDE_REQUESTS");
  const mended = await terminal.run(["run", "trains", "rides", "--until-end"], { env: ENV });
  assertEquals(mended.code, 0, mended.stderr);
  await checkBoth(terminal);
});
