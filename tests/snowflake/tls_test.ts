// The driver over TLS, as it speaks with the real Snowflake: the double behind a server with a certificate of its own.

import { assertEquals } from "@std/assert";
import { makeCertificates } from "../support/certificates.ts";
import { DEFAULT_USER, settingsFor, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { KEY_USER, STREAMING_SETTINGS } from "../support/snowflake/streaming/place.ts";
import { FRESHET } from "../support/shipped.ts";

const skip = await whyNoSnowflake();

/** Where requests are handed on to. */
interface Behind {
  readonly target: string;
  /** By which name clients know the server: the ingest host of Snowpipe Streaming, too. */
  readonly host: () => string;
}

/** Hands requests on, over TLS. */
async function secured({ target, host }: Behind, keyStorePath: string) {
  const pem = await Deno.readTextFile(keyStorePath);
  const targetHost = new URL(target).host;
  return Deno.serve({ hostname: "127.0.0.1", port: 0, key: pem, cert: pem, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "accept-encoding"]) headers.delete(name);
    let body: BodyInit | null = request.body === null ? null : await request.arrayBuffer();
    if (pathname === "/oauth/token") {
      const form = new URLSearchParams(new TextDecoder().decode(body as ArrayBuffer));
      form.set("scope", form.get("scope")!.replace(host(), targetHost));
      body = String(form);
    }
    const answer = await fetch(`${target}${pathname}${search}`, { method: request.method, headers, body });
    if (pathname === "/v2/streaming/hostname" && answer.ok) {
      await answer.body?.cancel();
      return new Response(host());
    }
    return new Response(await answer.arrayBuffer(), { status: answer.status, headers: answer.headers });
  });
}

/** A proxy that takes CONNECT alone, and connects to one port whatever it is asked for. `asked`: what for. */
function connectingProxy(port: number): { readonly address: string; readonly asked: string[]; close(): void } {
  const asked: string[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serve = async (client: Deno.Conn) => {
    const buffer = new Uint8Array(4096);
    const head = new TextDecoder().decode(buffer.subarray(0, await client.read(buffer) ?? 0));
    const [, place] = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    asked.push(place ?? head);
    if (place === undefined) return client.close();
    const server = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n"));
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
  };
  (async () => {
    for await (const client of listener) serve(client).catch(() => {});
  })().catch(() => {});
  const { hostname, port: own } = listener.addr as Deno.NetAddr;
  return { address: `http://${hostname}:${own}`, asked, close: () => listener.close() };
}

Deno.test({
  name: "snowflake double: the driver logs in, reads and writes over TLS",
  ignore: skip !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "freshet_tls_" });
    await using double = await startSnowflake();
    const { ca, keyStorePath } = await makeCertificates(folder);
    await Deno.writeTextFile(`${folder}/authority.pem`, ca);
    await using server = await secured({ target: double.accessUrl, host: () => "localhost" }, keyStorePath);
    const run = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...FRESHET, ...args],
        env: {
          NODE_EXTRA_CA_CERTS: `${folder}/authority.pem`,
          FRESHET_DATA_DIR: `${folder}/data`,
          FRESHET_API_PORT: "0",
          FRESHET_DASHBOARD_PORT: "0",
          FRESHET_MAX_RESTARTS: "0",
          SNOWFLAKE_ACCOUNT: double.account,
          SNOWFLAKE_ACCESS_URL: `https://localhost:${server.addr.port}`,
          SNOWFLAKE_USER: DEFAULT_USER.name,
          SNOWFLAKE_PASSWORD: DEFAULT_USER.password!,
          SNOWFLAKE_ROLE: DEFAULT_USER.roles[0]!,
          SNOWFLAKE_WAREHOUSE: double.warehouse,
          SNOWFLAKE_DATABASE: double.database,
          SNOWFLAKE_SCHEMA: double.schema,
        },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).output();
      return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
    };
    const ran = await run("simulate", "trains", "--count", "500", "--load");
    assertEquals(ran.code, 0, ran.stderr);
    const asked = await run("query", "SELECT COUNT(*) AS N FROM ATS_RAW_JSON", "--json");
    assertEquals([asked.code, JSON.parse(asked.stdout)], [0, [{ N: 500 }]], asked.stderr);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name:
    "snowflake double: the driver and Snowpipe Streaming go by HTTPS_PROXY, with the authority of NODE_EXTRA_CA_CERTS",
  ignore: skip !== undefined,
  // What is left of connections through the proxy is the child's, which is gone.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "freshet_proxy_" });
    await using double = await startSnowflake({ users: [KEY_USER] });
    const { ca, keyStorePath } = await makeCertificates(folder);
    await Deno.writeTextFile(`${folder}/authority.pem`, ca);
    // Nobody listens there any more: without the proxy nothing comes through.
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const host = `localhost:${(free.addr as Deno.NetAddr).port}`;
    free.close();
    await using server = await secured({ target: double.accessUrl, host: () => host }, keyStorePath);
    const proxy = connectingProxy(server.addr.port);
    const run = async (...args: readonly string[]) => {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...FRESHET, ...args],
        env: {
          // Deno would ask by the proxy, too, whether there is a newer one.
          DENO_NO_UPDATE_CHECK: "1",
          ...{ HTTPS_PROXY: proxy.address, https_proxy: proxy.address, NO_PROXY: "", no_proxy: "" },
          NODE_EXTRA_CA_CERTS: `${folder}/authority.pem`,
          FRESHET_DATA_DIR: `${folder}/data`,
          FRESHET_API_PORT: "0",
          FRESHET_DASHBOARD_PORT: "0",
          FRESHET_MAX_RESTARTS: "0",
          ...settingsFor(double),
          ...STREAMING_SETTINGS,
          SNOWFLAKE_ACCESS_URL: `https://${host}`,
        },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
      return { code, stderr: new TextDecoder().decode(stderr) };
    };
    try {
      for (
        const args of [["simulate", "trains", "--count", "300"], ["run", "trains", "--until-end", "--no-simulate"]]
      ) {
        const { code, stderr } = await run(...args);
        assertEquals(code, 0, stderr);
      }
      assertEquals(await double.control.sql("SELECT COUNT(*) FROM ATS_RAW_JSON"), [["300"]]);
      assertEquals(new Set(proxy.asked), new Set([host]));
      const streamed = double.streamingRequests().filter(({ kind, status }) => kind === "append" && status === 200);
      assertEquals(streamed.reduce((sum, { rows }) => sum + rows, 0), 300);
    } finally {
      proxy.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
