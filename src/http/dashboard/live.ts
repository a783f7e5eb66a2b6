// One stream of server-sent events for each browser. A client that reads slowly, or sleeps, holds at most the newest event of
// each topic: an event tells all there is to know, so the newest replaces what has not been sent yet.
// One that takes nothing for long is cut off, and no address has more than its share of the places.
// Our own: a stream of hono's queues what a slow client has not taken.
// Must not know what the events are about.

import type { Taker } from "../client_address.ts";

/** An event's topic and its data as JSON text. */
interface LiveEvent {
  readonly id: number;
  readonly topic: string;
  readonly essence: string;
  readonly data: string;
}

export interface LiveOptions {
  /** Topics that there are. */
  readonly topics: readonly string[];
  /** Called every `everyMs` while somebody listens, with the topics that somebody listens to. Calls do not overlap. */
  readonly look: (topics: ReadonlySet<string>) => Promise<void>;
  readonly everyMs: number;
  readonly heartbeatMs: number;
  readonly maxClients: number;
  /** Of one address. */
  readonly maxClientsPerAddress: number;
}

/** A client that takes nothing for so many heartbeats is not there any more. */
const MISSED_HEARTBEATS = 3;

class Viewer {
  readonly topics: ReadonlySet<string>;
  /** Since when something has been ready that the connection does not take; `undefined` while it takes all. */
  #untakenSince: number | undefined = performance.now();
  readonly #pending = new Map<string, LiveEvent>();
  #wake: (() => void) | undefined;
  closed = false;

  constructor(topics: ReadonlySet<string>, readonly listener: Taker) {
    this.topics = topics;
    listener.connection?.begin();
  }

  /** Whether its connection has taken nothing for so long. */
  isStalled(afterMs: number): boolean {
    return this.#untakenSince !== undefined && performance.now() - this.#untakenSince >= afterMs;
  }

  offer(event: LiveEvent): void {
    if (!this.topics.has(event.topic)) return;
    this.#pending.delete(event.topic);
    this.#pending.set(event.topic, event);
    this.#wake?.();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.listener.connection?.end();
    this.#pending.clear();
    this.#wake?.();
  }

  /** What is to be sent; waits for something, `heartbeatMs` at most. */
  async next(heartbeatMs: number): Promise<readonly LiveEvent[]> {
    this.#untakenSince = undefined;
    if (this.#pending.size === 0 && !this.closed) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      const timer = setTimeout(woken.resolve, heartbeatMs);
      await woken.promise;
      clearTimeout(timer);
      this.#wake = undefined;
    }
    this.#untakenSince = performance.now();
    const events = [...this.#pending.values()];
    this.#pending.clear();
    return events;
  }
}

/** Sends events to everybody who listens; looks for news only while somebody does. */
export class Live implements Disposable {
  readonly #options: LiveOptions;
  readonly #clients = new Set<Viewer>();
  /** The newest event of each topic. */
  readonly #latest = new Map<string, LiveEvent>();
  /** Tells the events of this process from those of another with the same numbers. */
  readonly #run = crypto.randomUUID().slice(0, 8);
  #id = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #sweeper: ReturnType<typeof setInterval> | undefined;
  #looking = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Sends the data if it differs from what was last sent; `essence` is the part of it that a difference is made of. */
  publish(topic: string, data: unknown, essence: unknown = data): void {
    const text = JSON.stringify(essence);
    if (this.#latest.get(topic)?.essence === text) return;
    const event = { id: ++this.#id, topic, essence: text, data: essence === data ? text : JSON.stringify(data) };
    this.#latest.set(topic, event);
    for (const client of this.#clients) client.offer(event);
  }

  /**
   * The response to one browser: first what is newer than `lastEventId`, then what comes. `undefined` when there are too
   * many already, in all or of its address.
   */
  open(
    topics: readonly string[],
    lastEventId: string | undefined,
    listener: Taker,
  ): ReadableStream<Uint8Array> | undefined {
    const { maxClients, maxClientsPerAddress } = this.#options;
    const neighbours = [...this.#clients].filter((client) => client.listener.address === listener.address);
    if (this.#clients.size >= maxClients || neighbours.length >= maxClientsPerAddress) return undefined;
    const client = new Viewer(new Set(topics.filter((topic) => this.#options.topics.includes(topic))), listener);
    const seen = this.#seen(lastEventId);
    for (const event of this.#latest.values()) if (event.id > seen) client.offer(event);
    this.#add(client);
    return this.#stream(client);
  }

  #stream(client: Viewer): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let greeted = false;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        // A browser learns that it is connected before there is anything to tell.
        if (!greeted) {
          greeted = true;
          return controller.enqueue(encoder.encode("retry: 2000\n\n"));
        }
        const events = await client.next(this.#options.heartbeatMs);
        if (client.closed) return controller.close();
        controller.enqueue(
          encoder.encode(events.length === 0 ? ": still here\n\n" : events.map(textOf(this.#run)).join("")),
        );
      },
      cancel: () => this.#remove(client),
      // Nothing is made before the connection takes it.
    }, { highWaterMark: 0 });
  }

  #seen(lastEventId: string | undefined): number {
    const [run, id] = (lastEventId ?? "").split("-");
    return run === this.#run && /^\d+$/.test(id ?? "") ? Number(id) : 0;
  }

  #add(client: Viewer): void {
    this.#clients.add(client);
    this.#sweeper ??= setInterval(() => this.#dropStalled(), this.#options.heartbeatMs);
    this.#timer ??= setInterval(() => this.#look(), this.#options.everyMs);
    this.#look();
  }

  #remove(client: Viewer): void {
    client.close();
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    clearInterval(this.#sweeper);
    this.#timer = this.#sweeper = undefined;
  }

  #dropStalled(): void {
    for (const client of [...this.#clients]) {
      if (!client.isStalled(MISSED_HEARTBEATS * this.#options.heartbeatMs)) continue;
      this.#remove(client);
      // What it has not taken cannot be ended in good order.
      void client.listener.connection?.close();
    }
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#options.look(new Set([...this.#clients].flatMap(({ topics }) => [...topics])));
    } finally {
      this.#looking = false;
    }
  }

  /** Ends every stream; the browsers come back by themselves. */
  [Symbol.dispose](): void {
    for (const client of [...this.#clients]) this.#remove(client);
  }
}

const textOf = (run: string) => ({ id, topic, data }: LiveEvent): string =>
  `id: ${run}-${id}\nevent: ${topic}\ndata: ${data}\n\n`;
