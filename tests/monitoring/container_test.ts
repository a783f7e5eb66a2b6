// compose.yaml and Dockerfile against the program: names of settings, paths, permissions. Docker itself is not asked, the
// parser that `docker compose` uses is.
import { assert, assertEquals } from "@std/assert";
import { allSettings } from "../../src/config/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { said, whyWithout } from "../support/programs.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, ROOT));

/** Settings of programs beside Freshet that compose.yaml takes from the environment. */
const OF_OTHERS = ["GRAFANA_ADMIN_USER", "GRAFANA_ADMIN_PASSWORD"];

const noGo = await whyWithout([["go", "version"]]);

interface Service {
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly command?: readonly string[] | null;
  readonly ports?: readonly { readonly host_ip?: string; readonly target: number; readonly published?: string }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: unknown;
  readonly read_only?: boolean;
  readonly stop_grace_period?: string;
  readonly image?: string;
  readonly volumes?: readonly { readonly type: string; readonly source: string }[];
}

async function compose(...environment: string[]): Promise<Readonly<Record<string, Service>>> {
  const parser = new URL("tests/support/compose/", ROOT).pathname;
  const text = await said("go", ["run", ".", new URL("compose.yaml", ROOT).pathname, ...environment], { cwd: parser });
  return JSON.parse(text).services;
}

Deno.test("every name that compose.yaml takes from the environment is a setting", async () => {
  const known = new Set([...Object.keys(allSettings(domainModules)), ...OF_OTHERS]);
  const names = [...(await read("compose.yaml")).matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => name!);
  assert(names.length > 3);
  assertEquals(names.filter((name) => !known.has(name)), []);
});

Deno.test("the image's permissions are those of the task, but that it writes to its folders alone, and its paths are there", async () => {
  const dockerfile = await read("Dockerfile");
  const { tasks, permissions } = JSON.parse(await read("deno.json")) as {
    readonly tasks: Record<string, { readonly command: string }>;
    readonly permissions: Record<string, Record<string, unknown>>;
  };
  const flags = tasks.freshet!.command.split(" ").filter((word) => word.startsWith("-"));
  const script = await read("build/freshet.sh");
  assertEquals(
    script.match(/(?<= )-\S+/g)!.filter((word) => word !== "--cached-only"),
    flags.map((flag) => flag === "-P=program" ? "-P=container" : flag),
  );
  const written = ["/data", "/tmp"];
  assertEquals(permissions.container, { ...permissions.program, write: written });
  assert(written.includes(/FRESHET_DATA_DIR=(\S+)/.exec(dockerfile)![1]!));
  assert(
    ((await Deno.stat(new URL("build/freshet.sh", ROOT))).mode! & 0o111) === 0o111,
    "build/freshet.sh must be executable",
  );
  assertEquals(JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)![1]!), ["freshet"]);
  assertEquals(JSON.parse(/^ {4}CMD (.*)$/m.exec(dockerfile)![1]!), ["freshet", "health"]);
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) => paths!.split(" "));
  assert(copied.length >= 6);
  const ignored = (await read(".dockerignore")).split("\n").filter((line) => line.startsWith("!"));
  for (const path of copied) {
    await Deno.stat(new URL(path, ROOT));
    assert(ignored.some((line) => `!${path}/`.startsWith(`${line}/`)), `.dockerignore keeps ${path} out`);
  }
});

Deno.test("what the image copies before its packages are installed is enough to install them", async () => {
  const layer = (await read("Dockerfile")).split("RUN deno install --frozen")[0]!;
  const folder = await Deno.makeTempDir({ prefix: "freshet-layer-" });
  try {
    for (const [, sources, target] of layer.matchAll(/^COPY (.+) (\S+)$/gm)) {
      for (const source of sources!.split(" ")) {
        const to = target!.endsWith("/") ? `${target}${source}` : target!;
        await said("mkdir", ["-p", `${folder}/${to.slice(0, to.lastIndexOf("/"))}`]);
        await said("cp", ["-r", new URL(source, ROOT).pathname, `${folder}/${to}`]);
      }
    }
    await said(Deno.execPath(), ["install", "--frozen"], { cwd: folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the image has all that the program imports", async () => {
  const dockerfile = await read("Dockerfile");
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) => paths!.split(" "));
  const info = JSON.parse(await said(Deno.execPath(), ["info", "--json", "main.ts"], { cwd: ROOT.pathname }));
  const local = (info.modules as { specifier: string }[]).map(({ specifier }) => specifier)
    .filter((specifier) => specifier.startsWith(ROOT.href)).map((specifier) => specifier.slice(ROOT.href.length))
    .filter((path) => !path.startsWith("dist/"));
  assert(local.length > 100);
  assertEquals(local.filter((path) => !copied.some((copy) => path === copy || path.startsWith(`${copy}/`))), []);
});

Deno.test({
  name: "compose.yaml is what docker compose reads, with an empty environment and with one",
  ignore: noGo !== undefined,
  async fn() {
    const services = await compose();
    const known = new Set(Object.keys(allSettings(domainModules)));
    for (const [name, service] of Object.entries(services)) {
      if (service.image !== "freshet") continue;
      assertEquals(Object.keys(service.environment ?? {}).filter((setting) => !known.has(setting)), [], name);
      assertEquals(service.read_only, true, name);
    }
    const freshet = services.freshet!;
    assertEquals(freshet.environment?.KAFKA_BROKERS, "redpanda:9092");
    assertEquals(freshet.depends_on?.topics?.condition, "service_completed_successfully");
    assertEquals(freshet.depends_on?.redis?.condition, "service_healthy");
    const drainMs = Number(freshet.environment?.FRESHET_DRAIN_MS);
    assert(parseFloat(freshet.stop_grace_period!) * 1000 > drainMs, "the grace period must outlast the drain");
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    assertEquals(published.filter(({ host_ip }) => host_ip !== "127.0.0.1"), []);
    assertEquals(
      published.map(({ published }) => Number(published)).sort((a, b) => a - b),
      [3000, 8000, 8080, 8501, 9090, 19092],
    );
    for (const { volumes = [] } of Object.values(services)) {
      for (const { type, source } of volumes) if (type === "bind") await Deno.stat(source);
    }
    assertEquals(freshet.environment?.SCHEMA_REGISTRY_URL, "http://redpanda:8081");
    const others = await compose("KAFKA_BROKERS=broker.example:9092", "FRESHET_API_TOKEN=secret");
    assertEquals(others.freshet?.environment?.KAFKA_BROKERS, "broker.example:9092");
    assertEquals(others.freshet?.environment?.SCHEMA_REGISTRY_URL, undefined, "its registry is not that of others");
    const named = await compose("SCHEMA_REGISTRY_URL=https://registry.example");
    assertEquals(named.freshet?.environment?.SCHEMA_REGISTRY_URL, "https://registry.example");
    for (const [name, { environment }] of Object.entries(others)) {
      if (!name.startsWith("simulate-")) continue;
      assertEquals(environment?.KAFKA_BROKERS, "redpanda:9092");
      assertEquals(environment?.SCHEMA_REGISTRY_URL, "http://redpanda:8081");
    }
  },
});
