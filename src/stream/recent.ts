// What has been made of keys lately, so that it need not be made again; where keys hardly ever come again, nothing is kept.

/** So much is kept; then it begins anew. */
const MOST_KEPT = 4096;
/** So many times it keeps nothing, after less was found than had been kept. */
const PAUSE = 100_000;

/** A store that is emptied when it is full. */
export class Recent<M> {
  /** What is kept. */
  known: M;
  /** How many times something was found, since it was empty. */
  found = 0;
  #kept = 0;
  #pause = 0;

  constructor(private readonly empty: () => M) {
    this.known = empty();
  }

  /** Whether one thing more may be put in. */
  takes(): boolean {
    if (this.#pause > 0) {
      this.#pause--;
      return false;
    }
    if (this.#kept++ < MOST_KEPT) return true;
    if (this.found < MOST_KEPT) this.#pause = PAUSE;
    this.known = this.empty();
    this.#kept = this.found = 0;
    return this.#pause === 0;
  }
}
