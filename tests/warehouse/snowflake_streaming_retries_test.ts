// How patient the client of Snowpipe Streaming is with a service that is not there for it.

import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { WarehouseUnavailableError } from "../../src/errors.ts";
import { StreamingService } from "../../src/warehouse/snowflake/streaming/service.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const text = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

const serviceAt = (accountUrl: string) =>
  new StreamingService({
    ...{ account: "MYORG-MYACCOUNT", user: "FRESHET", database: "D", schema: "S", accountUrl },
    credentials: { kind: "key", key: { text } },
    limits: { requestMs: 1_000, retryMs: 1_000, storedMs: 1_000, countedMs: 1_000 },
  });

for (const retryAfter of ["0", "", "-1", "Wed, 21 Oct 2015 07:28:00 GMT"]) {
  Deno.test(`a service that is busy is not asked without a pause, whatever it says of it: "${retryAfter}"`, async () => {
    let asked = 0;
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      asked++;
      return new Response("busy", { status: 503, headers: { "retry-after": retryAfter } });
    });
    const service = serviceAt(`http://127.0.0.1:${server.addr.port}`);
    await assertRejects(() => service.check(), WarehouseUnavailableError, "HTTP 503");
    // After 50 to 100 ms, 100 to 200, 200 to 400 and so on within a second.
    assert(asked > 1 && asked < 8, `${asked} requests`);
  });
}

Deno.test("a service that is not there is told with the reason", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const service = serviceAt(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`);
  listener.close();
  const error = await assertRejects(() => service.check(), WarehouseUnavailableError);
  assertStringIncludes(error.message, "Connection refused");
});
