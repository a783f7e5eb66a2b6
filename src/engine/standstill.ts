// Tells whether a domain stands still although it should get on, and why. Judges by what it is shown from time to time; knows
// nothing of logs or groups. All times are those of the monotonic clock, milliseconds.

import type { Membership } from "../log/log.ts";
import type { Phase, StandstillKind } from "./status.ts";

/** How patient to be, milliseconds. */
export interface StandstillPatience {
  /** With a log that does not answer, a partition that cannot be read, an open transaction, a group that cannot be joined. */
  readonly outsideMs: number;
  /** With records that could be read and are not committed. */
  readonly stallMs: number;
}

/** A partition, as last seen. */
export interface PartitionView {
  readonly partition: number;
  /** Committed to the warehouse. */
  readonly nextOffset: number;
  /** Taken from the log. */
  readonly takenOffset: number;
  readonly highOffset: number | null;
  readonly readableOffset: number | null;
  /** When the log last said how far it reaches, or when it was first asked. */
  readonly confirmedMs: number;
  readonly obstacle: string | null;
}

/** A domain, as it is now. */
export interface DomainView {
  readonly phase: Phase;
  /** Those that have not stopped. */
  readonly partitions: readonly PartitionView[];
  /** Those that have stopped at damage: why, for people. */
  readonly stopped: readonly { readonly why: string; readonly sinceMs: number }[];
  /** Of the group; none before it was first asked for. */
  readonly membership: Membership | undefined;
  /** Generations and restarts so far. */
  readonly turns: number;
}

/** See `Standstill`; `sinceMs` by the monotonic clock. */
export interface Stand {
  readonly kind: StandstillKind;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Where something stood when it was last seen to move. */
interface Mark<T> {
  readonly at: T;
  readonly sinceMs: number;
  /** See `DomainView`. */
  readonly turns: number;
}

export class StandstillWatch {
  /** Where partitions wait for an open transaction, by partition. */
  readonly #waits = new Map<number, Mark<number>>();
  #committed: Mark<string> | undefined;
  #last: Stand | undefined;

  constructor(private readonly patience: StandstillPatience) {}

  /** Looks at the domain at `nowMs`: to be called often, for what lasts is told by having been seen before. */
  look(view: DomainView, nowMs: number): Stand | undefined {
    this.#noteWaits(view, nowMs);
    this.#noteCommitted(view, nowMs);
    const lasts = (sinceMs: number) => nowMs - sinceMs >= this.patience.outsideMs;
    const stand = this.#notJoined(view, lasts) ?? this.#stopped(view) ?? this.#blocked(view, lasts) ??
      this.#openTransaction(view, lasts) ??
      this.#stalled(view, nowMs);
    // Who could not read, and now tries to join again, has not got on in between.
    const isBetween = view.phase === "joining" || view.phase === "restarting";
    return this.#last = stand ?? (isBetween ? this.#last : undefined);
  }

  #noteWaits({ phase, partitions, turns }: DomainView, nowMs: number): void {
    const waiting = new Set<number>();
    for (const { partition, takenOffset, highOffset, readableOffset } of phase === "running" ? partitions : []) {
      if (highOffset === null || readableOffset === null) continue;
      if (readableOffset >= highOffset || takenOffset < readableOffset) continue;
      waiting.add(partition);
      if (this.#waits.get(partition)?.at === readableOffset) continue;
      this.#waits.set(partition, { at: readableOffset, sinceMs: nowMs, turns });
    }
    for (const partition of [...this.#waits.keys()]) if (!waiting.has(partition)) this.#waits.delete(partition);
  }

  /** Whoever has nothing to do, or is not meant to do it, does not stand still. */
  #noteCommitted({ phase, partitions, turns }: DomainView, nowMs: number): void {
    const works = phase === "running" || phase === "joining";
    const waits = partitions.some(({ nextOffset, readableOffset }) =>
      readableOffset !== null && nextOffset < readableOffset
    );
    if (!works || !waits) return void (this.#committed = undefined);
    const at = partitions.map(({ partition, nextOffset }) => `${partition}:${nextOffset}`).join();
    if (this.#committed?.at !== at) this.#committed = { at, sinceMs: nowMs, turns };
  }

  #notJoined({ phase, membership }: DomainView, lasts: (sinceMs: number) => boolean): Stand | undefined {
    const wantsTo = phase === "starting" || phase === "joining" || phase === "restarting";
    if (!wantsTo || membership?.state !== "joining") return undefined;
    const { sinceMs, trouble } = membership;
    if (!lasts(sinceMs)) return undefined;
    const why = trouble ?? "its coordinator does not answer, or other members do not finish joining";
    return { kind: "joining", reason: `It cannot join its consumer group: ${why}`, sinceMs };
  }

  #stopped({ phase, stopped: [first, ...others] }: DomainView): Stand | undefined {
    if (first === undefined || phase !== "running") return undefined;
    const more = others.length === 0 ? "" : `; ${others.length} more partitions have stopped`;
    return { kind: "partition_stopped", reason: first.why + more, sinceMs: first.sinceMs };
  }

  #blocked({ phase, partitions }: DomainView, lasts: (sinceMs: number) => boolean): Stand | undefined {
    if (phase !== "running") return undefined;
    const blocked = partitions.filter(({ confirmedMs }) => lasts(confirmedMs));
    if (blocked.length === 0) return undefined;
    const sinceMs = Math.min(...blocked.map(({ confirmedMs }) => confirmedMs));
    const told = blocked.find(({ obstacle }) => obstacle !== null);
    if (told === undefined && blocked.length === partitions.length) {
      return { kind: "unreachable", reason: "The log does not answer", sinceMs };
    }
    const { partition, obstacle } = told ?? blocked[0]!;
    const others = blocked.length === 1 ? "" : `, and ${blocked.length - 1} more cannot be read`;
    return {
      kind: "partition_blocked",
      reason: `Partition ${partition} ${obstacle ?? "is not answered for: its leader may be away"}${others}`,
      sinceMs,
    };
  }

  #openTransaction({ partitions }: DomainView, lasts: (sinceMs: number) => boolean): Stand | undefined {
    for (const [partition, { at, sinceMs }] of this.#waits) {
      if (!lasts(sinceMs)) continue;
      const { highOffset } = partitions.find((each) => each.partition === partition)!;
      const reason =
        `Partition ${partition} waits at offset ${at} for a transaction that its producer has left open: ` +
        `${highOffset! - at} records cannot be read before it ends`;
      return { kind: "open_transaction", reason, sinceMs };
    }
  }

  #stalled({ turns }: DomainView, nowMs: number): Stand | undefined {
    const mark = this.#committed;
    if (mark === undefined || nowMs - mark.sinceMs < this.patience.stallMs) return undefined;
    const { sinceMs } = mark;
    if (turns === mark.turns) {
      return { kind: "stalled", reason: "Records can be read, and none are committed", sinceMs };
    }
    const reason =
      `Its group has shared out the partitions anew, or it has started again, ${turns - mark.turns} times ` +
      "since a record was last committed: look for a member that comes and goes";
    return { kind: "rebalancing", reason, sinceMs };
  }
}
