// Who waits for whom: work in turn, and waiting until nothing runs.

/** Counts what runs, and tells when nothing does. */
export class WaitGroup {
  #running = 0;
  #waiting: (() => void)[] = [];

  begin(): Disposable {
    this.#running++;
    return {
      [Symbol.dispose]: () => {
        if (--this.#running === 0) this.#waiting.splice(0).forEach((resolve) => resolve());
      },
    };
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    using _running = this.begin();
    return await work();
  }

  get isIdle(): boolean {
    return this.#running === 0;
  }

  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** Runs work one after the other. */
export function mutex(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };
}
