// A server that is not there: who starts the program learns of it soon, long before the driver gives up.

import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { WarehouseUnavailableError } from "../../src/errors.ts";
import { openSnowflake } from "../../src/warehouse/snowflake.ts";
import { quietDriver } from "../support/snowflake/driver.ts";

/** A server that takes connections and says nothing. */
function silent(): Deno.Listener & { readonly url: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return Object.assign(listener, { url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}` });
}

const SERVERS: readonly (readonly [what: string, open: () => Disposable & { readonly url: string }])[] = [
  ["says nothing", silent],
  ["is not there", () => {
    using gone = silent();
    return { url: gone.url, [Symbol.dispose]: () => {} };
  }],
];

for (const [what, open] of SERVERS) {
  Deno.test({
    name: `snowflake: a server that ${what} is told within 10 s`,
    // The driver goes on trying after the adapter has given up.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      quietDriver();
      using server = open();
      const from = performance.now();
      const error = await assertRejects(
        () =>
          openSnowflake({
            account: "MYORG-MYACCOUNT",
            user: "FRESHET",
            database: "D",
            schema: "S",
            credentials: { kind: "password", password: "hush" },
            accessUrl: server.url,
          }),
        WarehouseUnavailableError,
      );
      assert(performance.now() - from < 10_000);
      for (const part of [new URL(server.url).host, "SNOWFLAKE_ACCOUNT", "SNOWFLAKE_ACCESS_URL"]) {
        assertStringIncludes(error.message, part);
      }
    },
  });
}
