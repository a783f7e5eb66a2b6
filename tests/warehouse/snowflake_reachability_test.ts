// A login that takes long: whether there is a server at all, asked beside it.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ifReachable, UnreachableError } from "../../src/warehouse/snowflake/reachability.ts";
import { issueCertificate, makeCertificates } from "../support/certificates.ts";

/** A login that is through when it has been asked whether there is a server. */
const slowLogin = () => new Promise<string>((resolve) => setTimeout(() => resolve("in"), 4_500));

Deno.test("a server whose certificate is not trusted is there: the login goes on", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await makeCertificates(folder);
    const { cert, key } = await issueCertificate(folder, { name: "snowflake", server: true });
    const options = { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} };
    await using server = Deno.serve(options, () => new Response("hello"));
    const address = `https://127.0.0.1:${server.addr.port}`;
    assertEquals(await ifReachable(slowLogin(), { address, late() {} }), "in");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a server that is not there is told with the reason", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  listener.close();
  const login = slowLogin();
  const error = await assertRejects(() => ifReachable(login, { address, late() {} }), UnreachableError);
  assertStringIncludes(error.message, "Connection refused");
  await login;
});
