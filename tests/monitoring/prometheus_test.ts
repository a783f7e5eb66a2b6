// The metrics, alert rules and dashboards by the programs that read them: promtool, and a Prometheus that scrapes the real
// program and is asked every expression that the dashboards ask.
import { assert, assertEquals } from "@std/assert";
import { said, whyWithout } from "../support/programs.ts";
import { FRESHET } from "../support/shipped.ts";

const ROOT = new URL("../../", import.meta.url);
const MONITORING = new URL("monitoring/", ROOT);
const PATIENCE_MS = 90_000;

const skip = await whyWithout([["promtool", "--version"], ["prometheus", "--version"]]);

/** What the wine system's dashboards and alerts ask for. */
const WINE = [
  "kafka_events_consumed_total",
  "kafka_events_inserted_snowflake_total",
  "kafka_events_dlq_total",
  "kafka_batch_size_bucket",
  "kafka_batch_processing_duration_seconds_bucket",
  "snowflake_insert_duration_seconds_bucket",
  "kafka_current_batch_size",
  "kafka_snowflake_insert_rows",
  "kafka_consumer_lag",
  "kafka_event_size_bytes_sum",
  "kafka_event_size_bytes_count",
];

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

async function dashboards(): Promise<readonly Dashboard[]> {
  const folder = new URL("grafana/dashboards/", MONITORING);
  const files = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).filter((name) =>
    name.endsWith(".json")
  );
  return await Promise.all(files.map(async (name) => JSON.parse(await Deno.readTextFile(new URL(name, folder)))));
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (true) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A process that is stopped when disposed. */
function running(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): AsyncDisposable {
  const child = new Deno.Command(program, { args: [...args], env, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
  return {
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended.
      }
      await child.status;
    },
  };
}

/** The real program with every domain simulated, on free ports. */
async function freshet(dir: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const child = running(Deno.execPath(), [...FRESHET, "run"], {
    FRESHET_DATA_DIR: dir,
    FRESHET_API_PORT: "0",
    FRESHET_DASHBOARD_PORT: "0",
  });
  const url = await until("the run file", async () => {
    const file = await Deno.readTextFile(`${dir}/freshet.run.json`).catch(() => undefined);
    return file === undefined ? undefined : JSON.parse(file).url as string;
  });
  return { url, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** A Prometheus with the project's own configuration, but for the target and a shorter interval. */
async function prometheus(dir: string, target: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const config = (await Deno.readTextFile(new URL("prometheus.yml", MONITORING)))
    .replaceAll("15s", "1s").replace("freshet:8000", new URL(target).host)
    .replace("/etc/prometheus/freshet-token", `${dir}/token`);
  await Deno.writeTextFile(`${dir}/token`, "none");
  await Deno.writeTextFile(`${dir}/prometheus.yml`, config);
  await Deno.copyFile(new URL("alerts.yml", MONITORING), `${dir}/alerts.yml`);
  const address = `127.0.0.1:${freePort()}`;
  const child = running("prometheus", [
    `--config.file=${dir}/prometheus.yml`,
    `--storage.tsdb.path=${dir}/tsdb`,
    `--web.listen-address=${address}`,
  ]);
  return { url: `http://${address}`, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

type Sample = { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] };

async function query(url: string, expression: string): Promise<readonly Sample[]> {
  const response = await fetch(`${url}/api/v1/query`, {
    method: "POST",
    body: new URLSearchParams({ query: expression }),
  });
  const body = await response.json();
  if (body.status !== "success") throw new Error(`${expression}: ${body.error}`);
  return body.data.result;
}

Deno.test({
  name: "the alert rules pass their tests, and Prometheus takes the configuration",
  ignore: skip !== undefined,
  async fn() {
    await said("promtool", ["test", "rules", "alerts_test.yml"], { cwd: MONITORING.pathname });
    await said("promtool", ["check", "config", "--syntax-only", "prometheus.yml"], { cwd: MONITORING.pathname });
    const rules = await said("promtool", ["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"], {
      cwd: MONITORING.pathname,
    });
    assert(/SUCCESS: \d+ rules found/.test(rules), rules);
  },
});

Deno.test({
  name: "a real Prometheus scrapes the real program, and every panel and alert finds its metrics",
  ignore: skip !== undefined,
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      await using program = await freshet(dir);
      await using server = await prometheus(dir, program.url);
      const metrics = await until("records in the metrics", async () => {
        const text = await fetch(`${program.url}/metrics`).then((response) => response.text(), () => "");
        return /^freshet_records_total\{[^}]*domain="circadian"[^}]*\} [1-9]/m.test(text) ? text : undefined;
      });
      await said("promtool", ["check", "metrics"], { input: metrics });
      for (const name of WINE) assert(new RegExp(`^${name}(\\{| )`, "m").test(metrics), `${name} is not there`);

      const boards = await dashboards();
      assertEquals(boards.map(({ uid }) => uid).toSorted(), ["freshet", "kafka-consumer-snowflake"]);
      const wine = boards.find(({ uid }) => uid === "kafka-consumer-snowflake")!;
      assertEquals(wine.panels.length, 8);
      await until("two scrapes", async () => {
        const [up] = await query(server.url, `count_over_time(up{job="freshet"}[1m]) > 5`).catch(() => []);
        return up;
      });
      for (const { title, panels } of boards) {
        for (const panel of panels) {
          for (const { expr } of panel.targets ?? []) {
            const expression = expr.replaceAll("$domain", ".*");
            // A dead letter or a late record needs not have come.
            if (/dead_letters_total|late_records_total/.test(expression)) {
              await query(server.url, expression);
              continue;
            }
            const found = await until(`data for "${panel.title}" of "${title}": ${expression}`, async () => {
              const samples = await query(server.url, expression);
              return samples.some(({ value }) => value[1] !== "NaN") ? samples : undefined;
            });
            assert(found.length > 0);
          }
        }
      }
      const rules = await (await fetch(`${server.url}/api/v1/rules`)).json();
      const alerts = rules.data.groups.flatMap(({ rules }: { rules: { name: string; health: string }[] }) => rules);
      assertEquals(alerts.filter(({ health }: { health: string }) => health === "err"), []);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
