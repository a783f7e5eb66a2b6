// What code in the process of a run that is up may do: asked from inside of the real program.
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { unneededPermissions } from "../../src/cli/unneeded_permissions.ts";
import { readConfig } from "../../src/config/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { AS_SHIPPED, FRESHET, runningOn } from "../support/shipped.ts";

const PRELOADED = fileURLToPath(new URL("../support/http/asks_when_told.ts", import.meta.url));

/** What came of asking in a run with these settings. */
async function asked(address: string, env: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_permissions_" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [...AS_SHIPPED, "--preload", PRELOADED, FRESHET.at(-1)!, "run", "actions", "--no-simulate"],
    cwd: dataDir,
    env: { FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const { url } = await runningOn(dataDir);
    await Deno.writeTextFile(`${dataDir}/ask_now.new`, address);
    await Deno.rename(`${dataDir}/ask_now.new`, `${dataDir}/ask_now`);
    while (true) {
      const text = await Deno.readTextFile(`${dataDir}/asked.json`).catch(() => undefined);
      // It still accepts connections, and answers from its tables.
      const health = await fetch(`${url}/health`);
      await health.body?.cancel();
      if (text !== undefined && health.ok) return JSON.parse(text);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
    await Deno.remove(dataDir, { recursive: true });
  }
}

const NEVER = { run: "NotCapable", import: "TypeError" };

for (
  const [name, env, may] of [
    ["connects to nothing may neither connect nor listen, nor read", {}, "NotCapable"],
    ["has a Redis keeps the net and", { REDIS_URL: "redis://127.0.0.1:1" }, "done"],
  ] as const
) {
  Deno.test(`a run that ${name} the environment once it is up, and never runs or imports anything`, async () => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response("hello"),
    );
    const all = { fetch: may, connect: may, listen: may, env: may };
    assertEquals(await asked(`http://127.0.0.1:${server.addr.port}`, env), { ...all, ...NEVER });
  });
}

const CONNECTING: readonly Readonly<Record<string, string>>[] = [
  { KAFKA_BROKERS: "localhost:9092" },
  { SCHEMA_REGISTRY_URL: "http://localhost:8081" },
  { REDIS_URL: "redis://localhost:6379" },
  { FRESHET_ALERT_WEBHOOK: "https://example.org/hook" },
  { FRESHET_ALERT_SLACK_WEBHOOK: "https://example.org/slack" },
  { FRESHET_ALERT_ALERTMANAGER_URL: "http://localhost:9093" },
  {
    FRESHET_ALERT_SMTP_URL: "smtp://localhost:25",
    FRESHET_ALERT_MAIL_FROM: "freshet@example.org",
    FRESHET_ALERT_MAIL_TO: "you@example.org",
  },
  {
    SNOWFLAKE_ACCOUNT: "a",
    SNOWFLAKE_USER: "u",
    SNOWFLAKE_PASSWORD: "p",
    SNOWFLAKE_DATABASE: "d",
    SNOWFLAKE_SCHEMA: "s",
    SNOWFLAKE_WAREHOUSE: "w",
  },
];

Deno.test("permissions are kept by every run that connects to something", () => {
  assertEquals(unneededPermissions(readConfig({}, domainModules)), ["env", "net"]);
  assertEquals(unneededPermissions(readConfig({ FRESHET_ALERT_TOPICS: "true" }, domainModules)), ["env", "net"]);
  for (const env of CONNECTING) assertEquals(unneededPermissions(readConfig(env, domainModules)), []);
});
