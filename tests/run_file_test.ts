// How verbs ask the run that is up.

import { assertEquals, assertRejects } from "@std/assert";
import { WarehouseUnavailableError } from "../src/errors.ts";
import { ask, askJson, claimRunFile, findRunning, RunUnansweredError } from "../src/run_file.ts";

Deno.test("a run that ends while it is asked is named by its pid, and the question can be put again", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}`;
  const ends = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(1));
    connection.close();
    listener.close();
  })();
  const instance = { pid: 4711, url, token: "token" };
  const asked = () => ask(instance, "POST", "/api/query", { body: { sql: "SELECT 1" } });
  const says = "(pid 4711) ended while it was asked, or does not answer: ask again";
  await assertRejects(asked, WarehouseUnavailableError, says);
  await ends;
  await assertRejects(asked, WarehouseUnavailableError, says);
});

/** A run file whose run answers as told. */
async function fakeRun(answer: (request: Request, asked: number) => Response) {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_run_file_" });
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (r) => answer(r, ++asked));
  const instance = { pid: 4711, url: `http://127.0.0.1:${server.addr.port}`, token: "token" };
  await Deno.writeTextFile(`${dataDir}/freshet.run.json`, JSON.stringify(instance));
  return {
    dataDir,
    instance,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

/** A run file whose run takes connections and says nothing, as one that is stopped in a debugger. */
async function silentRun() {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_run_file_" });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const instance = { pid: 4711, url: `http://127.0.0.1:${listener.addr.port}`, token: "token" };
  await Deno.writeTextFile(`${dataDir}/freshet.run.json`, JSON.stringify(instance));
  return {
    dataDir,
    instance,
    async [Symbol.asyncDispose]() {
      listener.close();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

const full = () =>
  Response.json({ code: "too_many_connections", detail: "All connections are taken" }, { status: 503 });

Deno.test("a run without a connection left is asked again until it has one", async () => {
  await using run = await fakeRun((_, asked) => asked < 3 ? full() : Response.json({ pid: 4711 }));
  assertEquals((await findRunning(run.dataDir))?.pid, 4711);
});

Deno.test("a run that has no connection left is not taken for none, and what it does not answer is said", async () => {
  await using run = await fakeRun(full);
  const says = "The run that is up (pid 4711) answers 503 to /api/instance: All connections are taken; ask again";
  await assertRejects(() => findRunning(run.dataDir), WarehouseUnavailableError, says);
});

Deno.test("a run that is there and does not answer is not taken for none: who asks is told what to do", async () => {
  await using run = await silentRun();
  const says =
    `The run that is up (pid 4711, ${run.instance.url}) has not answered within 0.2 s: it is very busy, or hangs. ` +
    `Ask again, or stop it first; if pid 4711 is no "freshet run", delete "${run.dataDir}/freshet.run.json"`;
  await assertRejects(() => findRunning(run.dataDir, { timeoutMs: 200 }), RunUnansweredError, says);
  await assertRejects(
    () => claimRunFile({ dataDir: run.dataDir, pid: 4712 }, { timeoutMs: 200 }),
    RunUnansweredError,
    says,
  );
  await assertRejects(
    () => askJson(run.instance, "/api/status", 200),
    WarehouseUnavailableError,
    "The run that is up (pid 4711) has not answered /api/status within 0.2 s; ask again",
  );
});

Deno.test("where nothing listens any more, or not at that address, no run is up", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "freshet_run_file_" });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  // The second is an address for examples, which no host has.
  for (const url of [`http://127.0.0.1:${port}`, `http://192.0.2.1:${port}`]) {
    await Deno.writeTextFile(`${dataDir}/freshet.run.json`, JSON.stringify({ pid: 4711, url, token: "token" }));
    assertEquals(await findRunning(dataDir, { timeoutMs: 200 }), undefined);
  }
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("an answer that says no, or is no JSON, is not read as one that says yes", async () => {
  await using run = await fakeRun((request) =>
    request.url.endsWith("/no") ? Response.json({ detail: "Not now" }, { status: 500 }) : new Response("hello")
  );
  const asked = (path: string) => () => askJson(run.instance, path, 5_000);
  await assertRejects(asked("/no"), WarehouseUnavailableError, "answers 500 to /no: Not now; ask again");
  await assertRejects(asked("/text"), WarehouseUnavailableError, "answers 200 to /text");
  assertEquals(await findRunning(run.dataDir), undefined);
});
