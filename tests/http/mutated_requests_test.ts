// Every route of both servers, asked rightly and then with requests that are changed a little: no server error, no answer that
// never comes, no end of the process, and nothing acknowledged that the pipelines then refuse. FRESHET_RUNS says how many
// (`task test:long mutations`: 100,000).

import { assert, assertEquals } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { domainOf } from "../support/domains.ts";
import { mutated, type RawAnswer, type RawRequest, send } from "../support/http/mutations.ts";
import { freshet, isReady, Program } from "../support/program.ts";

const RUNS = Number(Deno.env.get("FRESHET_RUNS") ?? 4_000);
const SEED = Number(Deno.env.get("FRESHET_SEED") ?? 1);
const AT_ONCE = 16;
/** A body whose end does not come is waited for for 10 s, and a query may take longer than a busy machine has time. */
const HANGS_AFTER_MS = 60_000;
const TOKEN = "mutated-requests-token";
/** A wrong token makes all of its address wait, right ones too. */
const [HONEST, GUESSING] = ["127.0.0.1", "127.0.0.9"];

interface Good extends RawRequest {
  readonly server: "api" | "dashboard";
}

const HEADERS = { host: "127.0.0.1", authorization: `Bearer ${TOKEN}`, connection: "close" };
const get = (server: Good["server"], target: string): Good => ({ server, method: "GET", target, headers: HEADERS });
const post = (server: Good["server"], target: string, json: unknown): Good => ({
  server,
  method: "POST",
  target,
  headers: { ...HEADERS, "content-type": "application/json" },
  body: JSON.stringify(json),
});

interface Description {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> } }>>
    >
  >;
}

/** Bodies that are as described, by path; what the description's examples cannot know is said here. */
const BODIES: Readonly<Record<string, unknown>> = {
  "/produce": { count: 2 },
  "/events": { user_id: "u1", action: "click", page: "/", timestamp: new Date().toISOString() },
  "/api/query": { sql: "SELECT COUNT(*) AS N FROM ATS_RAW_JSON", max_rows: 5, timeout_ms: 1_000 },
  "/api/skip": { topic: "ats_telemetry", partition: 0, from: 0, to: 1 },
};

const RULE = { domain: "trains", type: "HIGH_POWER_DRAW" };
const NOTE = { by: "me", note: "seen" };
/** The same for the dashboard. */
const DASHBOARD_BODIES: Readonly<Record<string, unknown>> = {
  "/api/session": { token: TOKEN },
  "/api/query": { sql: "SELECT COUNT(*) AS N FROM ATS_RAW_JSON" },
  "/api/notes/acknowledge": { domain: "trains", alert_ids: ["1"], ...NOTE },
  "/api/notes/mute": { ...RULE, minutes: 5, ...NOTE },
  "/api/notes/unmute": RULE,
  "/api/notes/annotate": { domain: null, kind: "note", text: "a", by: "me", starts_at: "2026-01-15T10:00:00Z" },
  "/api/notes/remove-annotation": { id: "1" },
};

/** A good request for each route of the API, by its own description. */
function apiRequests({ paths }: Description): readonly Good[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => {
      if (method === "post") {
        assert(path in BODIES, `say in BODIES what ${path} takes`);
        return post("api", path, BODIES[path]);
      }
      const target = path.replace(/\{[^}]+\}/g, "user_001");
      return get("api", target === path ? path : `${target}?target_zone=Asia/Tokyo&target_wake=06:30`);
    })
  );
}

/** Parameters that panels take, each some of them. */
const PARAMETERS = ["range=6h&back=1d", "range=6h", "back=1d", "", "id=1", "id=1&range=6h", "domain=trains", "text=V1"];
const CHOSEN: Readonly<Record<string, string>> = {
  trains: "train=V101",
  rides: "zone=Clifton",
  wine: "product=1",
  actions: "action=click",
  circadian: "user=user_001",
};

/** A question that the panel takes, found by asking. */
async function question(panel: string, ask: (request: Good) => Promise<RawAnswer>): Promise<string> {
  const chosen = CHOSEN[panel.split("/")[0]!]!;
  const tried: string[] = [];
  for (const parameters of PARAMETERS.flatMap((some) => [`${chosen}&${some}`, some])) {
    const { status, text } = await ask(get("dashboard", `/api/panels/${panel}?${parameters}`));
    if (status === 200) return `${panel}?${parameters}`;
    tried.push(`${parameters}: ${text.slice(-300)}`);
  }
  throw new Error(`No question that ${panel} takes is among ${tried.join("\n")}`);
}

/** A good request for each route of the dashboard. */
async function dashboardRequests(ask: (request: Good) => Promise<RawAnswer>): Promise<readonly Good[]> {
  const domains = domainModules.map(({ name }) => domainOf(name));
  const panels = domains.flatMap(({ name, panels }) =>
    Object.keys(panels?.panels ?? {}).map((panel) => `${name}/${panel}`)
  );
  const questions: string[] = [];
  for (const panel of panels) questions.push(await question(panel, ask));
  const asked = questions.slice(0, 20).map((question) => `ask=${encodeURIComponent(question)}`).join("&");
  return [
    ...["/", "/pipeline", "/page.js", "/page.css", "/icon.svg", ...domains.map(({ name }) => `/${name}`)],
    ...["/api/about", "/api/history", "/api/live?topic=status&topic=alerts/trains", `/api/panels?${asked}`],
    "/api/tables/ATS_RAW_JSON?where=RECORD_CONTENT:contains:V1&sort=RECORD_CONTENT:desc&page=1&size=20",
    "/api/tables/ATS_HOURLY_STATS/csv?where=TRAIN_ID:is:V101",
    ...questions.map((question) => `/api/panels/${question}`),
    ...["/api/columns", "/editor.js"],
  ].map((target) => get("dashboard", target)).concat(
    Object.entries(DASHBOARD_BODIES).map(([path, json]) => post("dashboard", path, json)),
  );
}

/** What is said with 503 where nothing is wrong: there is much to do, and who asks how it is doing is told. */
const BUSY = /"code":"(query_busy|overloaded|too_many_[a-z]+)"|"status":"(degraded|not ready)"/;

/** Whether the answer is a fault of the server's, rather than of the request's. */
function isFault({ status, text }: RawAnswer, { method }: Pick<Good, "method">): boolean {
  // To HEAD it is said without a body, so its headers must tell.
  const isBusy = BUSY.test(text) || (method === "HEAD" && /^retry-after: \d+/im.test(text));
  return status >= 500 && !(status === 503 && isBusy);
}

Deno.test({
  name: `every route answers ${RUNS} requests that are changed a little, and none with a server error`,
  ignore: Deno.env.get("TESTS") !== "http",
  async fn() {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet_mutations_" });
    try {
      await freshet(dataDir, "simulate", "circadian", "--days", "1");
      await freshet(dataDir, "simulate", "trains", "--count", "500", "--load");
      await attacked(dataDir);
      await freshet(dataDir, "run", "--until-end");
      const asked = await freshet(dataDir, "query", "--json", "SELECT COUNT(*) AS N FROM DEAD_LETTERS");
      assertEquals(Number(JSON.parse(asked)[0].N), 0);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  },
});

async function attacked(dataDir: string): Promise<void> {
  const env = { FRESHET_API_TOKEN: TOKEN, FRESHET_RATE_LIMIT: "0" };
  const { program, api, dashboard } = await Program.start({ dataDir, env });
  await using _ = program;
  await isReady(api);
  const urls = { api, dashboard };
  const ask = async (request: Good, localAddress: string) => {
    try {
      const answer = await send(request, { url: urls[request.server], localAddress, hangsAfterMs: HANGS_AFTER_MS });
      if (!isFault(answer, request)) return answer;
      throw new Error(`it was answered ${answer.text.slice(0, 1_000)}`);
    } catch (error) {
      throw new Error(`${JSON.stringify(request).slice(0, 3_000)}: ${(error as Error).message}`, { cause: error });
    }
  };
  const description: Description = await (await fetch(`${api}/openapi.json`)).json();
  const good = [...apiRequests(description), ...await dashboardRequests((request) => ask(request, HONEST))];
  for (const request of good) {
    const { status, text } = await ask(request, HONEST);
    // What can be read may not be skipped.
    const expected = request.target === "/api/skip" ? 409 : 399;
    assert(status >= 200 && status <= expected, `${request.method} ${request.target}: ${text.slice(0, 500)}`);
  }
  const random = new Random(SEED);
  const statuses = new Map<number, number>();
  let left = RUNS;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) {
      const base = good[left % good.length]!;
      const request = { ...base, ...mutated(base, random) };
      const isGuess = request.headers.authorization !== HEADERS.authorization || base.target === "/api/session";
      const { status } = await ask(request, isGuess ? GUESSING : HONEST);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  }));
  assert(program.isAlive, program.log);
  console.log(
    `${good.length} routes; ${[...statuses].sort().map(([status, count]) => `${status}: ${count}`).join(", ")}`,
  );
  assertEquals(await program.stop(), 0, program.log);
  assert(!program.log.includes('"level":"error"'), program.log);
  assert(!program.log.includes(TOKEN), "the token must not be logged");
}
