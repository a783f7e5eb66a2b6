// `GET /api/live`: one stream of server-sent events for each browser. A client that reads slowly, or sleeps, holds at most the
// newest version of each topic: a version tells all there is to know, so the newest replaces what has not been sent yet. Of a
// topic of which a client has a version it is sent what has changed since.
// One that takes nothing for long is cut off, and no address has more than its share of the places.
// Our own: a stream of hono's queues what a slow client has not taken.
// Must not know what the events say: who has news publishes it.

import { createHash } from "node:crypto";
import type { Context, Hono } from "hono";
import { clientOf, type Taker } from "../client_address.ts";
import { deltaOf } from "./delta.ts";
import { failure } from "./failure.ts";
import { MAX_ASKED, panelTopic } from "./panel_answers.ts";
import type { LiveData } from "./protocol.ts";

/** What a topic said at one time. */
class Version {
  /** What makes this of an older version, as text. */
  readonly #since = new WeakMap<Version, string>();

  constructor(
    readonly id: number,
    readonly topic: string,
    readonly data: unknown,
    /** The part of the data that a difference is made of. */
    readonly essence: unknown,
    readonly digest: string,
  ) {}

  /** As the data of an event for who has `known`. */
  textFor(known: Version | undefined): string {
    if (known === undefined) return JSON.stringify({ is: this.data } satisfies LiveData);
    const made = this.#since.get(known) ??
      JSON.stringify({ from: known.id, delta: deltaOf(known.data, this.data) ?? { in: {} } } satisfies LiveData);
    this.#since.set(known, made);
    return made;
  }
}

export interface LiveOptions {
  /** Called every `everyMs` while somebody listens, with the topics that somebody listens to. Calls do not overlap. */
  readonly look: (topics: ReadonlySet<string>) => Promise<void>;
  /** Called as often, whether or not a look is under way, and once more when the last one leaves. */
  readonly tick?: (topics: ReadonlySet<string>) => void;
  readonly everyMs: number;
  readonly heartbeatMs: number;
  readonly maxClients: number;
  /** Of one address. */
  readonly maxClientsPerAddress: number;
}

/** What a browser wants to be told. */
export interface Wanted {
  /** Topics, each with the name that its events have for this browser. */
  readonly topics: ReadonlyMap<string, string>;
  /** Ids of the events that it has, by topic. */
  readonly have?: ReadonlyMap<string, string>;
}

/** A client that takes nothing for so many heartbeats is not there any more. */
const MISSED_HEARTBEATS = 3;
/** Versions that are kept of topics that nobody listens to any more: somebody who comes back has them. */
const MAX_LEFT = 200;

class Viewer {
  readonly topics: ReadonlyMap<string, string>;
  /** Since when something has been ready that the connection does not take; `undefined` while it takes all. */
  #untakenSince: number | undefined = performance.now();
  readonly #pending = new Map<string, Version>();
  /** What it has of each topic. */
  readonly #has = new Map<string, Version>();
  #wake: (() => void) | undefined;
  closed = false;

  constructor(topics: ReadonlyMap<string, string>, readonly listener: Taker) {
    this.topics = topics;
    listener.connection?.begin();
  }

  /** Whether its connection has taken nothing for so long. */
  isStalled(afterMs: number): boolean {
    return this.#untakenSince !== undefined && performance.now() - this.#untakenSince >= afterMs;
  }

  /** It need not be told what it has. */
  has(version: Version): void {
    this.#has.set(version.topic, version);
  }

  offer(version: Version): void {
    const { topic } = version;
    if (!this.topics.has(topic)) return;
    this.#pending.delete(topic);
    if (this.#has.get(topic) === version) return;
    this.#pending.set(topic, version);
    this.#wake?.();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.listener.connection?.end();
    this.#pending.clear();
    this.#wake?.();
  }

  /** The events that are to be sent; waits for something, `heartbeatMs` at most. */
  async next({ heartbeatMs, run }: { readonly heartbeatMs: number; readonly run: string }): Promise<string> {
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
    const texts = [...this.#pending.values()].map((version) => {
      const data = version.textFor(this.#has.get(version.topic));
      this.#has.set(version.topic, version);
      return `id: ${run}-${version.id}\nevent: ${this.topics.get(version.topic)}\ndata: ${data}\n\n`;
    });
    this.#pending.clear();
    return texts.join("");
  }
}

/** Sends events to everybody who listens; looks for news only while somebody does. */
export class Live implements Disposable {
  readonly #options: LiveOptions;
  readonly #clients = new Set<Viewer>();
  /** The newest version of each topic. */
  readonly #latest = new Map<string, Version>();
  /** The same of topics that nobody listens to any more, those that were left first come first. */
  readonly #left = new Map<string, Version>();
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

  /** What a browser is told for which there is no room. */
  get fullText(): string {
    const { maxClients, maxClientsPerAddress } = this.#options;
    return `At most ${maxClients} browsers are told of changes at a time, ${maxClientsPerAddress} of one address`;
  }

  /** Sends the data if it differs from what was last sent; `essence` is the part of it that a difference is made of. */
  publish(topic: string, data: unknown, essence: unknown = data): void {
    const before = this.#latest.get(topic) ?? this.#left.get(topic);
    const version = this.#versionOf(before, { topic, data, essence });
    this.#left.delete(topic);
    // Whoever has asked for it may be gone.
    if (![...this.#clients].some((client) => client.topics.has(topic))) return this.#keep(version);
    this.#latest.set(topic, version);
    for (const client of this.#clients) client.offer(version);
  }

  #versionOf(
    before: Version | undefined,
    { topic, data, essence }: { readonly topic: string; readonly data: unknown; readonly essence: unknown },
  ): Version {
    // Shared answers are the very same.
    if (before !== undefined && before.essence === essence) return before;
    const digest = createHash("sha256").update(JSON.stringify(essence) ?? "").digest("base64");
    return before?.digest === digest ? before : new Version(++this.#id, topic, data, essence, digest);
  }

  /**
   * The response to one browser: first what it does not have yet, then what comes. `undefined` when there are too many
   * already, in all or of its address.
   */
  open(wanted: Wanted, listener: Taker): ReadableStream<Uint8Array> | undefined {
    const { maxClients, maxClientsPerAddress } = this.#options;
    const neighbours = [...this.#clients].filter((client) => client.listener.address === listener.address);
    if (this.#clients.size >= maxClients || neighbours.length >= maxClientsPerAddress) return undefined;
    const client = new Viewer(wanted.topics, listener);
    for (const topic of wanted.topics.keys()) {
      const version = this.#latest.get(topic) ?? this.#left.get(topic);
      if (version === undefined) continue;
      if (this.#isWith(version, wanted)) client.has(version);
      // What nobody has listened to is looked at anew first.
      else if (this.#latest.has(topic)) client.offer(version);
    }
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
        const text = await client.next({ heartbeatMs: this.#options.heartbeatMs, run: this.#run });
        if (client.closed) return controller.close();
        controller.enqueue(encoder.encode(text === "" ? ": still here\n\n" : text));
      },
      cancel: () => this.#remove(client),
      // Nothing is made before the connection takes it.
    }, { highWaterMark: 0 });
  }

  /** Whether a browser has this version. */
  #isWith({ id, topic }: Version, { have }: Wanted): boolean {
    // Who comes back by itself says what it had at first, and may be sent again what it has got since.
    return have?.get(topic) === `${this.#run}-${id}`;
  }

  #add(client: Viewer): void {
    this.#clients.add(client);
    this.#sweeper ??= setInterval(() => this.#dropStalled(), this.#options.heartbeatMs);
    this.#timer ??= setInterval(() => this.#look(), this.#options.everyMs);
    this.#look();
  }

  #remove(client: Viewer): void {
    client.close();
    if (!this.#clients.delete(client)) return;
    const topics = this.#topics();
    for (const topic of client.topics.keys()) if (!topics.has(topic)) this.#leave(topic);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    clearInterval(this.#sweeper);
    this.#timer = this.#sweeper = undefined;
    this.#options.tick?.(topics);
  }

  #leave(topic: string): void {
    const version = this.#latest.get(topic);
    if (version === undefined) return;
    this.#latest.delete(topic);
    this.#keep(version);
  }

  #keep(version: Version): void {
    this.#left.set(version.topic, version);
    for (const oldest of this.#left.keys()) {
      if (this.#left.size <= MAX_LEFT) break;
      this.#left.delete(oldest);
    }
  }

  #dropStalled(): void {
    for (const client of [...this.#clients]) {
      if (!client.isStalled(MISSED_HEARTBEATS * this.#options.heartbeatMs)) continue;
      this.#remove(client);
      // What it has not taken cannot be ended in good order.
      void client.listener.connection?.close();
    }
  }

  #topics(): ReadonlySet<string> {
    return new Set([...this.#clients].flatMap(({ topics }) => [...topics.keys()]));
  }

  async #look(): Promise<void> {
    const topics = this.#topics();
    this.#options.tick?.(topics);
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#options.look(topics);
    } finally {
      this.#looking = false;
    }
  }

  /** Ends every stream; the browsers come back by themselves. */
  [Symbol.dispose](): void {
    for (const client of [...this.#clients]) this.#remove(client);
  }
}

/** Seconds between two looks at a panel, unless told. */
const EVERY_S = 5;
const MOST_EVERY_S = 3600;

/**
 * `GET /api/live?topic=…&ask=…&every=…&have=…`: `topic` is one of the `news`, `ask` a panel as `GET /api/panels`
 * takes it, looked at every so many seconds (0: whenever its tables have changed), `have` the ids of the events that the
 * browser has of each of these, with commas between them.
 */
export function liveRoute(
  app: Hono,
  live: Live,
  { news, addressOf }: { readonly news: ReadonlySet<string>; readonly addressOf: (c: Context) => string },
): void {
  app.get("/api/live", (c) => {
    const asked = c.req.queries("ask") ?? [];
    const everyS = Number(c.req.query("every") ?? EVERY_S);
    if (asked.length > MAX_ASKED || !Number.isInteger(everyS) || everyS < 0 || everyS > MOST_EVERY_S) {
      return failure(
        ...[c, 400, "bad_request"] as const,
        `Say ask=domain/panel?parameters ${MAX_ASKED} times at most, and every=seconds, ${MOST_EVERY_S} at most`,
      );
    }
    const named = (c.req.queries("topic") ?? []).map((topic) => ({ topic, name: topic }));
    const panels = asked.map((ask, n) => ({ topic: panelTopic(ask, everyS), name: `ask-${n}` }));
    const ids = (c.req.query("have") ?? "").split(",");
    const wanted = [...named, ...panels].map((one, n) => ({ ...one, id: ids[n] ?? "" }))
      .filter(({ topic, name }) => topic !== name || news.has(topic));
    const topics = new Map(wanted.map(({ topic, name }) => [topic, name]));
    const have = new Map(wanted.map(({ topic, id }) => [topic, id]));
    const listener = { address: addressOf(c), connection: clientOf(c).connection };
    const stream = live.open({ topics, have }, listener);
    if (!stream) {
      c.header("retry-after", "30");
      return failure(c, 503, "too_many_viewers", live.fullText);
    }
    return c.body(stream, 200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  });
}
