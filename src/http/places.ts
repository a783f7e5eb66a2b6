// Places for answers that are made piece by piece as their connection takes them: few at a time, fewer of one address, and
// none for long. Must not know what is answered.
import type { Taker } from "./client_address.ts";

export interface PlaceLimits {
  readonly total: number;
  readonly perAddress: number;
  /** From the first piece to the last, milliseconds. */
  readonly timeoutMs: number;
}

/** A piece that the connection is given at once, UTF-16 characters. */
const PIECE = 64 * 1024;

/** The place of one answer, until it leaves. */
export class Place {
  readonly #abandon = new AbortController();
  readonly #leave: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly client: Taker, private readonly timeoutMs: number, onLeave: () => void) {
    client.connection?.begin();
    this.#leave = () => {
      client.connection?.end();
      onLeave();
    };
  }

  /** Aborted when nobody waits for what comes. */
  get signal(): AbortSignal {
    return this.#abandon.signal;
  }

  /** Gives the place back. */
  leave(): void {
    if (this.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#abandon.abort();
    this.#leave();
  }

  /** `first` and then what `rest` yields; the next is asked for when the connection has taken the last. */
  stream(first: string, rest: AsyncIterator<string, void>): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let text = first;
    this.#timer = setTimeout(() => this.#cutOff(), this.timeoutMs);
    // What `rest` has open is closed whoever leaves first: nobody asks it for more.
    const end = () => void Promise.resolve(rest.return?.()).catch(() => {});
    if (this.signal.aborted) end();
    else this.signal.addEventListener("abort", end, { once: true });
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          if (text === "") {
            const next = await rest.next();
            if (next.done) {
              this.leave();
              return controller.close();
            }
            text = next.value;
          }
          const piece = text.slice(0, PIECE).replace(/[\uD800-\uDBFF]$/, "");
          text = text.slice(piece.length);
          controller.enqueue(encoder.encode(piece));
        } catch (error) {
          this.leave();
          // What has been sent is not whole: the connection must not end as if it were.
          controller.error(error);
        }
      },
      cancel: () => this.leave(),
    }, { highWaterMark: 0 });
  }

  #cutOff(): void {
    this.leave();
    void this.client.connection?.close();
  }
}

/** The places for answers of one kind. */
export class Places {
  readonly #open = new Set<Place>();

  constructor(readonly limits: PlaceLimits) {}

  /** Takes a place; `undefined` when there is none, in all or for the address. */
  enter(client: Taker): Place | undefined {
    const { total, perAddress, timeoutMs } = this.limits;
    const neighbours = [...this.#open].filter((place) => place.client.address === client.address);
    if (this.#open.size >= total || neighbours.length >= perAddress) return undefined;
    const place: Place = new Place(client, timeoutMs, () => this.#open.delete(place));
    this.#open.add(place);
    return place;
  }
}
