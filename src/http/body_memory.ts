// How many bytes the bodies that are being read may hold together, and those of one client. Must not know requests.

export interface BodyMemoryLimits {
  readonly totalBytes: number;
  /** Of one client: it cannot have all of it. */
  readonly clientBytes: number;
}

export const BODY_MEMORY: BodyMemoryLimits = { totalBytes: 32 * 1024 * 1024, clientBytes: 16 * 1024 * 1024 };

/** Bytes that are lent. */
export class BodyMemory {
  #lent = 0;
  readonly #byClient = new Map<string, number>();

  constructor(readonly limits: BodyMemoryLimits = BODY_MEMORY) {}

  get lent(): number {
    return this.#lent;
  }

  /** Lends bytes to a client, or says that there are not as many. */
  lend(client: string, bytes: number): boolean {
    const has = this.#byClient.get(client) ?? 0;
    if (this.#lent + bytes > this.limits.totalBytes || has + bytes > this.limits.clientBytes) return false;
    this.#lent += bytes;
    this.#byClient.set(client, has + bytes);
    return true;
  }

  /** Takes back what was lent. */
  takeBack(client: string, bytes: number): void {
    this.#lent -= bytes;
    const left = (this.#byClient.get(client) ?? 0) - bytes;
    if (left > 0) this.#byClient.set(client, left);
    else this.#byClient.delete(client);
  }
}
