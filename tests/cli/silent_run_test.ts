// Verbs beside a run that takes connections and does not answer: they say so, and do nothing.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { domainOf } from "../support/domains.ts";
import { Terminal } from "./terminal.ts";

const VERBS = [
  ["status"],
  ["query", "SELECT 1"],
  ["skip", domainOf("trains").topic, "0", "1", "2"],
  ["migrate"],
  ["replay", "trains", "--yes"],
  ["run", "trains", "--no-simulate"],
];

Deno.test("a run that hangs is not taken for none by any verb that would do something beside it", async () => {
  await using terminal = await Terminal.open();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}`;
  const path = `${terminal.dataDir}/freshet.run.json`;
  await Deno.writeTextFile(path, JSON.stringify({ pid: 4711, url, token: "token" }));
  const outcomes = await Promise.all(VERBS.map((args) => terminal.run(args)));
  for (const [i, { code, stderr }] of outcomes.entries()) {
    assertEquals(code, 1, VERBS[i]!.join(" "));
    assertStringIncludes(stderr, `The run that is up (pid 4711, ${url}) has not answered within 5 s`);
    assertStringIncludes(stderr, `delete "${path}"`);
  }
  assertEquals(
    Array.from(Deno.readDirSync(terminal.dataDir), ({ name }) => name).filter((name) => /duckdb/.test(name)),
    [],
  );
});
