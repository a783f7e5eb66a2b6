// One timer for many waits of the same length: setting one up for each of thousands of requests a second costs more than
// checking the requests.

/** A wait under way. */
interface Wait {
  readonly endsAt: number;
  readonly onLate: () => void;
}

/** Waits of `ms` milliseconds each. */
export class Deadlines {
  /** In the order in which they end. */
  readonly #waits = new Set<Wait>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly ms: number) {}

  /** Calls `onLate` when the time is up, unless the function that it returns was called before. */
  start(onLate: () => void): () => void {
    const wait = { endsAt: performance.now() + this.ms, onLate };
    this.#waits.add(wait);
    this.#timer ??= setTimeout(() => this.#look(), this.ms);
    return () => {
      this.#waits.delete(wait);
      if (this.#waits.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #look(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const wait of this.#waits) {
      if (wait.endsAt > now) {
        this.#timer = setTimeout(() => this.#look(), wait.endsAt - now);
        return;
      }
      this.#waits.delete(wait);
      wait.onLate();
    }
  }
}
