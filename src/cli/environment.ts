// The environment with `.env` under it: what is really set wins.
import { parse } from "@std/dotenv";
import { ConfigError } from "../errors.ts";

/** Throws `ConfigError` when there is a `.env` that cannot be read. */
export function readEnvironment(
  real: Readonly<Record<string, string>>,
  path = ".env",
): Readonly<Record<string, string>> {
  try {
    return { ...parse(Deno.readTextFileSync(path)), ...real };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return real;
    throw new ConfigError(`Cannot read "${path}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
