// Whether something answers, for the health routes: really asked, with a time limit, once for all who ask at about the same
// time. Knows nothing of logs or warehouses: it is handed the question.
import type { Clock } from "../clock.ts";

export interface ReachabilityOptions {
  /** Rejects, or takes too long, when there is no answer. */
  readonly ask: () => Promise<unknown>;
  readonly clock: Clock;
  /** How long an answer may take. */
  readonly timeoutMs?: number;
  /** How long an answer holds. */
  readonly freshMs?: number;
}

interface Question {
  readonly askedAt: number;
  /** Settles with whether there was an answer, however late. */
  readonly answered: Promise<boolean>;
  /** Once it has settled. */
  outcome?: { readonly isReachable: boolean; readonly at: number };
}

/** Asks at most one question at a time: what hangs must not be asked by every health check anew. */
export class Reachability {
  #question: Question | undefined;

  constructor(readonly options: ReachabilityOptions) {}

  /** Resolves within the time limit. */
  async isReachable(): Promise<boolean> {
    const { clock, timeoutMs = 2_000, freshMs = 1_000 } = this.options;
    const outcome = this.#question?.outcome;
    if (outcome && clock.monotonic() - outcome.at < freshMs) return outcome.isReachable;
    if (!this.#question || outcome) this.#question = this.#ask();
    const { askedAt, answered } = this.#question;
    const remainingMs = askedAt + timeoutMs - clock.monotonic();
    if (remainingMs <= 0) return false;
    const done = new AbortController();
    const tooLate = clock.sleep(remainingMs, done.signal).then(() => false, () => false);
    try {
      return await Promise.race([answered, tooLate]);
    } finally {
      done.abort();
    }
  }

  #ask(): Question {
    const { ask, clock } = this.options;
    const { promise: answered, resolve } = Promise.withResolvers<boolean>();
    const question: Question = { askedAt: clock.monotonic(), answered };
    const settle = (isReachable: boolean) => {
      question.outcome = { isReachable, at: clock.monotonic() };
      resolve(isReachable);
    };
    ask().then(() => settle(true), () => settle(false));
    return question;
  }
}
