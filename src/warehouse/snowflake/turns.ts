// Turns at what only one transaction can have: writers of one process wait for each other here, where it costs nothing, and
// not in Snowflake, which lets 20 statements wait for a lock and no more, and each for so long.
// Must not know transactions.

/** A place in line, once it is taken; given back when it is disposed of. */
export interface Ticket extends Disposable {
  /** Resolves when everybody before is done. At once when it was taken before. */
  take(): Promise<void>;
}

export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** A ticket that need not be used. */
  ticket(): Ticket {
    const done = Promise.withResolvers<void>();
    let taken: Promise<void> | undefined;
    return {
      take: () => {
        if (!taken) {
          taken = this.#last;
          this.#last = done.promise;
        }
        return taken;
      },
      [Symbol.dispose]: () => {
        // Whoever did not wait to the end of the line must not let others pass before it is there.
        taken?.then(done.resolve);
      },
    };
  }
}
