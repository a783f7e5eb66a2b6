// The data folder is for its user alone.

import { assertEquals } from "@std/assert";
import { openEmbeddedLog } from "../src/log/embedded.ts";
import { claimRunFile } from "../src/run_file.ts";
import { openDuckDb } from "../src/warehouse/duckdb.ts";

const ignore = Deno.build.os === "windows";

/** Rights of a folder and what lies in it, by name. */
async function rights(folder: string): Promise<Record<string, string>> {
  const of = async (path: string) => ((await Deno.stat(path)).mode! & 0o777).toString(8);
  const found: Record<string, string> = { "": await of(folder) };
  for await (const { name } of Deno.readDir(folder)) found[name] = await of(`${folder}/${name}`);
  return found;
}

async function withUmask(body: (folder: string) => Promise<void>): Promise<void> {
  const before = Deno.umask(0o022);
  const folder = await Deno.makeTempDir({ prefix: "freshet-private-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
    Deno.umask(before);
  }
}

Deno.test({
  name: "the data folder and everything in it is its user's alone, whatever the user's umask",
  ignore,
  fn: () =>
    withUmask(async (folder) => {
      const dataDir = `${folder}/data`;
      await using claim = await claimRunFile({ dataDir, pid: Deno.pid });
      await claim.publish("http://127.0.0.1:1");
      await using log = await openEmbeddedLog({ dataDir });
      await log.createTopics([{ topic: "t", partitions: 1 }]);
      await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
      await warehouse.migrate([{ name: "a", text: "-- version 1: a\nCREATE TABLE A (N BIGINT)" }]);
      const { "": own, ...files } = await rights(dataDir);
      assertEquals(own, "700");
      assertEquals(files, {
        "freshet.run.json": "600",
        "freshet.log.db": "600",
        "freshet.log.db-wal": "600",
        "freshet.log.db-shm": "600",
        "freshet.log.db.lock": "600",
        "freshet.duckdb": "600",
        "freshet.duckdb.wal": "600",
      });
    }),
});

Deno.test({
  name: "files that others may read are taken from them when they are opened; a folder that is there stays as it is",
  ignore,
  fn: () =>
    withUmask(async (dataDir) => {
      await Deno.chmod(dataDir, 0o755);
      {
        await using _log = await openEmbeddedLog({ dataDir });
        await using _warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
      }
      for (const name of ["freshet.log.db", "freshet.duckdb"]) await Deno.chmod(`${dataDir}/${name}`, 0o644);
      await using _log = await openEmbeddedLog({ dataDir });
      await using _warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb` });
      const found = await rights(dataDir);
      assertEquals([found["freshet.log.db"], found["freshet.duckdb"], found[""]], ["600", "600", "755"]);
    }),
});
