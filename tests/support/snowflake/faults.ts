// What can go wrong on the way to Snowflake, asked for by tests: each fault waits for the requests it is meant for.

/** Requests of Snowpipe Streaming. */
export type StreamingRequest = "hostname" | "scoped token" | "open" | "append" | "channel status" | "drop";

/** Which requests: statements by default. */
export interface Aim {
  /** Statements whose text matches (case is ignored in a string, which need only be contained); of streaming, the path. */
  readonly statement?: string | RegExp;
  /** Instead of statements. */
  readonly request?: "login" | "renew" | "heartbeat" | "close" | "chunk" | StreamingRequest;
  readonly session?: string;
  /** Requests that match but are let through first. Default 0. */
  readonly skip?: number;
  /** How many requests meet the fault. Default 1; `Infinity` until it is removed. */
  readonly times?: number;
}

export type Fault =
  /** An HTTP status instead of an answer; nothing is executed. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfterSeconds?: number }
  /** Of a part of a result: it ends after half of it, with its connection or without. */
  | { readonly kind: "torn"; readonly isCut: boolean }
  /** Of a part of a result: it is never answered. */
  | { readonly kind: "silent" }
  /** The connection is cut before the statement is executed. */
  | { readonly kind: "cut_before" }
  /**
   * The statement is executed and its answer lost. The driver's retry of the same request id is answered with what was
   * lost (as documented), run again (as users report), or met by a session that is gone (rolled back, if it was open).
   */
  | { readonly kind: "cut_after"; readonly retry?: "answered" | "run_again" | "dead_session" }
  /** 390112: the session token is expired; the driver renews it and sends the statement again. */
  | { readonly kind: "token_expired" }
  /** 390111: the session is gone and its transaction with it. */
  | { readonly kind: "session_gone" }
  /** 390112, and the renewal is answered with 390114. */
  | { readonly kind: "master_token_expired" }
  /** The statement takes longer by so much; it can be cancelled and times out while it does. */
  | { readonly kind: "slow"; readonly ms: number }
  /** An SQL error instead of executing the statement. */
  | { readonly kind: "error"; readonly code: string; readonly sqlState: string; readonly message: string }
  /** The transaction is rolled back by the server before the statement. */
  | { readonly kind: "transaction_aborted" }
  /** Of Snowpipe Streaming: after the request, the service loses all rows that it has taken and not stored. */
  | { readonly kind: "lost_under_way" };

export interface Injected {
  /** How many requests met it so far. */
  readonly hits: number;
  remove(): void;
}

export interface Target {
  readonly request: "statement" | "login" | "renew" | "heartbeat" | "close" | "chunk" | StreamingRequest;
  readonly text: string;
  readonly session: string;
}

class Waiting implements Injected {
  hits = 0;
  removed = false;
  #seen = 0;

  constructor(readonly fault: Fault, readonly aim: Aim) {}

  take(target: Target): boolean {
    const { aim } = this;
    if (this.removed || this.hits >= (aim.times ?? 1)) return false;
    if ((aim.request ?? "statement") !== target.request) return false;
    if (aim.session !== undefined && aim.session !== target.session) return false;
    if (aim.statement !== undefined && !matches(target.text, aim.statement)) return false;
    if (this.#seen++ < (aim.skip ?? 0)) return false;
    this.hits++;
    return true;
  }

  remove(): void {
    this.removed = true;
  }
}

function matches(text: string, wanted: string | RegExp): boolean {
  return typeof wanted === "string" ? text.toUpperCase().includes(wanted.toUpperCase()) : wanted.test(text);
}

export class Faults {
  #waiting: Waiting[] = [];

  add(fault: Fault, aim: Aim = {}): Injected {
    const waiting = new Waiting(fault, aim);
    this.#waiting.push(waiting);
    return waiting;
  }

  clear(): void {
    for (const waiting of this.#waiting) waiting.remove();
    this.#waiting = [];
  }

  /** The fault that this request meets, if any; the oldest first. */
  take(target: Target): Fault | undefined {
    return this.#waiting.find((waiting) => waiting.take(target))?.fault;
  }
}
