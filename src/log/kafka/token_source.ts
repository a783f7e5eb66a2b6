// Tokens for logins: one is kept until it is nearly used up, and however many connections want one, it is asked for once.
// Knows nothing of where tokens come from.

import type { Clock } from "../../clock.ts";
import { isRetriable } from "../../errors.ts";

export interface Token {
  readonly value: string;
  /** How long it was valid when it was asked for. */
  readonly lifeMs: number;
}

/**
 * A broker's session lasts as long as its token, and brokers refuse to be logged in to twice within a second: what is
 * left of a token that is handed out must be worth it. Kafka's own clients fetch a new one at four fifths of its life.
 */
const SPENT = 0.8;
const MIN_LEFT_MS = 10_000;

/** A token and when it was asked for. */
interface Kept extends Token {
  readonly askedAt: Moment;
}

/** By both clocks: the wall clock may be set back, and the monotonic one may stand still while a machine sleeps. */
interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

const momentOf = (clock: Clock): Moment => ({ wallMs: clock.now(), monotonicMs: clock.monotonic() });

function ageMs({ wallMs, monotonicMs }: Moment, clock: Clock): number {
  return Math.max(clock.now() - wallMs, clock.monotonic() - monotonicMs);
}

/**
 * Gives out tokens of `fetchToken`. When that fails and may succeed later, the token from before is given out for as long
 * as it is valid.
 */
export function tokenSource(fetchToken: () => Promise<Token>, clock: Clock): () => Promise<string> {
  let kept: Kept | undefined;
  let fetching: Promise<Token> | undefined;
  const renewed = async (): Promise<Token> => {
    const askedAt = momentOf(clock);
    try {
      kept = { ...await fetchToken(), askedAt };
      return kept;
    } catch (error) {
      const mayPass = isRetriable(error);
      if (mayPass && kept !== undefined && ageMs(kept.askedAt, clock) < kept.lifeMs) return kept;
      throw error;
    }
  };
  const isFresh = ({ askedAt, lifeMs }: Kept): boolean =>
    ageMs(askedAt, clock) < Math.min(lifeMs * SPENT, lifeMs - MIN_LEFT_MS);
  return async () => {
    if (kept !== undefined && isFresh(kept)) return kept.value;
    fetching ??= renewed().finally(() => fetching = undefined);
    return (await fetching).value;
  };
}
