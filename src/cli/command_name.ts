// What a person types to run a verb, for messages and the page.
import { fileURLToPath } from "node:url";

/** `freshet` for an executable and in a container, which has it beside main.ts; the task of a checkout. */
export function commandName(): string {
  return Deno.build.standalone || isThere(fileURLToPath(new URL("../../freshet", import.meta.url)))
    ? "freshet"
    : "deno task freshet";
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
