// Runs records through the real program into an embedded warehouse, and has `doctor` judge the tables.
import type { Finding } from "../../src/cli/doctor/mod.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { assertEquals } from "@std/assert";
import type { Terminal } from "../cli/terminal.ts";
import { domainOf } from "./domains.ts";

/** Puts records into the domain's topic of three partitions and works them off, with a checkpoint every few records. */
export async function workOff(terminal: Terminal, name: string, records: readonly NewRecord[]): Promise<void> {
  const { topic } = domainOf(name);
  {
    await using log = await openEmbeddedLog({ dataDir: terminal.dataDir });
    await log.createTopics([{ topic, partitions: 3 }]);
    await log.produce(topic, records);
  }
  const env = { FRESHET_CHECKPOINT_ROWS: "60", FRESHET_CHECKPOINT_BACKLOG_ROWS: "60" };
  const { code, stderr } = await terminal.run(["run", name, "--until-end", "--no-simulate"], { env });
  assertEquals(code, 0, stderr);
}

/** What `doctor` finds that is not right, or could not be judged. */
export async function complaints(terminal: Terminal, name: string): Promise<readonly Finding[]> {
  const { stdout, stderr } = await terminal.run(["doctor", name, "--json"]);
  assertEquals(stdout === "", false, stderr);
  return (JSON.parse(stdout) as readonly Finding[]).filter(({ result }) => result !== "ok");
}

/** One cell of the embedded warehouse. */
export async function cell(terminal: Terminal, sql: string): Promise<unknown> {
  const { stdout, stderr } = await terminal.run(["query", `SELECT (${sql}) AS C`, "--json"]);
  assertEquals(stderr, "");
  return (JSON.parse(stdout) as readonly { readonly C: unknown }[])[0]!.C;
}
