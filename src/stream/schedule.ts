import TinyQueue from "tinyqueue";

interface Due<T> {
  readonly due: number;
  readonly item: T;
}

const earlier = (a: Due<unknown>, b: Due<unknown>) => a.due - b.due;

/** Items that are due when event time reaches a time of theirs. */
export class Schedule<T> {
  #queue = new TinyQueue<Due<T>>([], earlier);

  /** How many items there are. */
  get size(): number {
    return this.#queue.length;
  }

  /** `due` in epoch milliseconds. */
  add(due: number, item: T): void {
    this.#queue.push({ due, item });
  }

  /** Drops the items for which `keeps` does not hold. */
  keep(keeps: (item: T) => boolean): void {
    this.#queue = new TinyQueue(this.#queue.data.filter(({ item }) => keeps(item)), earlier);
  }

  /** Takes out the items that are due at `now` or before, earliest first. Items added meanwhile wait for the next call. */
  due(now: number): T[] {
    const items: T[] = [];
    for (let next = this.#queue.peek(); next && next.due <= now; next = this.#queue.peek()) {
      items.push(this.#queue.pop()!.item);
    }
    return items;
  }
}
