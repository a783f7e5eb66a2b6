import TinyQueue from "tinyqueue";

/** Items that are due when event time reaches a time of theirs. */
export class Schedule<T> {
  readonly #queue = new TinyQueue<{ readonly due: number; readonly item: T }>([], (a, b) => a.due - b.due);

  /** `due` in epoch milliseconds. */
  add(due: number, item: T): void {
    this.#queue.push({ due, item });
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
