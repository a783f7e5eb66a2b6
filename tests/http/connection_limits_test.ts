// The limits of connections over real sockets: servers that go on accepting, and the whole program with few descriptors.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Connections } from "../../src/http/connections.ts";
import { type Handler, listen } from "../../src/http/listen.ts";

const ADDRESS = { hostname: "127.0.0.1", port: 0, portSetting: "FRESHET_API_PORT" };

const LIMITS = { total: 10, perAddress: 10, headersMs: 60_000, idleMs: 60_000 };

function serve(handler: Handler, changes: Partial<typeof LIMITS> = {}, spared: readonly string[] = []) {
  const connections = new Connections({ limits: { ...LIMITS, ...changes } });
  const server = listen(ADDRESS, handler, { connections, spared });
  const port = Number(new URL(server.url).port);
  return { ...server, connections, connect: () => Deno.connect({ hostname: "127.0.0.1", port }) };
}

const hello: Handler = () => new Response("hello");
const GET = new TextEncoder().encode("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");

/** What comes until the server closes, or until the text has come. */
async function answer(connection: Deno.Conn, until?: string): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  while (until === undefined || !text.includes(until)) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}

Deno.test("silent connections, more than there may be, keep nobody out", async () => {
  await using server = serve(hello);
  const silent = await Promise.all(Array.from({ length: 50 }, () => server.connect()));
  try {
    assertEquals(await (await fetch(server.url)).text(), "hello");
    assert(server.connections.size <= LIMITS.total);
  } finally {
    for (const connection of silent) connection.close();
  }
});

Deno.test("where each is being answered a new one is told so, and closed", async () => {
  const done = Promise.withResolvers<void>();
  const asked = { count: 0, all: Promise.withResolvers<void>() };
  await using server = serve(async () => {
    if (++asked.count === 3) asked.all.resolve();
    await done.promise;
    return new Response("at last");
  }, { total: 3 });
  const held = await Promise.all([1, 2, 3].map(() => server.connect()));
  try {
    await Promise.all(held.map((connection) => connection.write(GET)));
    await asked.all.promise;
    using late = await server.connect();
    await late.write(GET);
    const told = await answer(late);
    assertStringIncludes(told, "HTTP/1.1 503 Service Unavailable\r\n");
    assertStringIncludes(told, "retry-after: 1\r\n");
    assertEquals(JSON.parse(told.split("\r\n\r\n")[1]!).code, "too_many_connections");
    done.resolve();
    assertStringIncludes(await answer(held[0]!, "at last"), " 200 OK");
  } finally {
    for (const connection of held) connection.close();
  }
});

Deno.test("where each is being answered health is told all the same, also among many that say nothing", async () => {
  const done = Promise.withResolvers<void>();
  const asked = { count: 0, all: Promise.withResolvers<void>() };
  const handler: Handler = async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/livez") return Response.json({ status: "ok" }, { headers: { "x-probe": "live" } });
    if (pathname === "/readyz") return Response.json({ status: "not ready" }, { status: 503 });
    if (++asked.count === 3) asked.all.resolve();
    await done.promise;
    return new Response("at last");
  };
  await using server = serve(handler, { total: 3 }, ["/livez", "/readyz"]);
  const held = await Promise.all([1, 2, 3].map(() => server.connect()));
  const silent: Deno.Conn[] = [];
  const ask = async (head: string) => {
    using connection = await server.connect();
    await connection.write(new TextEncoder().encode(head));
    return await answer(connection);
  };
  try {
    await Promise.all(held.map((connection) => connection.write(GET)));
    await asked.all.promise;
    silent.push(...await Promise.all(Array.from({ length: 50 }, () => server.connect())));
    // Those that were there first have had time to ask.
    await new Promise((resolve) => setTimeout(resolve, 60));
    const live = await ask("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assertStringIncludes(live, "HTTP/1.1 200 OK\r\n");
    assertStringIncludes(live, "x-probe: live\r\n");
    assertStringIncludes(live, "connection: close\r\n");
    assertEquals(live.split("\r\n\r\n")[1], '{"status":"ok"}');
    const head = await ask("HEAD /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assertStringIncludes(head, "HTTP/1.1 200 OK\r\n");
    assertEquals(head.split("\r\n\r\n")[1], "");
    const ready = await ask("GET /readyz HTTP/1.0\r\n\r\n");
    assertStringIncludes(ready, "HTTP/1.1 503 Service Unavailable\r\n");
    assertStringIncludes(ready, "not ready");
    for (const other of ["GET /livezz", "POST /livez", "GET /", "GET /health"]) {
      assertStringIncludes(await ask(`${other} HTTP/1.1\r\nhost: localhost\r\n\r\n`), "too_many_connections", other);
    }
  } finally {
    done.resolve();
    for (const connection of [...held, ...silent]) connection.close();
  }
});

Deno.test("a connection whose headers do not come is closed, however slowly they trickle", async () => {
  await using server = serve(hello, { headersMs: 200 });
  using silent = await server.connect();
  using slow = await server.connect();
  const trickle = (async () => {
    for (const byte of GET.subarray(0, 20)) {
      await slow.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })().catch(() => {});
  assertEquals(await Promise.all([answer(silent), answer(slow)]), ["", ""]);
  await trickle;
  assertEquals(server.connections.size, 0);
});

Deno.test("a connection is kept for its next request, and closed when that does not come", async () => {
  await using server = serve(hello, { idleMs: 200 });
  using connection = await server.connect();
  for (let n = 0; n < 3; n++) {
    await connection.write(GET);
    assertStringIncludes(await answer(connection, "hello"), " 200 OK");
  }
  assertEquals(await answer(connection), "");
});

Deno.test("what a handler throws ends its request, and neither the connection nor the server", async () => {
  let calls = 0;
  await using server = serve(() => {
    if (calls++ === 0) throw new Error("on purpose");
    return new Response("hello");
  });
  using connection = await server.connect();
  await connection.write(GET);
  assertStringIncludes(await answer(connection, "\r\n\r\n"), " 500 ");
  await connection.write(GET);
  assertStringIncludes(await answer(connection, "hello"), " 200 OK");
});

Deno.test("closing the server closes silent connections, and waits for an answer under way", async () => {
  const asked = Promise.withResolvers<void>();
  const server = serve(async () => {
    asked.resolve();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return new Response("at last");
  });
  using silent = await server.connect();
  using busy = await server.connect();
  await busy.write(GET);
  await asked.promise;
  const told = answer(busy);
  await server[Symbol.asyncDispose]();
  assertStringIncludes(await told, "at last");
  assertEquals(await answer(silent), "");
});
