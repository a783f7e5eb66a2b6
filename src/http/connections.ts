// Who may be connected: so many in all, so many from one address, and none that waits for long. Where there is no room, the
// one that has waited longest for its next request is closed for a new one: who is silent keeps nobody out.
// Must not know sockets, nor what is asked over them.
import { endedWithin } from "../deadline.ts";
import { clientGroup } from "./client_address.ts";

export interface ConnectionLimits {
  /** Connections of all servers together. */
  readonly total: number;
  /** Connections from one address. */
  readonly perAddress: number;
  /** How long a new connection may take for its first request's headers, milliseconds. */
  readonly headersMs: number;
  /** How long an answer's way and the next request's headers may take together, milliseconds. */
  readonly idleMs: number;
  /** Whether an address speaks for many clients, as a proxy does: it has no limit of its own. */
  readonly isShared?: (address: string) => boolean;
}

/** Where nobody has set others. The headers come in one piece from everybody who is not playing for time. */
export const CONNECTION_LIMITS: ConnectionLimits = { total: 1_000, perAddress: 250, headersMs: 10_000, idleMs: 60_000 };

/** Why a connection is closed. */
export type CloseReason = "total" | "address" | "slow_headers" | "idle" | "descriptors";

/** A connection as the limits see it. */
export class ClientConnection {
  #answering = 0;
  #hasAsked = false;
  /** Since when it has been waiting for a request. */
  #since: number;

  constructor(
    /** What counts as one address. */
    readonly group: string,
    /** Cuts it off; resolves when its socket is closed. */
    readonly close: () => Promise<void>,
    private readonly now: () => number,
  ) {
    this.#since = now();
  }

  /** A request has come, or an answer is made in pieces: it does not wait. */
  begin(): void {
    this.#answering++;
    this.#hasAsked = true;
  }

  /** What began is done. */
  end(): void {
    if (--this.#answering === 0) this.#since = this.now();
  }

  get isWaiting(): boolean {
    return this.#answering === 0;
  }

  get waitingSince(): number {
    return this.#since;
  }

  /** Why it is too late for its next request; `undefined` while it is not. */
  lateness({ headersMs, idleMs }: ConnectionLimits): "slow_headers" | "idle" | undefined {
    if (!this.isWaiting) return undefined;
    const waitedMs = this.now() - this.#since;
    if (!this.#hasAsked) return waitedMs >= headersMs ? "slow_headers" : undefined;
    return waitedMs >= idleMs ? "idle" : undefined;
  }
}

/** How often it is looked who is late. */
const LOOK_EVERY_MS = 1_000;
/** When descriptors run out in spite of the limit others than the servers took them: so long there are fewer connections. */
const SCARCE_MS = 60_000;
/** How many then, of those that there are. */
const SCARCE_SHARE = 0.75;
const MIN_SCARCE = 4;
/**
 * Sockets of closed connections that may still be open beyond the limit while new ones are accepted, and how long those wait
 * for more: who probes the process waits behind them.
 */
const MAX_CLOSING = 8;
const CLOSING_MS = 100;

export interface ConnectionsOptions {
  readonly limits?: ConnectionLimits;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  readonly onClose?: (reason: CloseReason) => void;
}

/** The connections of all servers. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #now: () => number;
  readonly #onClose: (reason: CloseReason) => void;
  readonly #open = new Set<ClientConnection>();
  readonly #perGroup = new Map<string, number>();
  readonly #closing = new Set<Promise<void>>();
  #timer: ReturnType<typeof setInterval> | undefined;
  /** While descriptors are scarce. */
  #scarce: { readonly total: number; readonly until: number } | undefined;

  constructor(
    { limits = CONNECTION_LIMITS, now = () => performance.now(), onClose = () => {} }: ConnectionsOptions = {},
  ) {
    this.#limits = limits;
    this.#now = now;
    this.#onClose = onClose;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Takes a connection in; says why not where every one that could make room is being answered. `close` cuts it off, and
   * resolves when its socket is closed.
   */
  admit(address: string, close: () => Promise<void>): ClientConnection | "total" | "address" {
    const group = clientGroup(address);
    const isShared = this.#limits.isShared?.(address) ?? false;
    const full = !isShared && this.#countOf(group) >= this.#limits.perAddress;
    if (full && !this.#closeLongest("address", group)) return this.#refuse("address");
    if (this.#open.size >= this.#total() && !this.#closeLongest("total")) return this.#refuse("total");
    const connection = new ClientConnection(group, close, this.#now);
    this.#open.add(connection);
    this.#perGroup.set(group, this.#countOf(group) + 1);
    this.#timer ??= setInterval(() => this.closeLate(), LOOK_EVERY_MS);
    return connection;
  }

  /** It is closed. */
  remove(connection: ClientConnection): void {
    if (!this.#open.delete(connection)) return;
    const left = this.#countOf(connection.group) - 1;
    if (left > 0) this.#perGroup.set(connection.group, left);
    else this.#perGroup.delete(connection.group);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Descriptors have run out: gives some back, and takes fewer connections from now on. */
  makeRoom(): void {
    const total = Math.max(MIN_SCARCE, Math.floor(SCARCE_SHARE * Math.min(this.#total(), this.#open.size)));
    this.#scarce = { total, until: this.#now() + SCARCE_MS };
    while (this.#open.size > total && this.#closeLongest("descriptors"));
  }

  /**
   * Resolves when there are descriptors for another connection, those of closed ones counted, which hold theirs until their
   * sockets are closed too; soon in any case.
   */
  async closed(): Promise<void> {
    const room = this.#total() - this.#open.size;
    if (this.#closing.size < MAX_CLOSING + Math.max(0, room)) return;
    await endedWithin(Promise.race(this.#closing), CLOSING_MS);
  }

  #total(): number {
    if (this.#scarce && this.#now() >= this.#scarce.until) this.#scarce = undefined;
    return this.#scarce?.total ?? this.#limits.total;
  }

  /** Closes those whose next request is late. */
  closeLate(): void {
    for (const connection of this.#open) {
      const why = connection.lateness(this.#limits);
      if (why !== undefined) this.#close(connection, why);
    }
  }

  #countOf(group: string): number {
    return this.#perGroup.get(group) ?? 0;
  }

  #refuse<T extends CloseReason>(reason: T): T {
    this.#onClose(reason);
    return reason;
  }

  /** Closes the one that has been waiting longest, of the group when given. */
  #closeLongest(reason: CloseReason, group?: string): boolean {
    let longest: ClientConnection | undefined;
    for (const one of this.#open) {
      if (!one.isWaiting || (group !== undefined && one.group !== group)) continue;
      if (longest === undefined || one.waitingSince < longest.waitingSince) longest = one;
    }
    if (longest) this.#close(longest, reason);
    return longest !== undefined;
  }

  #close(connection: ClientConnection, reason: CloseReason): void {
    this.#onClose(reason);
    // Its place is free at once, whatever the socket takes to close.
    this.remove(connection);
    const closing = connection.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
