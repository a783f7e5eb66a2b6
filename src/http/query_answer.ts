// The answer to a query as JSON, piece by piece as its connection takes it: of a large one no text is there as a whole, and few
// are under way, as their rows are held until they are taken. Must not know what was asked.
import type { Context } from "hono";
import { QueryBusyError } from "../errors.ts";
import type { HeldBytes, QueryResult } from "../warehouse/warehouse.ts";
import { AnswerMemory, type HeldAnswer } from "./answer_memory.ts";
import { clientOf } from "./client_address.ts";
import { type PlaceLimits, Places } from "./places.ts";

/** A text of more is made piece by piece, UTF-16 characters; and of how many a piece is. */
const LARGE = 1_000_000;
const PIECE = 64 * 1024;
/** Large answers that are being taken at a time. */
export const LARGE_ANSWERS: PlaceLimits = { total: 2, perAddress: 2, timeoutMs: 60_000 };
const TOO_MANY =
  `At most ${LARGE_ANSWERS.total} large answers are taken at a time: ask again in a while, or for fewer rows`;

const HEADERS = { "content-type": "application/json" };

/** Answers queries; `addressOf` says whose place a large answer takes. */
export class QueryAnswers {
  readonly #large = new Places(LARGE_ANSWERS);

  constructor(private readonly addressOf: (c: Context) => string, private readonly memory = new AnswerMemory()) {}

  /**
   * Answers what `query` gives, which is handed where it counts what it holds. Throws what that does, and `QueryBusyError` when
   * the answer is large, and as many as may be are being taken.
   */
  async respond(c: Context, query: (held: HeldBytes) => Promise<QueryResult>): Promise<Response> {
    const held = this.memory.begin();
    try {
      return this.#answer(c, await query(held), held);
    } catch (error) {
      held.release();
      throw error;
    }
  }

  #answer(c: Context, result: QueryResult, held: HeldAnswer): Response {
    const pieces = textOf(result);
    let first = "";
    while (first.length < LARGE) {
      const { done, value } = pieces.next();
      if (done) {
        held.release();
        return c.body(first, 200, HEADERS);
      }
      first += value;
    }
    const place = this.#large.enter({ address: this.addressOf(c), connection: clientOf(c).connection });
    if (!place) throw new QueryBusyError(TOO_MANY);
    place.signal.addEventListener("abort", () => held.release(), { once: true });
    c.req.raw.signal.addEventListener("abort", () => place.leave(), { once: true });
    return c.body(place.stream(first, eventually(pieces)), 200, HEADERS);
  }
}

function* textOf({ columns, rows, truncated }: QueryResult): Generator<string, void> {
  let text = `{"columns":${JSON.stringify(columns)},"rows":[`;
  for (const [i, row] of rows.entries()) {
    text += `${i === 0 ? "" : ","}${JSON.stringify(row)}`;
    if (text.length < PIECE) continue;
    yield text;
    text = "";
  }
  yield `${text}],"truncated":${truncated}}`;
}

async function* eventually(pieces: Iterable<string>): AsyncGenerator<string, void> {
  yield* pieces;
}
