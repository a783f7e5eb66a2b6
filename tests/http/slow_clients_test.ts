// A real server and clients that write to its socket byte by byte, as no well-behaved one does.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startHttp } from "../../src/http/mod.ts";
import { openBench, report } from "../support/http/ingest.ts";

const LIMITS = { maxBytes: 2_000, timeoutMs: 150 };

interface Conversation {
  /** What the client writes, each after the other. */
  readonly writes: readonly string[];
  /** Whether the client then leaves. */
  readonly hangsUp?: boolean;
}

const encoder = new TextEncoder();

/** What the server answers, as text. */
async function talk(url: string, { writes, hangsUp = false }: Conversation): Promise<string> {
  const { port } = new URL(url);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const writing = (async () => {
    for (const text of writes) {
      let bytes = encoder.encode(text);
      while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })().catch(() => {});
  if (hangsUp) {
    await writing;
    return "";
  }
  const decoder = new TextDecoder();
  let answer = "";
  const buffer = new Uint8Array(4096);
  while (!/\r\n\r\n[\s\S]+/.test(answer)) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) break;
    answer += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  await writing;
  return answer;
}

const head = (...lines: string[]) =>
  ["POST /reports HTTP/1.1", "host: localhost", "content-type: application/json", ...lines, "", ""].join("\r\n");
const chunk = (text: string) => `${encoder.encode(text).length.toString(16)}\r\n${text}\r\n`;
const text = JSON.stringify(report());

const CONVERSATIONS: readonly (readonly [name: string, Conversation, status: number, code?: string])[] = [
  ["a body in many pieces", {
    writes: [head(`content-length: ${text.length}`), text.slice(0, 7), text.slice(7, 50), text.slice(50)],
  }, 200],
  ["a body in chunks of unknown number", {
    writes: [head("transfer-encoding: chunked"), chunk(text.slice(0, 9)), chunk(text.slice(9)), "0\r\n\r\n"],
  }, 200],
  ["no body, and a length of zero", { writes: [head("content-length: 0")] }, 400, "malformed_body"],
  [
    "a body that stops half way",
    {
      writes: [head(`content-length: ${text.length}`), text.slice(0, 20)],
    },
    408,
    "body_timeout",
  ],
  ["a body of which nothing comes", { writes: [head("content-length: 100")] }, 408, "body_timeout"],
  [
    "chunks that never end",
    {
      writes: [head("transfer-encoding: chunked"), ...Array.from({ length: 60 }, () => chunk(" "))],
    },
    408,
    "body_timeout",
  ],
  ["a declared length over the limit", { writes: [head("content-length: 2001"), "["] }, 413, "body_too_large"],
  [
    "chunks that add up to more than the limit",
    {
      writes: [head("transfer-encoding: chunked"), ...Array.from({ length: 5 }, () => chunk("x".repeat(500)))],
    },
    413,
    "body_too_large",
  ],
];

for (const [name, conversation, status, code] of CONVERSATIONS) {
  Deno.test(`over a socket ${name} is answered ${status}`, async () => {
    await using bench = await openBench({ api: { body: LIMITS } });
    await using server = startHttp({ ...bench.options, port: 0 });
    const answer = await talk(server.url, conversation);
    assertStringIncludes(answer.split("\r\n")[0]!, ` ${status} `);
    if (code !== undefined) assertStringIncludes(answer, `"code":"${code}"`);
    assertEquals(await bench.count(), status === 200 ? 1 : 0);
  });
}

Deno.test("a client that hangs up in its body's middle leaves nothing behind, and others are served", async () => {
  await using bench = await openBench({ api: { body: LIMITS } });
  await using server = startHttp({ ...bench.options, port: 0 });
  const half = { writes: [head(`content-length: ${text.length}`), text.slice(0, 20)], hangsUp: true };
  for (let n = 0; n < 20; n++) await talk(server.url, half);
  const response = await fetch(`${server.url}/generated`, { method: "POST" });
  assertEquals(response.status, 200);
  await response.body?.cancel();
  assertEquals(await bench.count(), 1);
});

Deno.test("a hundred slow clients hold up no quick one", async () => {
  await using bench = await openBench({ api: { body: { maxBytes: 2_000, timeoutMs: 1_000 } } });
  await using server = startHttp({ ...bench.options, port: 0 });
  const slow = Array.from({ length: 100 }, () => talk(server.url, { writes: [head("content-length: 100"), "{"] }));
  const order: string[] = [];
  const all = Promise.all(slow).then(() => order.push("slow"));
  const response = await fetch(`${server.url}/generated`, { method: "POST" });
  await response.body?.cancel();
  order.push("quick");
  await all;
  assertEquals(order, ["quick", "slow"]);
  assert((await Promise.all(slow)).every((answer) => answer.includes("408")));
});
