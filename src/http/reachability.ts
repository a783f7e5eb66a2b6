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
  /** How long one holds while the next is awaited, and how long that is. */
  readonly keptMs?: number;
  readonly patienceMs?: number;
}

interface Outcome {
  readonly isReachable: boolean;
  readonly at: number;
}

interface Question {
  readonly askedAt: number;
  /** Settles with whether there was an answer, however late. */
  readonly answered: Promise<boolean>;
  /** Once it has settled. */
  outcome?: Outcome;
}

/** Asks at most one question at a time: what hangs must not be asked by every health check anew. */
export class Reachability {
  #question: Question | undefined;
  /** The last answer. */
  #last: Outcome | undefined;

  constructor(readonly options: ReachabilityOptions) {}

  /**
   * Resolves within the time limit; soon where the last answer is not old: who probes the process gives up after a second or
   * so. What hangs is then found by the next probe.
   */
  async isReachable(): Promise<boolean> {
    const { clock, timeoutMs = 2_000, freshMs = 1_000, keptMs = 15_000, patienceMs = 300 } = this.options;
    const outcome = this.#question?.outcome;
    if (outcome && clock.monotonic() - outcome.at < freshMs) return outcome.isReachable;
    if (!this.#question || outcome) this.#question = this.#ask();
    const { askedAt, answered } = this.#question;
    const remainingMs = askedAt + timeoutMs - clock.monotonic();
    if (remainingMs <= 0) return false;
    const last = this.#last && clock.monotonic() - this.#last.at < keptMs ? this.#last : undefined;
    const waitMs = last ? Math.min(patienceMs, remainingMs) : remainingMs;
    const done = new AbortController();
    const otherwise = last?.isReachable ?? false;
    const tooLate = clock.sleep(waitMs, done.signal).then(() => otherwise, () => otherwise);
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
      this.#last = question.outcome = { isReachable, at: clock.monotonic() };
      resolve(isReachable);
    };
    ask().then(() => settle(true), () => settle(false));
    return question;
  }
}
