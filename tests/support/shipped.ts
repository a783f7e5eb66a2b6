// Freshet in a process of its own as people run it: with the permissions of its task, and no others, and its settings of V8.

import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { findRunning, type RunningInstance } from "../../src/run_file.ts";

/** Deno's arguments before a script that is to have the program's permissions. */
export const AS_SHIPPED = ["run", ...config.tasks.freshet.command.split(" ").filter((word) => word.startsWith("-"))];

/** What the task sets in the environment. */
export const SHIPPED_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  config.tasks.freshet.command.split(" deno ")[0]!.split(" ").map((word) => word.split("=") as [string, string]),
);

/** Deno's arguments before those of Freshet. */
export const FRESHET = [...AS_SHIPPED, fileURLToPath(new URL("../../main.ts", import.meta.url))];

const GIVE_UP_MS = 120_000;

/** The run on the data folder, as soon as it answers. Throws when none does. */
export async function runningOn(dataDir: string): Promise<RunningInstance> {
  for (const giveUpAt = Date.now() + GIVE_UP_MS; Date.now() < giveUpAt;) {
    const instance = await findRunning(dataDir);
    if (instance) return instance;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`No run has come up in ${dataDir}`);
}
