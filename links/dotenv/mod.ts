// Stand-in for jsr:@std/dotenv, over node:util. Delete the "links" line of the root deno.json to use the real package.
import { parseEnv } from "node:util";

/** Reads the text of a `.env` file into names and values. */
export function parse(text: string): Record<string, string> {
  return parseEnv(text) as Record<string, string>;
}
