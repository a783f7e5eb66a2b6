// The environment with `.env` under it: what is really set wins.
import { ConfigError } from "../errors.ts";
import { parse } from "./dotenv.ts";

/** Throws `ConfigError` when there is a `.env` that cannot be read. */
export function readEnvironment(
  real: Readonly<Record<string, string>>,
  path = ".env",
): Readonly<Record<string, string>> {
  try {
    return { ...parse(textOf(Deno.readFileSync(path)), real), ...real };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return real;
    throw new ConfigError(`Cannot read "${path}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** As editors of Windows write it, too: with a byte order mark, or in UTF-16 that begins with one. */
function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8";
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
  }
  throw new SyntaxError("it is not in UTF-8: save it as UTF-8");
}
