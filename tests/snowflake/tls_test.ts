// The driver over TLS, as it speaks with the real Snowflake: the double behind a server with a certificate of its own.

import { assertEquals } from "@std/assert";
import { makeCertificates } from "../support/certificates.ts";
import { DEFAULT_USER, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { FRESHET } from "../support/shipped.ts";

const skip = await whyNoSnowflake();

/** Hands requests on to `target`, over TLS. */
async function secured(target: string, keyStorePath: string) {
  const pem = await Deno.readTextFile(keyStorePath);
  return Deno.serve({ hostname: "127.0.0.1", port: 0, key: pem, cert: pem, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "accept-encoding"]) headers.delete(name);
    const body = request.body === null ? null : await request.arrayBuffer();
    const answer = await fetch(`${target}${pathname}${search}`, { method: request.method, headers, body });
    return new Response(await answer.arrayBuffer(), { status: answer.status, headers: answer.headers });
  });
}

Deno.test({
  name: "snowflake double: the driver logs in, reads and writes over TLS",
  ignore: skip !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "freshet_tls_" });
    await using double = await startSnowflake();
    const { ca, keyStorePath } = await makeCertificates(folder);
    await Deno.writeTextFile(`${folder}/authority.pem`, ca);
    await using server = await secured(double.accessUrl, keyStorePath);
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
