// The one stream of changes from the server: the state of the pipelines, alerts, and every panel that a part of the page follows.
// Open only while the page is to be seen. What the page follows lies in the stream's address, so with another panel it is opened
// anew, and the server is told what is here already.
import { applyDelta } from "../delta.ts";
import type { LiveData, LiveEvents, LivePanel } from "../protocol.ts";

export type LiveState = "connecting" | "live" | "paused";

/** The newest event of each topic. */
export interface LiveNews {
  readonly state: LiveState;
  readonly news: Partial<LiveEvents>;
}

export interface LivePlan {
  readonly topics: readonly string[];
  /** Seconds between two looks at the panels; 0: whenever their tables have changed. */
  readonly everyS: number;
  readonly isOpen: boolean;
}

const RETRY_MS = 5_000;
/** A stream that has not begun by then does not come through. */
const PATIENCE_MS = 4_000;
/** The state of the pipelines is told every 5 s: a stream that says nothing for so long has nobody behind it. */
const SILENCE_MS = 20_000;
/** Panels that nobody follows any more are looked at so long still, so that the stream is not opened anew for a moment's sake. */
const LINGER_MS = 3_000;
/** What the server takes. */
const MAX_ASKS = 30;

interface Held {
  /** Of the event that said it. */
  readonly id: string;
  readonly data: unknown;
}

type Follower = (panel: LivePanel) => void;

export class LiveStream {
  readonly #onState: (state: LiveState) => void;
  readonly #onNews: (topic: string, data: unknown) => void;
  readonly #followers = new Map<string, Set<Follower>>();
  /** By topic or panel. */
  readonly #held = new Map<string, Held>();
  /** What is held and has not been told. */
  readonly #untold = new Set<string>();
  readonly #tellSoon: () => void;
  #plan: LivePlan = { topics: [], everyS: 0, isOpen: false };
  /** Topics and panels of the stream that is open. */
  #told: readonly string[] = [];
  #opened = "";
  #source: EventSource | undefined;
  /** Until the stream is opened with what the page follows now. */
  #settling: ReturnType<typeof setTimeout> | undefined;
  /** Until a stream that does not begin is given up, or one that was refused is asked for again. */
  #patience: ReturnType<typeof setTimeout> | undefined;
  /** Until a stream that says nothing is given up. */
  #silence: ReturnType<typeof setTimeout> | undefined;
  #hasFailed = false;
  /** Called when the stream does not come: whoever follows must ask. */
  onFailure = () => {};

  /** `soon` is given what tells the page, and returns what has it called a little later. Left out, the page is told at once. */
  constructor(
    onState: (state: LiveState) => void,
    onNews: (topic: string, data: unknown) => void,
    soon: (tell: () => void) => () => void = (tell) => tell,
  ) {
    this.#onState = onState;
    this.#onNews = onNews;
    this.#tellSoon = soon(() => this.#tell());
  }

  /** Whether a panel that is followed is told by the stream, so that nobody needs to ask. */
  carries(ask: string): boolean {
    return this.#plan.isOpen && !this.#hasFailed && this.#wanted().asks.includes(ask);
  }

  /** What the page is and whether it is seen. */
  set plan(plan: LivePlan) {
    this.#plan = plan;
    this.#settle(0);
  }

  /** Is told of a panel, `domain/panel?parameters`, now and whenever it changes. Returns what ends it. */
  follow(ask: string, follower: Follower): () => void {
    const all = this.#followers.get(ask) ?? new Set();
    this.#followers.set(ask, all.add(follower));
    const held = this.#held.get(ask);
    if (held !== undefined && this.#told.includes(ask)) follower(held.data as LivePanel);
    this.#settle(0);
    return () => {
      all.delete(follower);
      if (all.size > 0) return;
      if (this.#followers.get(ask) === all) this.#followers.delete(ask);
      this.#settle(LINGER_MS);
    };
  }

  close(): void {
    // The page may be rendering just now, when nobody may be told.
    if (this.#untold.size > 0) queueMicrotask(() => this.#tell());
    clearTimeout(this.#settling);
    clearTimeout(this.#patience);
    clearTimeout(this.#silence);
    this.#settling = undefined;
    this.#source?.close();
    this.#source = undefined;
    this.#opened = "";
    this.#told = [];
  }

  /** Opens, closes or leaves the stream as it is, once all that changes now has changed. */
  #settle(afterMs: number): void {
    if (!this.#plan.isOpen) {
      const wasOpen = this.#source !== undefined || this.#settling !== undefined;
      const isAwaited = [...this.#followers.keys()].some((ask) => !this.#held.has(ask));
      this.close();
      this.#hasFailed = false;
      return queueMicrotask(() => {
        this.#onState("paused");
        // What was to come by the stream is asked for once.
        if (wasOpen && isAwaited) this.onFailure();
      });
    }
    const { asks, key } = this.#wanted();
    if (key === this.#opened) return;
    const isMore = asks.some((ask) => !this.#told.includes(ask));
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#open(), isMore ? 0 : afterMs);
  }

  #wanted() {
    const { topics, everyS } = this.#plan;
    const asks = [...this.#followers.keys()].slice(0, MAX_ASKS);
    return { topics, asks, everyS, key: JSON.stringify([topics, [...asks].sort(), everyS]) };
  }

  #open(): void {
    const { topics, asks, everyS, key } = this.#wanted();
    this.#settling = undefined;
    if (!this.#plan.isOpen || key === this.#opened) return;
    const isFirst = this.#source === undefined;
    this.close();
    if (isFirst) this.#onState("connecting");
    this.#opened = key;
    this.#told = [...topics, ...asks];
    for (const name of this.#held.keys()) if (!this.#told.includes(name)) this.#held.delete(name);
    const source = this.#source = new EventSource(`/api/live?${this.#query(topics, asks, everyS)}`);
    this.#patience = setTimeout(() => this.#fail(), PATIENCE_MS);
    source.onopen = () => {
      clearTimeout(this.#patience);
      this.#awaitNext();
      if (this.#hasFailed) this.#tellWhatIsHeld();
      this.#hasFailed = false;
      this.#onState("live");
    };
    source.onerror = () => {
      this.#fail();
      // It comes back by itself, except after an answer that is not a stream.
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(this.#patience);
      this.#patience = setTimeout(() => this.#openAgain(), RETRY_MS);
    };
    for (const topic of topics) source.addEventListener(topic, (event) => this.#take(topic, event));
    for (const [n, ask] of asks.entries()) source.addEventListener(`ask-${n}`, (event) => this.#take(ask, event));
  }

  #query(topics: readonly string[], asks: readonly string[], everyS: number): URLSearchParams {
    const query = new URLSearchParams([
      ...topics.map((topic) => ["topic", topic]),
      ...asks.map((ask) => ["ask", ask]),
    ]);
    if (asks.length > 0) query.set("every", String(everyS));
    const ids = this.#told.map((name) => this.#held.get(name)?.id ?? "");
    if (ids.some((id) => id !== "")) query.set("have", ids.join(","));
    return query;
  }

  #awaitNext(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#fail();
      this.#openAgain();
    }, SILENCE_MS);
  }

  #openAgain(): void {
    this.close();
    this.#open();
  }

  /** Whoever asked in vain meanwhile says so: what has not changed is not sent again. */
  #tellWhatIsHeld(): void {
    for (const ask of this.#followers.keys()) if (this.#told.includes(ask)) this.#untold.add(ask);
    this.#tell();
  }

  #fail(): void {
    this.#onState("connecting");
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    // What came before is told before anybody asks: an answer to that is newer.
    this.#tell();
    this.onFailure();
  }

  #take(name: string, { data: text, lastEventId }: MessageEvent<string>): void {
    this.#awaitNext();
    const sent = JSON.parse(text) as LiveData;
    const held = this.#held.get(name);
    if (!("is" in sent) && held?.id !== `${lastEventId.split("-")[0]}-${sent.from}`) {
      // It is a change of something that is not here: all of it is asked for.
      this.#held.delete(name);
      return this.#openAgain();
    }
    const data = "is" in sent ? sent.is : applyDelta(held!.data, sent.delta);
    this.#held.set(name, { id: lastEventId, data });
    this.#untold.add(name);
    // Somebody waits for the first of each.
    if (held === undefined) this.#tell();
    else this.#tellSoon();
  }

  /** Tells the newest of each that has changed. */
  #tell(): void {
    const names = [...this.#untold];
    this.#untold.clear();
    for (const name of names) {
      const held = this.#held.get(name);
      if (held === undefined) continue;
      const followers = this.#followers.get(name);
      if (followers === undefined) this.#onNews(name, held.data);
      else for (const follower of followers) follower(held.data as LivePanel);
    }
  }
}
