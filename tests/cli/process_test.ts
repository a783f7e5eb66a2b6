// The real program in a process of its own: signals, the run file, exit codes, and asking while it holds the files.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ask } from "../../src/run_file.ts";
import { FRESHET, runningOn } from "../support/shipped.ts";

class Program implements AsyncDisposable {
  /** More settings of the environment, for what is started from now on. */
  env: Readonly<Record<string, string>> = {};

  private constructor(readonly dataDir: string) {}

  static async open(): Promise<Program> {
    return new Program(await Deno.makeTempDir({ prefix: "freshet_process_" }));
  }

  #command(args: readonly string[], stdio: "piped" | "null"): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, ...args],
      cwd: this.dataDir,
      env: {
        FRESHET_DATA_DIR: this.dataDir,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
        FRESHET_CHECKPOINT_MS: "200",
        FRESHET_LOG_FORMAT: "text",
        ...this.env,
      },
      stdin: "null",
      stdout: stdio,
      stderr: stdio,
    });
  }

  async ask(...args: readonly string[]) {
    const { code, stdout, stderr } = await this.#command(args, "piped").output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  /** Rows of a query, once there are any. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    while (true) {
      const { code, stdout } = await this.ask("query", sql, "--json");
      const rows = code === 0 ? JSON.parse(stdout) : [];
      if (rows.length > 0) return rows;
    }
  }

  start(...args: readonly string[]) {
    return this.#command(args, "piped").spawn();
  }

  runFile(): Promise<{ readonly pid: number; readonly url: string }> {
    return Deno.readTextFile(`${this.dataDir}/freshet.run.json`).then(JSON.parse);
  }

  async [Symbol.asyncDispose]() {
    await Deno.remove(this.dataDir, { recursive: true });
  }
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("run simulates, answers query and status while it is up, drains on SIGTERM, and the tables stay", async () => {
  await using program = await Program.open();
  const child = program.start("run", "trains");
  const output = child.output();
  const rows = await program.rows("select * from ATS_HOURLY_STATS");
  assert(Number(rows[0]!.EVENT_COUNT) > 0);

  const { pid, url } = await program.runFile();
  const status = JSON.parse((await program.ask("status", "--json")).stdout);
  assertEquals([status.pid, status.domains[0].domain, status.domains[0].phase], [pid, "trains", "running"]);
  assertStringIncludes((await program.ask("status")).stdout, `A run is up (pid ${pid})`);
  assertEquals((await (await fetch(`${url}/livez`)).json()).status, "ok");

  const examined = await program.ask("doctor", "trains");
  assertEquals([examined.code, examined.stderr], [0, ""], examined.stdout);

  const second = await program.ask("run");
  assertEquals(second.code, 1);
  assertStringIncludes(second.stderr, `pid ${pid}`);
  const refused = await program.ask("query", "drop table ATS_RAW_JSON");
  assertEquals([refused.code, refused.stdout], [1, ""]);

  child.kill("SIGTERM");
  const { code, stderr } = await output;
  const text = decode(stderr);
  assertEquals(code, 0, text);
  for (const part of ["simulating", program.dataDir, url, "Draining", "accepted"]) assertStringIncludes(text, part);
  assertEquals(await program.runFile().catch(() => "gone"), "gone");

  const [{ N }] = await program.rows("select count(*) N from ATS_RAW_JSON") as [{ N: number }];
  const sums = await program.rows("select sum(EVENT_COUNT) N from ATS_HOURLY_STATS") as [{ N: number }];
  assertEquals(Number(sums[0].N), N);
});

Deno.test("proxies of the environment are not used to ask the own run, and do not see its token", async () => {
  await using program = await Program.open();
  const child = program.start("run", "actions", "--no-simulate");
  const output = child.output();
  await runningOn(program.dataDir);
  while ((await program.ask("health", "--ready")).code !== 0) await new Promise((resolve) => setTimeout(resolve, 200));
  const seen: string[] = [];
  await using proxy = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    seen.push(request.url);
    return new Response("{}");
  });
  const address = `http://127.0.0.1:${proxy.addr.port}`;
  program.env = Object.fromEntries(
    ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"].map((name) => [name, address]),
  );
  for (const args of [["health"], ["health", "--ready"], ["status"], ["query", "SELECT 1 AS N"]]) {
    const { code, stderr } = await program.ask(...args);
    assertEquals([code, stderr], [0, ""], args.join(" "));
  }
  assertEquals(seen.filter((asked) => asked.includes("127.0.0.1")), []); // Deno itself looks for a newer version
  child.kill("SIGTERM");
  await output;
});

Deno.test("simulate --http posts actions to a program that runs, and they are in its tables", async () => {
  await using program = await Program.open();
  const child = program.start("run", "actions", "--no-simulate");
  const output = child.output();
  const { url } = await runningOn(program.dataDir);
  const posted = await program.ask("simulate", "actions", "--http", url, "--count", "400", "--bad", "0.1");
  assertEquals(posted.code, 0, posted.stderr);
  assertStringIncludes(posted.stdout, `Sent to ${url}/events: 400 records`);
  const accepted = Number(/^(\d+) accepted, \d+ refused \(400: /m.exec(posted.stdout)?.[1]);
  assert(accepted > 300 && accepted < 390, posted.stdout);
  child.kill("SIGTERM");
  await output;
  const [counts] = await program.rows(
    "select (select count(*) from USER_ACTIONS) A, (select count(*) from DEAD_LETTERS) D, sum(ACTION_COUNT) N from ACTIONS_PER_MINUTE",
  );
  assertEquals([counts!.A, counts!.D, Number(counts!.N)], [accepted, 0, accepted]);
});

/** Rows of a query to the run that is up, once `is` takes them; without the time that a process takes to begin. */
async function shown(dataDir: string, sql: string, is: (rows: unknown[][]) => boolean): Promise<unknown[][]> {
  const instance = await runningOn(dataDir);
  while (true) {
    const answer = await ask(instance, "POST", "/api/query", { body: { sql, max_rows: 10 }, timeoutMs: 60_000 });
    const { rows = [] } = await answer.json() as { readonly rows?: unknown[][] };
    if (is(rows)) return rows;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const DAY = "select count(*), min(epoch_ms(TIMESTAMP)), max(epoch_ms(TIMESTAMP)) from USER_ACTIONS";

Deno.test("run makes the last day, goes on in real time with what is posted, and a second run goes on from there", async () => {
  await using program = await Program.open();
  const post = async (user: string) => {
    const { url } = await runningOn(program.dataDir);
    const event = { user_id: user, action: "click", page: "/pricing", timestamp: new Date().toISOString() };
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}/events`, { method: "POST", headers, body: JSON.stringify(event) });
    assertEquals(answer.status, 200, await answer.text());
    const at = performance.now();
    const mine = `select 1 from USER_ACTIONS where USER_ID = '${user}'`;
    await shown(program.dataDir, mine, (rows) => rows.length > 0);
    return performance.now() - at;
  };
  for (const user of ["first", "second"]) {
    const begin = Date.now();
    const child = program.start("run", "actions");
    const output = child.output();
    // Both wait until what was before is in the log.
    const sent = { user_id: `sent_${user}`, action: "click", page: "/", timestamp: new Date().toISOString() };
    await Deno.writeTextFile(`${program.dataDir}/sent.ndjson`, `${JSON.stringify(sent)}\n`);
    await runningOn(program.dataDir);
    const { code: produced } = await program.ask("produce", "events", "sent.ndjson", "--key", "user_id");
    assertEquals(produced, 0);
    await post(`early_${user}`);
    const [[count, from, to]] = await shown(program.dataDir, DAY, ([row]) => Number(row?.[2]) > begin + 3_000) as [
      number[],
    ];
    // The day begins with an hour, and its first event comes some seconds later.
    assert(begin - from! > 86_340_000 && begin - from! < 2 * 86_400_000, new Date(from!).toISOString());
    assert(count! > 50_000 && to! <= Date.now(), `${count} up to ${new Date(to!).toISOString()}`);
    const tookMs = await post(user);
    assert(tookMs < 5_000, `shown after ${tookMs} ms`);
    child.kill("SIGTERM");
    const { code, stderr } = await output;
    assertEquals(code, 0, decode(stderr));
  }
  const [none] = await program.rows(
    "select (select count(*) from LATE_RECORDS) L, (select count(*) from DEAD_LETTERS) D",
  );
  assertEquals(none, { L: 0, D: 0 });
  const [hole] = await program.rows(
    "select max(date_diff('second', B, T)) S from (select TIMESTAMP T, lag(TIMESTAMP) over (order by TIMESTAMP) B from USER_ACTIONS)",
  );
  assert(Number(hole!.S) < 60, `${hole!.S} s without an event`);
});

Deno.test("an event made over HTTP while a past day is simulated makes nothing late, and a history for another domain waits", async () => {
  await using program = await Program.open();
  const child = program.start("run", "rides", "--speed", "240");
  const output = child.output();
  const before = await program.rows("select max(TIMESTAMP) T from RIDE_REQUESTS having count(*) > 100");
  const { url } = await program.runFile();
  const answer = await (await fetch(`${url}/produce`, { method: "POST" })).json();
  const made = Date.parse(answer.event.timestamp);
  assert(Date.now() - made > 3_600_000, `dated ${answer.event.timestamp}, while ${before[0]!.T} is simulated`);
  await program.rows(`select 1 from RIDE_REQUESTS where RIDE_ID = '${answer.event.ride_id}'`);
  // What is dated by the wall clock is in the future there, whichever way it comes.
  const future = JSON.stringify({ ...answer.event, timestamp: new Date().toISOString() });
  const headers = { "content-type": "application/json" };
  const refused = await fetch(`${url}/produce`, { method: "POST", headers, body: future });
  assertStringIncludes(await refused.text(), "ahead of the simulated clock");
  await Deno.writeTextFile(`${program.dataDir}/future.ndjson`, `${future}\n`);
  await program.ask("produce", "ride_events", "future.ndjson");
  const [dead] = await program.rows("select REASON, count(*) N from DEAD_LETTERS group by REASON");
  assertEquals([dead!.REASON, dead!.N], ["future_timestamp", 1]);
  const later = new Date(made + 60_000).toISOString();
  await program.rows(`select 1 from RIDE_REQUESTS where TIMESTAMP > '${later}' having count(*) > 100`);
  const { stdout } = await program.ask("query", "select count(*) N from LATE_RECORDS", "--json");
  assertEquals(JSON.parse(stdout), [{ N: 0 }]);

  const history = await program.ask("simulate", "wine", "--days", "0.01");
  assertStringIncludes(history.stdout, "it leaves wine out");
  child.kill("SIGTERM");
  await output;
});

Deno.test("a closed terminal drains the run, also while a body comes slowly and a query takes long", async () => {
  await using program = await Program.open();
  const child = program.start("run", "actions", "--no-simulate");
  const output = child.output();
  const { url, token } = await runningOn(program.dataDir);
  const { hostname, port } = new URL(url);
  using slow = await Deno.connect({ hostname, port: Number(port) });
  await slow.write(
    new TextEncoder().encode(
      `POST /events HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    ),
  );
  const body = JSON.stringify({ sql: "select count(*) from range(1000000000) a, range(1000000000) b" });
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const query = fetch(`${url}/api/query`, { method: "POST", headers, body }).then((answer) => answer.body?.cancel());
  query.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 300));
  child.kill("SIGHUP");
  const { code, stderr } = await output;
  assertEquals(code, 0, decode(stderr));
  assertStringIncludes(decode(stderr), "Draining");
  assertEquals([...Deno.readDirSync(program.dataDir)].map(({ name }) => name).sort(), [
    "freshet.duckdb",
    "freshet.log.db",
  ]);
  await query.catch(() => {});
});

Deno.test("no statement over HTTP does more than read: the files stay as they are, and the run goes on", async () => {
  await using program = await Program.open();
  const child = program.start("run", "actions", "--no-simulate");
  const output = child.output();
  const { url, token } = await runningOn(program.dataDir);
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const answer = async (sql: string) => {
    const response = await fetch(`${url}/api/query`, { method: "POST", headers, body: JSON.stringify({ sql }) });
    return [response.status, await response.json()] as const;
  };
  const bytesOf = async () => [
    (await Deno.readFile(`${program.dataDir}/freshet.duckdb`)).toHex(),
    (await Deno.readFile(`${program.dataDir}/freshet.log.db`)).toHex(),
    [...Deno.readDirSync(program.dataDir)].map(({ name }) => name).sort(),
  ];
  const before = await bytesOf();
  for (const file of ["freshet.duckdb", "freshet.log.db"]) {
    for (const explain of ["", "EXPLAIN ", "EXPLAIN ANALYZE ", "explain (analyze) ", "WITH x AS (SELECT 1) "]) {
      const sql = `${explain}COPY (SELECT 1) TO '${program.dataDir}/${file}' (FORMAT csv, USE_TMP_FILE false)`;
      const [status, { code }] = await answer(sql);
      assertEquals([status, code], [400, "query_refused"], sql);
    }
  }
  const others = [
    "DETACH freshet",
    "COMMIT",
    "CHECKPOINT",
    "DROP TABLE USER_ACTIONS",
    "SET GLOBAL memory_limit = '1MB'",
    "PRAGMA disable_optimizer",
    "DELETE FROM FRESHET_OFFSETS",
    "SELECT pg_sleep(60)",
    "SELECT (60000).sleep_ms()",
    "SELECT 1; DROP TABLE USER_ACTIONS",
  ];
  for (const sql of others.flatMap((sql) => [sql, `EXPLAIN ANALYZE ${sql}`])) {
    const [status, { code }] = await answer(sql);
    assertEquals([status, code], [400, "query_refused"], sql);
  }
  assertEquals(await bytesOf(), before);

  const body = JSON.stringify({ user_id: "u1", action: "click", page: "/", timestamp: new Date().toISOString() });
  const posted = await fetch(`${url}/events`, { method: "POST", headers, body });
  assertEquals([posted.status, (await posted.json()).topic], [200, "events"]);
  assertEquals((await program.rows("select USER_ID from USER_ACTIONS"))[0], { USER_ID: "u1" });
  child.kill("SIGTERM");
  assertEquals((await output).code, 0);
});

Deno.test("files that are moved away are noticed: nothing is acknowledged until they are back", async () => {
  await using program = await Program.open();
  const child = program.start("run", "actions", "--no-simulate");
  const output = child.output();
  const { url } = await runningOn(program.dataDir);
  const post = async () => {
    const body = JSON.stringify({ user_id: "u1", action: "click", page: "/", timestamp: new Date().toISOString() });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}/events`, { method: "POST", headers, body });
    return [answer.status, await answer.text()] as const;
  };
  const health = async () => await (await fetch(`${url}/health`)).json();
  assertEquals((await post())[0], 200);
  for (const [name, part] of [["freshet.log.db", "kafka"], ["freshet.duckdb", "warehouse"]] as const) {
    while ((await health()).status !== "ok") await new Promise((resolve) => setTimeout(resolve, 50));
    const path = `${program.dataDir}/${name}`;
    await Deno.rename(path, `${path}.away`);
    while ((await health())[part] !== "unreachable") await new Promise((resolve) => setTimeout(resolve, 50));
    if (part === "kafka") {
      const [status, text] = await post();
      assertEquals(status, 503, text);
      assertStringIncludes(text, "removed or replaced");
    }
    await Deno.rename(`${path}.away`, path);
  }
  assertEquals((await post())[0], 200);
  await program.rows("select 1 from USER_ACTIONS having count(*) = 2");
  child.kill("SIGTERM");
  const { code, stderr } = await output;
  assertEquals(code, 0, decode(stderr));
});

Deno.test("produce that is interrupted while it waits for input ends with the signal's exit code", async () => {
  await using program = await Program.open();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, "produce", "ats_telemetry"],
    env: { FRESHET_DATA_DIR: program.dataDir },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("{}\n"));
  while (!(await program.ask("topics", "--json")).stdout.includes('"high":1')) { /* until the line has arrived */ }
  child.kill("SIGINT");
  const { code, stderr } = await child.output();
  await writer.close().catch(() => {});
  assertEquals(code, 130);
  assertStringIncludes(decode(stderr), "Stopped after 1 records");
});
