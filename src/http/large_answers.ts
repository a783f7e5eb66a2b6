// JSON that may be large: a large one is given out as its connection takes it, and few are under way, as its text is held until
// then. Must not know what is answered.
import type { Context } from "hono";
import { QueryBusyError } from "../errors.ts";
import { clientOf } from "./client_address.ts";
import { type PlaceLimits, Places } from "./places.ts";

/** A text of more is large, UTF-16 characters. */
const LARGE = 256 * 1024;
const LIMITS: PlaceLimits = { total: 8, perAddress: 4, timeoutMs: 60_000 };
const TOO_MANY =
  `At most ${LIMITS.total} large answers are taken at a time, ${LIMITS.perAddress} of one address: ask for fewer rows or columns`;
const HEADERS = { "content-type": "application/json" };

export class LargeAnswers {
  readonly #places = new Places(LIMITS);

  /** `addressOf` says whose place a large answer takes. */
  constructor(private readonly addressOf: (c: Context) => string) {}

  /** The answer. Throws `QueryBusyError` when it is large, and as many as may be are being taken. */
  json(c: Context, value: unknown): Response {
    const text = JSON.stringify(value);
    if (text.length <= LARGE) return c.body(text, 200, HEADERS);
    const place = this.#places.enter({ address: this.addressOf(c), connection: clientOf(c).connection });
    if (!place) throw new QueryBusyError(TOO_MANY);
    c.req.raw.signal.addEventListener("abort", () => place.leave(), { once: true });
    return c.body(place.stream(text, nothing()), 200, HEADERS);
  }
}

async function* nothing(): AsyncGenerator<string, void> {}
