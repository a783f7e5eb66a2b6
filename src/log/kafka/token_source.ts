// Tokens for logins: one is kept until it is nearly used up, and however many connections want one, it is asked for once.
// Knows nothing of where tokens come from.

import type { Clock } from "../../clock.ts";
import { FreshetError } from "../../errors.ts";

export interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

/**
 * A broker's session lasts as long as its token, and brokers refuse to be logged in to twice within a second: what is
 * left of a token that is handed out must be worth it. Kafka's own clients fetch a new one at four fifths of its life.
 */
const SPENT = 0.8;
const LEAST_LEFT_MS = 10_000;

/**
 * Gives out tokens of `fetchToken`. When that fails and may succeed later, the token from before is given out for as long
 * as it is valid.
 */
export function tokenSource(fetchToken: () => Promise<Token>, clock: Clock): () => Promise<string> {
  let kept: { readonly token: Token; readonly freshUntilMs: number } | undefined;
  let fetching: Promise<Token> | undefined;
  const renewed = async (): Promise<Token> => {
    const askedAtMs = clock.now();
    try {
      const token = await fetchToken();
      const lifeMs = token.expiresAtMs - askedAtMs;
      kept = { token, freshUntilMs: askedAtMs + Math.min(lifeMs * SPENT, lifeMs - LEAST_LEFT_MS) };
      return token;
    } catch (error) {
      const mayPass = error instanceof FreshetError && error.retriable;
      if (mayPass && kept !== undefined && clock.now() < kept.token.expiresAtMs) return kept.token;
      throw error;
    }
  };
  return async () => {
    if (kept !== undefined && clock.now() < kept.freshUntilMs) return kept.token.value;
    fetching ??= renewed().finally(() => fetching = undefined);
    return (await fetching).value;
  };
}
