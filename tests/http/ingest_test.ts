import { assert, assertEquals } from "@std/assert";
import { LogRefusedError, LogUnavailableError, ProduceUnknownError } from "../../src/errors.ts";
import { BATCH_LIMITS } from "../../src/log/batched_producer.ts";
import { openBench, report, TOPIC } from "../support/http/ingest.ts";

const json = { "content-type": "application/json" };

/** Values of all records in the topic, by partition and offset. */
async function records(log: Awaited<ReturnType<typeof openBench>>["log"]): Promise<Map<string, string>> {
  const [info] = await log.topics([TOPIC]);
  await using members = await log.subscribe({ topic: TOPIC, group: "test", signal: new AbortController().signal });
  const generation = await members.nextGeneration();
  await generation.start(new Map(info!.partitions.map(({ low }, partition) => [partition, low])));
  const found = new Map<string, string>();
  const total = info!.partitions.reduce((sum, { low, high }) => sum + high - low, 0);
  while (found.size < total) {
    const batch = await generation.next(1_000);
    for (const { offset, value } of batch?.records ?? []) {
      found.set(`${batch!.partition}/${offset}`, new TextDecoder().decode(value!));
    }
  }
  return found;
}

Deno.test("an event is published as its very bytes, keyed, and answered with its place", async () => {
  await using bench = await openBench();
  const body = JSON.stringify(report({ more: 1.50, line: "Ü-Bahn" }), null, 2);
  const response = await bench.post("/reports", {
    body,
    headers: { "content-type": "application/json; charset=UTF-8" },
  });
  assertEquals(response.status, 200);
  const { topic, partition, offset } = await response.json();
  assertEquals(topic, TOPIC);
  assertEquals([...await records(bench.log)], [[`${partition}/${offset}`, body]]);
});

for (
  const [name, init, count] of [
    ["no body and no content type", {}, 1],
    ["an empty body as a form, as curl -d '' sends it", {
      body: "",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    }, 1],
    ["an empty object", { body: "{}", headers: json }, 1],
    ["a count", { body: '{"count":25}', headers: json }, 25],
    ["a count of one", { body: '{"count":1}', headers: json }, 1],
    ["an event of the caller's own", { body: JSON.stringify(report({ train_id: "OWN" })), headers: json }, 1],
  ] as const
) {
  Deno.test(`where events are generated, ${name} publishes ${count} and answers with what and where`, async () => {
    await using bench = await openBench();
    const response = await bench.post("/generated", init);
    const answer = await response.json();
    assertEquals(response.status, 200, JSON.stringify(answer));
    const published = answer.published ?? [answer];
    assertEquals([answer.topic, published.length], [TOPIC, count]);
    const found = await records(bench.log);
    assertEquals(found.size, count);
    for (const { partition, offset, event } of published) {
      assertEquals(JSON.parse(found.get(`${partition}/${offset}`)!), event);
    }
    assertEquals(new Set(published.map(({ event }: { event: { train_id: string } }) => event.train_id)).size, count);
  });
}

Deno.test("requests at the same time are written together and each is told its own place", async () => {
  let produces = 0;
  await using bench = await openBench({
    through: (log) => ({ produce: (topic, records) => (produces++, log.produce(topic, records)) }),
  });
  const answers = await Promise.all(Array.from({ length: 200 }, async (_, n) => {
    const response = await bench.post("/reports", {
      body: JSON.stringify(report({ train_id: `T${n}` })),
      headers: json,
    });
    return [n, await response.json()];
  }));
  const found = await records(bench.log);
  for (const [n, { partition, offset }] of answers) {
    assertEquals(JSON.parse(found.get(`${partition}/${offset}`)!).train_id, `T${n}`);
  }
  assert(produces < 20, `${produces} writes for 200 requests`);
});

for (
  const [error, status, code] of [
    [new LogUnavailableError("the broker is away"), 503, "log_unavailable"],
    [new LogRefusedError("the login is refused"), 503, "log_unavailable"],
    [new ProduceUnknownError("no answer"), 504, "outcome_unknown"],
    [new TypeError("secret detail"), 500, "internal"],
  ] as const
) {
  Deno.test(`an event is not acknowledged when the log answers ${error.name}`, async () => {
    await using bench = await openBench({ through: () => ({ produce: () => Promise.reject(error) }) });
    const response = await bench.post("/reports", { body: JSON.stringify(report()), headers: json });
    const problem = await response.json();
    assertEquals([response.status, problem.code], [status, code]);
    assertEquals(problem.detail.includes(error.message), status !== 500);
    assertEquals(response.headers.has("retry-after"), status === 503);
    assert(problem.request_id.length > 10);
  });
}

Deno.test("under overload the rest is answered 503 with Retry-After, and what was acknowledged is in the log", async () => {
  const gate = Promise.withResolvers<void>();
  await using bench = await openBench({
    limits: { ...BATCH_LIMITS, maxRecords: 10 },
    through: (log) => ({ produce: (topic, records) => gate.promise.then(() => log.produce(topic, records)) }),
  });
  const answers = Array.from(
    { length: 30 },
    () => bench.post("/reports", { body: JSON.stringify(report()), headers: json }),
  );
  const refused = Promise.all(answers.map(async (answer) => {
    const response = await answer;
    await response.body?.cancel();
    return [response.status, response.headers.get("retry-after")].join();
  }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  gate.resolve();
  const statuses = await refused;
  assertEquals(statuses.filter((status) => status === "200,").length, 10);
  assertEquals(statuses.filter((status) => status === "503,1").length, 20);
  assertEquals(await bench.count(), 10);
});

const ORIGINS: readonly (readonly [origin: string, status: number])[] = [
  ["http://localhost:8501", 200],
  ["http://127.0.0.1:8000", 200],
  ["http://[::1]:8000", 200],
  ["https://evil.example", 403],
  ["http://localhost.evil.example", 403],
  ["null", 403],
  ["nonsense", 403],
];

for (const [origin, status] of ORIGINS) {
  Deno.test(`on loopback a page of ${origin} is answered ${status}`, async () => {
    await using bench = await openBench();
    const response = await bench.post("/generated", { headers: { origin } });
    await response.body?.cancel();
    assertEquals([response.status, await bench.count()], [status, status === 200 ? 1 : 0]);
  });
}

Deno.test("with a token configured an event without it is refused before its body is read", async () => {
  await using bench = await openBench({ api: { tokens: { api: "api-token", run: "run-token" } } });
  const send = async (authorization: string) => {
    const response = await bench.post("/generated", { headers: { authorization } });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals([await send("Bearer wrong"), await send("Basic api-token"), await send("Bearer api-token")], [
    401,
    401,
    200,
  ]);
  assertEquals(await bench.count(), 1);
});

Deno.test("a request id of the client's is kept, a strange one is replaced", async () => {
  await using bench = await openBench();
  const idOf = async (id: string) => {
    const response = await bench.post("/generated", { headers: { "x-request-id": id } });
    await response.body?.cancel();
    return response.headers.get("x-request-id");
  };
  assertEquals(await idOf("my-id_1"), "my-id_1");
  assert(await idOf("<script>") !== "<script>");
  assert((await idOf("x".repeat(101)))!.length < 100);
});
