// Sessions of the double and their tokens: which are valid, expired or gone.

import type { EngineAnswer, Place } from "./engine.ts";
import type { User } from "./credentials.ts";

/** A request of a session, kept by its id so that a retry meets what the first try left. */
export interface Remembered {
  readonly queryId: string;
  readonly answer: Promise<EngineAnswer | undefined>;
  retry: "answered" | "run_again";
}

export interface ProxySession {
  readonly id: string;
  readonly user: User;
  place: Place;
  token: string;
  tokenUntilMs: number;
  readonly masterToken: string;
  masterUntilMs: number;
  gone: boolean;
  lastSeenMs: number;
  readonly requests: Map<string, Remembered>;
}

export interface TokenLifetimes {
  readonly tokenSeconds: number;
  readonly masterTokenSeconds: number;
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

const KEPT_REQUESTS = 64;

export class Sessions {
  readonly #byId = new Map<string, ProxySession>();
  readonly #lifetimes: TokenLifetimes;
  readonly #now: () => number;

  constructor(lifetimes: TokenLifetimes, now: () => number) {
    this.#lifetimes = lifetimes;
    this.#now = now;
  }

  open(id: string, user: User, place: Place): ProxySession {
    const now = this.#now();
    const session: ProxySession = {
      id,
      user,
      place,
      token: `ver:3-hint:${id}-${crypto.randomUUID()}`,
      tokenUntilMs: now + this.#lifetimes.tokenSeconds * 1000,
      masterToken: `master:${id}-${crypto.randomUUID()}`,
      masterUntilMs: now + this.#lifetimes.masterTokenSeconds * 1000,
      gone: false,
      lastSeenMs: now,
      requests: new Map(),
    };
    this.#byId.set(id, session);
    return session;
  }

  all(): readonly ProxySession[] {
    return [...this.#byId.values()].filter((session) => !session.gone);
  }

  get(id: string): ProxySession | undefined {
    return this.#byId.get(id);
  }

  /** The session of an `Authorization: Snowflake Token="…"` header, or why there is none. */
  authenticate(header: string | undefined): ProxySession | Refusal {
    const token = /^Snowflake Token="([^"]*)"$/.exec(header ?? "")?.[1];
    if (token === undefined) return { code: "390103", message: "Session token not found in the request data." };
    const session = [...this.#byId.values()].find((each) => each.token === token);
    if (session === undefined) return { code: "390104", message: "Session token is invalid." };
    if (session.gone) return GONE;
    session.lastSeenMs = this.#now();
    return session.tokenUntilMs <= this.#now() ? EXPIRED : session;
  }

  /** A new session token for a master token. The old one, expired or not, is worth nothing any more. */
  renew(header: string | undefined): ProxySession | Refusal {
    const token = /^Snowflake Token="([^"]*)"$/.exec(header ?? "")?.[1];
    const session = [...this.#byId.values()].find((each) => each.masterToken === token);
    if (session === undefined) return { code: "390113", message: "Master token is invalid." };
    if (session.gone) return GONE;
    const now = this.#now();
    if (session.masterUntilMs <= now) return MASTER_EXPIRED;
    session.token = `ver:3-hint:${session.id}-${crypto.randomUUID()}`;
    session.tokenUntilMs = now + this.#lifetimes.tokenSeconds * 1000;
    session.lastSeenMs = now;
    return session;
  }

  remember(session: ProxySession, requestId: string, remembered: Remembered): void {
    session.requests.set(requestId, remembered);
    for (const old of session.requests.keys()) {
      if (session.requests.size <= KEPT_REQUESTS) break;
      session.requests.delete(old);
    }
  }
}

export const GONE: Refusal = {
  code: "390111",
  message: "Session no longer exists.  New login required to access the service.",
};
export const EXPIRED: Refusal = { code: "390112", message: "Your session has expired. Please login again." };
export const MASTER_EXPIRED: Refusal = {
  code: "390114",
  message: "Authentication token has expired.  The user must authenticate again.",
};
