import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type AppOptions, runApp } from "../src/app.ts";
import { systemClock } from "../src/clock.ts";
import { readConfig } from "../src/config/mod.ts";
import { LogUnavailableError, WarehouseRefusedError } from "../src/errors.ts";
import type { Phase } from "../src/engine/status.ts";
import type { Log } from "../src/log/log.ts";
import { setUpLogging } from "../src/logging.ts";
import type { Domain } from "../src/domains/domain.ts";
import type { Parts, Runner } from "../src/parts.ts";
import { DUCKDB } from "../src/warehouse/duckdb/traits.ts";
import type { Warehouse } from "../src/warehouse/warehouse.ts";
import { domainOf } from "./support/domains.ts";
import { domainStatus } from "./support/status.ts";

/** What happened, in order. */
type Story = string[];

const domain = (name: string): Domain => ({
  ...domainOf("trains"),
  name,
  topic: `${name}_topic`,
  group: name,
  sql: "",
});
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })
  );

/** Parts that write down what is done to them; `behaviour` says what the runner of a domain does, `phase` what it says of itself. */
function parts(story: Story, { behaviour, phase = "running" }: Pick<Scene, "behaviour" | "phase">): Parts {
  const disposable = (name: string) => () => Promise.resolve(void story.push(`close ${name}`));
  const log = {
    kind: "embedded",
    description: "log",
    createTopics: () => Promise.resolve([]),
    [Symbol.asyncDispose]: disposable("log"),
  };
  const warehouse = {
    ...DUCKDB,
    description: "warehouse",
    migrate: () => Promise.resolve([]),
    [Symbol.asyncDispose]: disposable("warehouse"),
  };
  const createRunner = ({ domain: { name, topic } }: { readonly domain: Domain }): Runner => ({
    async run(signal) {
      await behaviour[name]!(signal);
      story.push(`${name} done`);
    },
    status: () => domainStatus({ domain: name, topic, phase }),
    failed: () => {},
    retriesAt: () => {},
  });
  return {
    modules: [],
    domains: () => [],
    openLog: () => Promise.resolve(log as unknown as Log),
    openWarehouse: () => Promise.resolve(warehouse as unknown as Warehouse),
    openCache: () => Promise.reject(new Error("No domain here needs a cache")),
    warehouseTraits: () => DUCKDB,
    warehouseMissing: () => Promise.resolve(undefined),
    createRunner,
  };
}

interface Scene {
  readonly behaviour: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>;
  readonly phase?: Phase;
  readonly options?: (story: Story) => Partial<AppOptions>;
  readonly env?: Readonly<Record<string, string>>;
}

const dataDirs: string[] = [];
Deno.test.afterAll(async () => {
  for (const dataDir of dataDirs) await Deno.remove(dataDir, { recursive: true });
});

async function play({ behaviour, phase, options = () => ({}), env = {} }: Scene) {
  setUpLogging({ level: "error", format: "text", colors: false, secrets: [], write: () => {} });
  const dataDir = await Deno.makeTempDir();
  dataDirs.push(dataDir);
  const story: Story = [];
  const stop = new AbortController();
  const run = runApp({
    config: readConfig({ FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0", ...env }, []),
    parts: parts(story, { behaviour, phase }),
    domains: Object.keys(behaviour).map(domain),
    clock: systemClock,
    pid: Deno.pid,
    version: "0.0.0",
    feeds: [],
    untilEnd: false,
    signal: stop.signal,
    giveUp: (message) => {
      throw new Error(message);
    },
    onUp: () => void story.push("up"),
    ...options(story),
  });
  return { run, story, stop, dataDir };
}

Deno.test("a signal drains every domain, then everything is closed in reverse order", async () => {
  const { run, story, stop, dataDir } = await play({ behaviour: { a: aborted } });
  while (!story.includes("up")) await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals([...Deno.readDirSync(dataDir)].map(({ name }) => name), ["freshet.run.json"]);
  if (Deno.build.os !== "windows") {
    assertEquals((await Deno.stat(`${dataDir}/freshet.run.json`)).mode! & 0o777, 0o600);
  }
  stop.abort();
  await run;
  assertEquals(story, ["up", "a done", "close warehouse", "close log"]);
  assertEquals([...Deno.readDirSync(dataDir)], []);
});

const broken = () => Promise.reject(new Error("b is broken"));

Deno.test("a domain that fails stops the others where that is wanted; they drain, and the run rejects with its error", async () => {
  const env = { FRESHET_ON_FAILED_DOMAIN: "exit" };
  const { run, story } = await play({ behaviour: { a: aborted, b: broken }, env });
  await assertRejects(() => run, Error, "b is broken");
  assertEquals(story, ["up", "a done", "close warehouse", "close log"]);
});

Deno.test("a domain that fails is tried again until it runs, and the others go on meanwhile", async () => {
  const env = { FRESHET_FAILED_RETRY_MS: "100" };
  let tries = 0;
  const runs = Promise.withResolvers<void>();
  const b = async (signal: AbortSignal) => {
    if (++tries < 3) throw new Error("b is broken");
    runs.resolve();
    await aborted(signal);
  };
  const { run, story, stop } = await play({ behaviour: { a: aborted, b }, env });
  await runs.promise;
  assertEquals(story, ["up"]);
  stop.abort();
  await run;
  assertEquals(story.toSorted(), ["a done", "b done", "close log", "close warehouse", "up"]);
});

Deno.test("when no domain is left that could go on the run ends with what they failed of", async () => {
  const { run } = await play({ behaviour: { a: () => Promise.reject(new Error("a is broken")), b: broken } });
  const { errors } = await assertRejects(() => run, AggregateError);
  assertEquals(errors.map(({ message }) => message), ["a is broken", "b is broken"]);
});

Deno.test("what is away comes back: all domains wait for it, and a stop ends the waiting", async () => {
  const away = () => Promise.reject(new LogUnavailableError("Kafka is away"));
  const failed = Promise.withResolvers<void>();
  const env = { FRESHET_FAILED_RETRY_MS: "600000" };
  const b = () => {
    failed.resolve();
    return away();
  };
  const { run, story, stop } = await play({ behaviour: { a: away, b }, env });
  await failed.promise;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(story, ["up"]);
  stop.abort();
  await assertRejects(() => run, AggregateError);
});

Deno.test("in a run that ends by itself a failed domain does not keep the others from their end", async () => {
  const { promise: bHasFailed, resolve } = Promise.withResolvers<void>();
  const a = async () => {
    await bHasFailed;
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const b = () => {
    resolve();
    return broken();
  };
  const { run, story } = await play({ behaviour: { a, b }, options: () => ({ untilEnd: true }) });
  await assertRejects(() => run, Error, "b is broken");
  assertEquals(story, ["up", "a done", "close warehouse", "close log"]);
});

Deno.test("a feed that fails ends the run with its error", async () => {
  const feed = { name: "f", run: () => Promise.reject(new Error("no more disk")) };
  const { run, story } = await play({ behaviour: { a: aborted }, options: () => ({ feeds: [feed] }) });
  await assertRejects(() => run, Error, "no more disk");
  assert(story.includes("a done"));
});

Deno.test("when all domains have reached the end the feeds are stopped and the run ends", async () => {
  const { run, story } = await play({
    behaviour: { a: () => Promise.resolve() },
    options: (story) => ({
      untilEnd: true,
      feeds: [{ name: "f", run: (_log, signal) => aborted(signal).then(() => void story.push("feed stopped")) }],
    }),
  });
  await run;
  assertEquals(story, ["up", "a done", "feed stopped", "close warehouse", "close log"]);
});

Deno.test("draining that takes longer than it may gives up, and says whether the last checkpoint is written", async () => {
  assertStringIncludes(
    await gaveUpIn("draining"),
    "The last checkpoint was not written within 20 ms (FRESHET_DRAIN_MS)",
  );
  const closing = await gaveUpIn("stopped");
  assertStringIncludes(closing, "Everything is written");
  assertStringIncludes(closing, "20 ms (FRESHET_DRAIN_MS)");
});

/** What a run says that gives up while its only domain is in this phase. */
async function gaveUpIn(phase: Phase): Promise<string> {
  const stuck = Promise.withResolvers<void>();
  const gaveUp = Promise.withResolvers<string>();
  const { run, stop, story } = await play({
    behaviour: { a: () => stuck.promise },
    phase,
    env: { FRESHET_DRAIN_MS: "20" },
    options: () => ({
      giveUp(message): never {
        gaveUp.resolve(message);
        return undefined as never;
      },
    }),
  });
  while (!story.includes("up")) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  const message = await gaveUp.promise;
  stuck.resolve();
  await run;
  return message;
}

Deno.test("a second run on the same folder is refused, naming the first, and an old run file is ignored", async () => {
  const first = await play({ behaviour: { a: aborted } });
  while (!first.story.includes("up")) await new Promise((resolve) => setTimeout(resolve, 5));
  const again = { env: { FRESHET_DATA_DIR: first.dataDir }, behaviour: { a: () => Promise.resolve() } };
  const error = await assertRejects(async () => (await play(again)).run, WarehouseRefusedError);
  assertStringIncludes(error.message, `pid ${Deno.pid}`);
  const left = await Deno.readTextFile(`${first.dataDir}/freshet.run.json`);
  first.stop.abort();
  await first.run;
  await Deno.writeTextFile(`${first.dataDir}/freshet.run.json`, left);
  const second = await play(again);
  await second.run;
  assertEquals(second.story.at(0), "up");
});
