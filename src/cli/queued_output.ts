// Lines for a pipe that may have no reader: they wait in a queue, and writing never waits for them. What finds the queue full
// is counted and left out. Must not know what is written, nor to which stream.
import { endedWithin } from "../deadline.ts";
import { loggerFor } from "../logging.ts";

/** What may wait, UTF-16 characters: some thousand lines. */
const MAX_QUEUED = 1_000_000;

export interface QueuedOutputOptions {
  /** Writes some of the bytes and resolves with how many. Waits while the reader does not read. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  readonly maxQueued?: number;
}

/** Writes in order, as fast as the reader reads. */
export class QueuedOutput {
  readonly #options: QueuedOutputOptions;
  #queue: string[] = [];
  #queued = 0;
  #lost = 0;
  /** Of what is under way and all that waits. */
  #writing: Promise<void> | undefined;
  #isGone = false;

  constructor(options: QueuedOutputOptions) {
    this.#options = options;
  }

  /** Whether something is under way. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  write(text: string): void {
    if (this.#isGone) return;
    if (this.#queued + text.length > (this.#options.maxQueued ?? MAX_QUEUED)) {
      this.#lost++;
      return;
    }
    this.#queue.push(text);
    this.#queued += text.length;
    this.#writing ??= this.#work();
  }

  /** Resolves when all is written, or after so many milliseconds. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#writing) await endedWithin(this.#writing, timeoutMs);
  }

  async #work(): Promise<void> {
    const encoder = new TextEncoder();
    while (this.#queue.length > 0) {
      const texts = this.#queue;
      this.#queue = [];
      try {
        for (let rest = encoder.encode(texts.join("")); rest.length > 0;) {
          rest = rest.subarray(await this.#options.write(rest));
        }
      } catch {
        // The reader has gone: nobody is left to tell.
        this.#isGone = true;
        return;
      }
      this.#queued -= texts.reduce((sum, { length }) => sum + length, 0);
      if (this.#queue.length === 0) this.#tellOfLost();
    }
    this.#writing = undefined;
  }

  #tellOfLost(): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) loggerFor("log").warn("{lost} log lines are missing here: nobody read them", { lost });
  }
}
