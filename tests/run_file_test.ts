// How verbs ask the run that is up.

import { assertRejects } from "@std/assert";
import { WarehouseUnavailableError } from "../src/errors.ts";
import { ask } from "../src/run_file.ts";

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
