// Looks after who leads the partitions of a topic: again when somebody misses a leader, with a back-off, and now and then
// because partitions may have been added. Never gives up while brokers are away. Knows nothing of groups or records.

import { type FreshetError, TopicMissingError } from "../../../errors.ts";
import { Wakeup } from "../../wakeup.ts";
import { withDeadline } from "../deadline.ts";
import { type Client, isHopeless } from "./client.ts";
import type { Cluster, TopicView } from "./cluster.ts";

const CLOSE_PATIENCE_MS = 2_000;
const BACKOFF_MS = { first: 100, most: 1_000 };
/** A broker that has just started may not know a topic yet: it is missing when this many looks in a row say so. */
const LOOKS_UNTIL_MISSING = 4;

export interface WatchListener {
  /** Told of each look; says whether a partition still misses its leader, which is then looked for again. */
  seen(view: TopicView): boolean;
  /** No broker answers. */
  unseen(error: FreshetError): void;
  /** Trying again cannot help: the topic is gone, or the login is refused. */
  failed(error: FreshetError): void;
}

export class TopicWatch implements AsyncDisposable {
  readonly #wakeup: Wakeup;
  readonly #watching: Promise<void>;
  #view: TopicView | undefined;
  #wanted = true;
  #closed = false;

  constructor(
    readonly client: Client,
    readonly cluster: Cluster,
    readonly topic: string,
    readonly listener: WatchListener,
  ) {
    this.#wakeup = new Wakeup(client.clock);
    this.#watching = this.#watch();
  }

  /** The latest view; undefined until a broker has answered. */
  get view(): TopicView | undefined {
    return this.#view;
  }

  /** Somebody misses a leader. */
  lookAgain(): void {
    this.#wanted = true;
    this.#wakeup.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#wakeup.wake();
    // A broker that does not answer holds up no ending; what still waits for it ends with the log's connections.
    await withDeadline(this.#watching, CLOSE_PATIENCE_MS, "Ending the look-ups").catch(() => {});
  }

  async #watch(): Promise<void> {
    let backoffMs: number = BACKOFF_MS.first;
    let missing = 0;
    while (!this.#closed) {
      this.#wanted = false;
      try {
        const view = await this.cluster.view(this.topic);
        if (this.#closed) return;
        this.#view = view;
        missing = 0;
        if (this.listener.seen(view)) this.#wanted = true;
        else backoffMs = BACKOFF_MS.first;
      } catch (thrown) {
        if (this.#closed) return;
        const error = this.client.error(thrown, { topics: [this.topic] });
        const isGone = error instanceof TopicMissingError && ++missing >= LOOKS_UNTIL_MISSING;
        if (isGone || (isHopeless(error) && !(error instanceof TopicMissingError))) return this.listener.failed(error);
        if (!(error instanceof TopicMissingError)) this.listener.unseen(error);
        this.#wanted = true;
      }
      backoffMs = await this.#pause(backoffMs);
    }
  }

  /** Waits for the next look; returns the next back-off. */
  async #pause(backoffMs: number): Promise<number> {
    if (!this.#wanted) await this.#wakeup.wait(this.client.settings.metadataMaxAgeMs);
    if (!this.#wanted || this.#closed) return BACKOFF_MS.first;
    await this.client.clock.sleep(backoffMs);
    return Math.min(backoffMs * 2, BACKOFF_MS.most);
  }
}
