// A mailbox of one place: a subscription puts its present generation in, who awaits the next takes it out. Knows nothing of logs.

/** One producer offers, withdraws or closes; one consumer awaits the next. */
export class Mailbox<T> {
  #offered: T | undefined;
  #waiter: PromiseWithResolvers<T> | undefined;
  #closed: { readonly reason: unknown } | undefined;

  /** Gives `value` to the waiter, or keeps it for the next one. */
  offer(value: T): void {
    if (this.#closed !== undefined) return;
    if (this.#waiter === undefined) {
      this.#offered = value;
      return;
    }
    this.#waiter.resolve(value);
    this.#waiter = undefined;
  }

  /** Takes back what nobody has taken yet. */
  withdraw(): void {
    this.#offered = undefined;
  }

  /** From now on `next` rejects with `reason`. The first reason stays. */
  close(reason: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = { reason };
    this.#offered = undefined;
    this.#waiter?.promise.catch(() => {});
    this.#waiter?.reject(reason);
    this.#waiter = undefined;
  }

  /** The next value offered. Rejects when closed. */
  next(): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed.reason);
    if (this.#offered !== undefined) {
      const offered = this.#offered;
      this.#offered = undefined;
      return Promise.resolve(offered);
    }
    this.#waiter ??= Promise.withResolvers<T>();
    return this.#waiter.promise;
  }
}
