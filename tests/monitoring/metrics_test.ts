// The metrics of the real program: promtool finds nothing wrong with them, docs/metrics.md names each, and a real Prometheus
// that scrapes them has an answer to every query of the dashboards.
import { assert, assertEquals } from "@std/assert";
import { said, whyWithout } from "../support/programs.ts";

const ROOT = new URL("../../", import.meta.url);
const noProm = await whyWithout([["promtool", "--version"], ["prometheus", "--version"]]);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The former wine system's, as its users' queries name them. */
const FORMER = [
  "kafka_events_consumed_total",
  "kafka_events_inserted_snowflake_total",
  "kafka_events_dlq_total",
  "kafka_batch_size",
  "kafka_batch_processing_duration_seconds",
  "snowflake_insert_duration_seconds",
  "kafka_current_batch_size",
  "kafka_snowflake_insert_rows",
  "kafka_consumer_lag",
  "kafka_event_size_bytes",
];
/** Queries that have an answer only when something went wrong. */
const NEEDS_TROUBLE = /freshet_(dead_letters|late_records)_total/;

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The real program with every domain simulated, some records spoilt. */
async function startProgram(dataDir: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--allow-env", "--allow-read", "--allow-write", "--allow-net"],
      ...["--allow-ffi", "--allow-sys=hostname", new URL("main.ts", ROOT).pathname, "run"],
    ],
    env: { FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (true) {
    const file = await Deno.readTextFile(`${dataDir}/freshet.run.json`).catch(() => "{}");
    const { url } = JSON.parse(file) as { readonly url?: string };
    if (url !== undefined) return { child, url };
    await sleep(50);
  }
}

async function scrape(url: string): Promise<string> {
  return await (await fetch(`${url}/metrics`)).text();
}

const nameOf = (line: string) => line.split(" ")[2]!;
const namesIn = (text: string) => text.split("\n").filter((line) => line.startsWith("# TYPE")).map(nameOf);

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

/** Every query of the dashboards, with all domains chosen. */
async function queries(): Promise<readonly string[]> {
  const folder = new URL("monitoring/grafana/dashboards/", ROOT);
  const expressions: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const dashboard = JSON.parse(await Deno.readTextFile(new URL(name, folder))) as Dashboard;
    for (const { targets = [] } of dashboard.panels) expressions.push(...targets.map(({ expr }) => expr));
  }
  return expressions.map((expr) => expr.replaceAll("$domain", ".*"));
}

async function startPrometheus(folder: string, target: string) {
  const listen = `127.0.0.1:${freePort()}`;
  await Deno.writeTextFile(
    `${folder}/prometheus.yml`,
    `global: {scrape_interval: 1s}\nscrape_configs: [{job_name: freshet, static_configs: [{targets: ["${target}"]}]}]\n`,
  );
  const child = new Deno.Command("prometheus", {
    args: [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/prometheus`,
      `--web.listen-address=${listen}`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return { child, url: `http://${listen}` };
}

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function ask(prometheus: string, query: string): Promise<readonly Result[]> {
  const response = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => undefined);
  if (!response?.ok) {
    const text = await response?.text() ?? "";
    assert(!text.includes("bad_data"), `${query}: ${text}`);
    return [];
  }
  return (await response.json()).data.result;
}

Deno.test({
  name: "promtool accepts the metrics, the docs name them, and Prometheus answers every query of the dashboards",
  ignore: noProm !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    const { child, url } = await startProgram(folder);
    const prometheus = await startPrometheus(folder, new URL(url).host);
    try {
      for (let n = 0; n < 5; n++) await (await fetch(`${url}/produce`, { method: "POST" })).body?.cancel();
      const wanted = (await queries()).filter((query) => !NEEDS_TROUBLE.test(query));
      assert(wanted.length >= 18);
      const open = new Set(wanted);
      for (const giveUpAt = Date.now() + 90_000; open.size > 0 && Date.now() < giveUpAt; await sleep(1_000)) {
        for (const query of open) {
          const results = await ask(prometheus.url, query);
          if (results.some(({ value: [, value] }) => value !== "NaN")) open.delete(query);
        }
      }
      assertEquals([...open], [], "queries without an answer");

      const text = await scrape(url);
      assertEquals(await said("promtool", ["check", "metrics"], { input: text }), "");
      const names = namesIn(text);
      assertEquals(FORMER.filter((name) => !names.includes(name)), []);
      const docs = await Deno.readTextFile(new URL("docs/metrics.md", ROOT));
      const documented = [...docs.matchAll(/^\| `([a-z_]+)`/gm)].map(([, name]) => name!);
      assertEquals(documented.toSorted(), names.toSorted());
      assert(text.split("\n").length < 3_000, "the number of series must stay small");
    } finally {
      for (const process of [child, prometheus.child]) {
        process.kill("SIGTERM");
        await process.status;
      }
      await Deno.remove(folder, { recursive: true });
    }
  },
});
