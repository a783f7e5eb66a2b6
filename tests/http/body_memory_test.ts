// What bodies take while they come: by the counter, and over sockets by the memory of a server's process.
import { assert, assertEquals } from "@std/assert";
import { BodyMemory } from "../../src/http/body_memory.ts";
import { startHttp } from "../../src/http/mod.ts";
import { openBench, report } from "../support/http/ingest.ts";

Deno.test("what is lent has a limit in all and for each client, and is there again when it is given back", () => {
  const memory = new BodyMemory({ totalBytes: 100, clientBytes: 60 });
  assertEquals([memory.lend("a", 60), memory.lend("a", 1), memory.lend("b", 40), memory.lend("c", 1)], [
    true,
    false,
    true,
    false,
  ]);
  memory.takeBack("a", 60);
  assertEquals([memory.lend("c", 60), memory.lent], [true, 100]);
});

const LIMITS = { maxBytes: 1_000_000, timeoutMs: 1_000 };
const MEMORY = { totalBytes: 400_000, clientBytes: 400_000 };

/** Begins a request whose body is declared to be so long, and sends a part of it. */
async function begin(url: string, declared: number, sent: number): Promise<Deno.Conn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  const head = ["POST /reports HTTP/1.1", "host: localhost", "content-type: application/json"];
  const text = [...head, `content-length: ${declared}`, "", " ".repeat(sent)].join("\r\n");
  for (let bytes = new TextEncoder().encode(text); bytes.length > 0;) {
    bytes = bytes.subarray(await connection.write(bytes));
  }
  return connection;
}

async function statusOf(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  const count = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0)).split("\r\n")[0]!;
}

const large = () => JSON.stringify(report({ train_id: `V${"1".repeat(50_000)}` }));

Deno.test("bodies of which little comes take little, whatever length they declare: others are read beside them", async () => {
  const memory = new BodyMemory(MEMORY);
  await using bench = await openBench({ api: { body: LIMITS, bodyMemory: memory } });
  await using server = startHttp({ ...bench.options, port: 0 });
  const begun = await Promise.all(Array.from({ length: 50 }, () => begin(server.url, 999_999, 1)));
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${server.url}/reports`, { method: "POST", headers, body: large() });
    // Which is not a train's name: it has been read.
    assertEquals(response.status, 422, await response.text());
    assert(memory.lent <= 50 * 4096, String(memory.lent));
    assertEquals(new Set(await Promise.all(begun.map(statusOf))), new Set(["HTTP/1.1 408 Request Timeout"]));
    assertEquals(memory.lent, 0);
  } finally {
    for (const connection of begun) connection.close();
  }
});

Deno.test("where what has come takes all, a large body is refused with 503, and a small one is not", async () => {
  const memory = new BodyMemory(MEMORY);
  await using bench = await openBench({ api: { body: LIMITS, bodyMemory: memory } });
  await using server = startHttp({ ...bench.options, port: 0 });
  const begun = await begin(server.url, 999_999, 200_000);
  try {
    while (memory.lent < 200_000) await new Promise((resolve) => setTimeout(resolve, 1));
    const headers = { "content-type": "application/json" };
    const body = " ".repeat(300_000);
    const refused = await fetch(`${server.url}/reports`, { method: "POST", headers, body });
    assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
    assertEquals((await refused.json()).code, "too_many_bodies");
    const small = await fetch(`${server.url}/reports`, { method: "POST", headers, body: JSON.stringify(report()) });
    assertEquals(small.status, 200, await small.text());
  } finally {
    begun.close();
  }
});
