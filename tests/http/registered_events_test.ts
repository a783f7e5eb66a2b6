// The real program with a Schema Registry: events that come over HTTP go out in the wire format, and while their schema
// cannot be registered they are refused rather than published without it.
import { assertEquals } from "@std/assert";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { readAll } from "../contracts/log/place.ts";
import { StandInRegistry } from "../support/registry/stand_in.ts";
import { FRESHET, runningOn } from "../support/shipped.ts";

const BODY = '{"user_id":"u1","action":"click","page":"/","timestamp":"2026-11-20T09:30:00Z"}';

async function post(url: string): Promise<Response> {
  return await fetch(`${url}/events`, { method: "POST", headers: { "content-type": "application/json" }, body: BODY });
}

Deno.test("events over HTTP go out in the wire format, and not at all while the registry is away", async () => {
  const dataDir = await Deno.makeTempDir();
  await using registry = StandInRegistry.start();
  registry.status = 503;
  const child = new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "run", "actions", "--no-simulate"],
    env: {
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      SCHEMA_REGISTRY_URL: registry.url,
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const { url } = await runningOn(dataDir);
    const away = await post(url);
    assertEquals([away.status, (await away.json()).code], [503, "log_unavailable"]);
    assertEquals(away.headers.get("retry-after"), "1");

    registry.status = undefined;
    // Whoever did not answer is not asked for a while.
    let published = await post(url);
    while (published.status === 503) {
      await published.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, 100));
      published = await post(url);
    }
    const { topic, offset } = await published.json();
    assertEquals([published.status, topic, offset], [200, "events", 0]);
    assertEquals(JSON.parse(registry.schemaOf(1)).title, "UserAction");
    await using log = await openEmbeddedLog({ dataDir });
    const [batch] = await readAll(log, "events", 1);
    const value = batch!.records[0]!.value!;
    assertEquals([...value.subarray(0, 5)], [0, 0, 0, 0, 1]);
    assertEquals(new TextDecoder().decode(value.subarray(5)), BODY);
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(dataDir, { recursive: true });
  }
});
