// The copies on their way to the dead letter topic. A commit waits for them for a moment, and no longer: a topic whose broker
// is away gets them when it is back.

import type { Clock } from "../clock.ts";
import { isRetriable } from "../errors.ts";
import { sizeOf } from "./ingest.ts";
import type { Copies, DeadLetterCopy, DeadLetterTopic } from "./dead_letter_topic.ts";

/** How long a commit waits for its copies, milliseconds. */
const PATIENCE_MS = 1_000;
/** A topic that cannot be reached is tried again after so long, milliseconds. */
const RETRY_MS = 500;
/** How long the copies that still wait are waited for when a run ends, milliseconds. */
const LAST_PATIENCE_MS = 5_000;
/** Copies that may wait, bytes. What a commit finds too much is left out: the rows are in DEAD_LETTERS. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Is told what becomes of copies that the topic does not have as they were. */
export interface CopiesListener {
  /** Some were cut, or left out for good. */
  changed(copies: Copies): void;
  /** So many wait, because the topic cannot be reached: said at each attempt. */
  waiting(count: number, why: string): void;
}

interface Entry {
  readonly copies: readonly DeadLetterCopy[];
  readonly bytes: number;
}

/** The copies of a domain, in order, for as long as the domain runs. */
export class DeadLetterCopies {
  readonly #waiting: Entry[] = [];
  #bytes = 0;
  #sending: Promise<void> | undefined;
  #stop = new AbortController();
  /** What cannot be mended by trying again: the next call rejects with it. */
  #failure: { readonly error: unknown } | undefined;
  /** The topic could not be reached, and has taken nothing since. */
  #isAway = false;

  constructor(
    private readonly topic: Pick<DeadLetterTopic, "send">,
    private readonly clock: Clock,
    private readonly listener: CopiesListener,
  ) {}

  /**
   * Sends copies, each at least once unless the topic refuses it. Resolves when the topic has them, or after a moment, and then
   * they go on being tried; at once while the topic is known to be away. Rejects with a failure that trying again cannot help.
   */
  async send(copies: readonly DeadLetterCopy[]): Promise<void> {
    if (copies.length > 0) this.#add(copies);
    if (!this.#isAway) await this.#done(PATIENCE_MS);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }

  /** Waits a little for what is on its way still; the rest is left out. It can be used again afterwards. */
  async close(): Promise<void> {
    await this.#done(LAST_PATIENCE_MS);
    this.#stop.abort();
    this.#stop = new AbortController();
    const count = this.#waitingCopies;
    this.#waiting.length = 0;
    this.#bytes = 0;
    this.#isAway = false;
    this.#sending = undefined;
    if (count > 0) {
      this.listener.changed({ cut: 0, leftOut: count, why: "it could not be reached until the run ended" });
    }
  }

  get #waitingCopies(): number {
    return this.#waiting.reduce((sum, { copies }) => sum + copies.length, 0);
  }

  #add(copies: readonly DeadLetterCopy[]): void {
    const bytes = copies.reduce((sum, { record }) => sum + sizeOf(record), 0);
    if (this.#waiting.length > 0 && this.#bytes + bytes > MAX_WAITING_BYTES) {
      const why = "it cannot be reached, and too many wait for it";
      this.listener.changed({ cut: 0, leftOut: copies.length, why });
      return;
    }
    this.#waiting.push({ copies, bytes });
    this.#bytes += bytes;
    if (this.#sending) return;
    const sending = this.#sendAll(this.#stop.signal).finally(() => {
      if (this.#sending === sending) this.#sending = undefined;
    });
    this.#sending = sending;
  }

  /** Resolves when nothing waits any more, or after `ms`. */
  async #done(ms: number): Promise<void> {
    if (!this.#sending) return;
    const waited = new AbortController();
    await Promise.race([this.#sending, this.clock.sleep(ms, waited.signal).catch(() => {})]);
    waited.abort();
  }

  /** Never rejects. */
  async #sendAll(signal: AbortSignal): Promise<void> {
    for (let entry; (entry = this.#waiting[0]) !== undefined;) {
      try {
        const copies = await this.topic.send(entry.copies);
        if (signal.aborted) return;
        this.#isAway = false;
        if (copies.cut + copies.leftOut > 0) this.listener.changed(copies);
      } catch (error) {
        if (signal.aborted) return;
        if (isRetriable(error)) {
          this.#isAway = true;
          this.listener.waiting(this.#waitingCopies, error.message);
          await this.clock.sleep(RETRY_MS, signal).catch(() => {});
          if (signal.aborted) return;
          continue;
        }
        this.#failure = { error };
      }
      this.#waiting.shift();
      this.#bytes -= entry.bytes;
    }
  }
}
