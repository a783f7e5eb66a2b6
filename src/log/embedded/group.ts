// Consumer groups of the embedded log: membership rows with an expiry, a generation number that every change raises, and
// an assignment that each member works out for itself. Knows nothing of how records are read.
//
// As in Kafka a rebalance is eager: a member that sees a higher generation ends its own, acknowledges the new number in
// its row, and the new generation begins when every living member has acknowledged it.

import { LogUnavailableError } from "../../errors.ts";
import { Wakeup } from "../wakeup.ts";
import type { EmbeddedFile } from "./file.ts";
import { EmbeddedGeneration } from "./generation.ts";
import { Mailbox } from "../mailbox.ts";
import type { Generation, Membership, SubscribeOptions, Subscription } from "../log.ts";

/** Another process's writes are noticed within this time. */
const POLL_MS = 25;
const HEARTBEATS_PER_SESSION = 5;

export interface GroupOptions {
  /** A member that has not been heard of for this long is expelled. */
  readonly sessionTimeoutMs: number;
  readonly onWarning: (message: string) => void;
}

interface Where {
  readonly topicId: number;
  readonly partitions: number;
}

export class EmbeddedSubscription implements Subscription {
  readonly #member = crypto.randomUUID();
  readonly #mailbox = new Mailbox<Generation>();
  readonly #wakeup: Wakeup;
  readonly #stopListening: () => void;
  #closed = false;
  #current: EmbeddedGeneration | undefined;
  #heartbeatDueMs = 0;
  #dataVersion = -1;
  #tending: Promise<void> | undefined;
  #membership: Membership;

  constructor(
    readonly file: EmbeddedFile,
    readonly where: Where,
    readonly options: SubscribeOptions,
    readonly group: GroupOptions & { /** Nobody needs it any more. */ readonly onEnded: () => void },
  ) {
    this.#wakeup = new Wakeup(file.clock);
    this.#membership = { state: "joining", sinceMs: file.clock.monotonic() };
    this.#stopListening = file.onChange("groups", () => this.#wakeup.wake());
  }

  /** Joins the group and keeps the membership alive until disposed of or aborted. */
  async open(): Promise<void> {
    try {
      this.options.signal.throwIfAborted();
      await this.#join();
    } catch (error) {
      this.#stopListening();
      throw error;
    }
    this.options.signal.addEventListener("abort", this.#onAbort);
    this.#tending = this.#tend();
  }

  nextGeneration(): Promise<Generation> {
    return this.#mailbox.next();
  }

  membership(): Membership {
    return this.#membership;
  }

  async rejoin(): Promise<void> {
    if (this.#closed) return;
    this.#endCurrent();
    await this.#leave();
    await this.#join();
    this.#wakeup.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#tending === undefined) return;
    this.#close(new DOMException("The subscription is closed", "AbortError"));
    await this.#tending;
    this.#tending = undefined;
    this.options.signal.removeEventListener("abort", this.#onAbort);
    this.group.onEnded();
    try {
      await this.#leave();
    } catch (cause) {
      this.group.onWarning(`Leaving group "${this.options.group}" failed, its session will expire: ${text(cause)}`);
    }
  }

  readonly #onAbort = () => this.#close(this.options.signal.reason);

  /** Ends the membership; `reason` is what `nextGeneration` then rejects with, `failure` what `next` does. */
  #close(reason: unknown, failure?: unknown): void {
    this.#closed = true;
    this.#stopListening();
    this.#endCurrent(failure);
    this.#mailbox.close(reason);
    this.#wakeup.wake();
  }

  /** The loop behind a membership: notices what others wrote, sends heartbeats, begins generations. */
  async #tend(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#look();
        await this.#untilChanged();
      } catch (cause) {
        if (!(cause instanceof LogUnavailableError)) return this.#close(cause, cause);
        this.group.onWarning(`Group "${this.options.group}" could not be tended: ${cause.message}`);
        if (this.#membership.state === "joining") this.#membership = { ...this.#membership, trouble: cause.message };
        await this.#wakeup.wait(this.group.sessionTimeoutMs / HEARTBEATS_PER_SESSION);
      }
    }
  }

  /** Waits for a change in the groups, a write by another process, or the time of the next heartbeat. */
  async #untilChanged(): Promise<void> {
    while (!this.#closed && this.file.clock.monotonic() < this.#heartbeatDueMs) {
      const version = this.file.dataVersion();
      if (version !== this.#dataVersion) {
        this.#dataVersion = version;
        this.#current?.wake();
        return;
      }
      if (await this.#wakeup.wait(POLL_MS)) return;
    }
  }

  async #look(): Promise<void> {
    const { mine, generation } = this.#standing();
    if (mine === undefined || mine < generation) {
      this.#endCurrent();
      await (mine === undefined ? this.#join() : this.#acknowledge());
    } else if (this.file.clock.monotonic() >= this.#heartbeatDueMs) {
      await this.#heartbeat();
    }
    if (this.#current === undefined && !this.#closed) this.#begin();
  }

  /** This member's acknowledged generation, undefined when it was expelled, and the group's. */
  #standing(): { mine: number | undefined; generation: number } {
    const row = this.file.get<{ mine: number | null; generation: number }>(
      `SELECT (SELECT generation FROM members WHERE topic_id = ?1 AND group_name = ?2 AND member = ?3) AS mine,
         (SELECT generation FROM groups WHERE topic_id = ?1 AND name = ?2) AS generation`,
      ...this.#key(),
      this.#member,
    );
    return { mine: row?.mine ?? undefined, generation: row?.generation ?? 0 };
  }

  /** Begins the group's generation if every living member has acknowledged it. */
  #begin(): void {
    const { mine, generation } = this.#standing();
    const members = this.file.all<{ member: string; generation: number }>(
      "SELECT member, generation FROM members WHERE topic_id = ? AND group_name = ? ORDER BY member",
      ...this.#key(),
    );
    if (mine !== generation || members.some((other) => other.generation !== generation)) return;
    const rank = members.findIndex(({ member }) => member === this.#member);
    const partitions = Array.from({ length: this.where.partitions }, (_, partition) => partition)
      .filter((partition) => partition % members.length === rank);
    this.#current = new EmbeddedGeneration(this.file, {
      id: generation,
      topic: this.options.topic,
      topicId: this.where.topicId,
      partitions,
      commit: (offsets) => this.#commit(generation, offsets),
    });
    this.#membership = { state: "member", sinceMs: this.file.clock.monotonic() };
    this.#mailbox.offer(this.#current);
  }

  #endCurrent(failure?: unknown): void {
    if (this.#current) this.#membership = { state: "joining", sinceMs: this.file.clock.monotonic() };
    this.#current?.end(failure);
    this.#current = undefined;
    this.#mailbox.withdraw();
  }

  #join(): Promise<void> {
    return this.#changeGroup(() => {
      this.#expel();
      const generation = this.#raise();
      this.file.run(
        "INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?)",
        ...this.#key(),
        this.#member,
        generation,
        this.#expiresMs(),
      );
    });
  }

  #acknowledge(): Promise<void> {
    return this.#changeGroup(() => {
      this.file.run(
        `UPDATE members SET expires_ms = ?4,
           generation = (SELECT generation FROM groups WHERE topic_id = ?1 AND name = ?2)
         WHERE topic_id = ?1 AND group_name = ?2 AND member = ?3`,
        ...this.#key(),
        this.#member,
        this.#expiresMs(),
      );
    });
  }

  #heartbeat(): Promise<void> {
    return this.#changeGroup(() => {
      this.file.run(
        "UPDATE members SET expires_ms = ?4 WHERE topic_id = ?1 AND group_name = ?2 AND member = ?3",
        ...this.#key(),
        this.#member,
        this.#expiresMs(),
      );
      if (this.#expel() > 0) this.#raise();
    });
  }

  #leave(): Promise<void> {
    return this.#changeGroup(() => {
      const left = this.file.run(
        "DELETE FROM members WHERE topic_id = ? AND group_name = ? AND member = ?",
        ...this.#key(),
        this.#member,
      );
      if (left > 0) this.#raise();
    });
  }

  async #changeGroup(body: () => void): Promise<void> {
    await this.file.write("groups", body);
    this.#heartbeatDueMs = this.file.clock.monotonic() + this.group.sessionTimeoutMs / HEARTBEATS_PER_SESSION;
  }

  /** Members of other processes have only the wall clock in common. One that was set back must not keep the dead for longer. */
  #expel(): number {
    this.file.run(
      "UPDATE members SET expires_ms = ?3 WHERE topic_id = ?1 AND group_name = ?2 AND expires_ms > ?3",
      ...this.#key(),
      this.#expiresMs(),
    );
    return this.file.run(
      "DELETE FROM members WHERE topic_id = ? AND group_name = ? AND expires_ms < ?",
      ...this.#key(),
      this.file.clock.now(),
    );
  }

  #raise(): number {
    this.file.run(
      "INSERT INTO groups VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET generation = generation + 1",
      ...this.#key(),
    );
    return this.#standing().generation;
  }

  async #commit(generation: number, offsets: ReadonlyMap<number, number>): Promise<void> {
    try {
      await this.file.write("other", () => {
        if (this.#standing().mine !== generation) throw new Error("The generation has ended");
        for (const [partition, next] of offsets) {
          this.file.run(
            "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?, ?)",
            ...this.#key(),
            partition,
            next,
            this.file.clock.now(),
          );
        }
      });
    } catch (cause) {
      this.group.onWarning(`Offsets of group "${this.options.group}" were not committed to the log: ${text(cause)}`);
    }
  }

  #key(): [number, string] {
    return [this.where.topicId, this.options.group];
  }

  #expiresMs(): number {
    return this.file.clock.now() + this.group.sessionTimeoutMs;
  }
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
