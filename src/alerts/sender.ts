// Sends what the outbox holds on one channel until its receiver has taken it: with ever longer waits while it does not, and a
// dead letter in the end. Sent again after a crash it has the same idempotency key. Must not know the kinds of receivers.
import { ExponentialBackoff } from "cockatiel";
import type { Clock } from "../clock.ts";
import { Deadline } from "../deadline.ts";
import { messageIn } from "../errors.ts";
import type { Logger } from "../engine/options.ts";
import { type AlertMessage, type Channel, MessageRefusedError } from "./channel.ts";
import { messageOf } from "./message.ts";
import type { Delivery, Outbox, OwnedPartition, Undelivered } from "./outbox.ts";

export type SendOutcome = "delivered" | "muted" | "failed" | "retried";

export interface SenderOptions {
  readonly channel: Channel;
  readonly outbox: Pick<Outbox, "undelivered" | "active" | "settle">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The partitions whose alerts this process tells of, now. */
  readonly owned: () => readonly OwnedPartition[];
  readonly dashboardUrl: string | undefined;
  /** For how long what cannot be delivered is tried. */
  readonly giveUpMs: number;
  /** How often the outbox is looked into where nothing says that there is something; `Infinity` where looking costs. */
  readonly lookEveryMs: number;
  /** Is told what becomes of messages, for metrics. */
  readonly onOutcome: (outcome: SendOutcome, messages: number) => void;
}

const BACKOFF_MS = { initialDelay: 1_000, maxDelay: 300_000 };
/** How often it is looked whether partitions have come or gone. */
const POLL_MS = 500;
/** A receiver that fails for so many messages in a row gets a rest. */
const FAILURES_IN_A_ROUND = 3;
const TELL_AGAIN_MS = 60_000;
/** When the process ends: for what is being sent and a last look. What takes longer is told by whoever comes next. */
const END_MS = 5_000;

const freshBackoff = () => new ExponentialBackoff(BACKOFF_MS).next();

export class Sender {
  readonly #options: SenderOptions;
  /** Something may be there to be sent. */
  #isDue = true;
  #nextAt = Infinity;
  #remindAt = Infinity;
  #backoff = freshBackoff();
  #ownedBefore = "";
  #toldAt = -Infinity;
  #wake: (() => void) | undefined;
  /** How often each message was tried, by its id. */
  readonly #attempts = new Map<string, number>();
  /** What became of messages and is not noted yet: it is before anything else is sent. */
  #unnoted: readonly Delivery[] = [];
  /** Alerts that the receiver is reminded of, by id. */
  #active = new Map<string, AlertMessage>();
  /** Whether `#active` is what the tables say. */
  #isActiveKnown = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Something has been written into the outbox, or a mute has changed. */
  wake(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  /** Sends until the signal is aborted, then once more what the last checkpoints have brought, and waits for nothing for long. */
  async run(signal: AbortSignal): Promise<void> {
    using end = new Deadline({});
    const begin = () => end.shorten(END_MS);
    if (signal.aborted) begin();
    else signal.addEventListener("abort", begin, { once: true });
    try {
      await end.within(this.#send(signal, end.signal));
    } catch (error) {
      if (!end.signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", begin);
    }
  }

  async #send(signal: AbortSignal, end: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      this.#look();
      if (this.#isDue || clock.monotonic() >= this.#nextAt) await this.#tryRound(signal);
      else if (clock.monotonic() >= this.#remindAt) await this.#remind(signal);
      else await this.#pause(signal);
    }
    if (this.#isDue) await this.#tryRound(end);
  }

  /** Whether partitions have come or gone since the last time: what others have not told is told from here on. */
  #look(): void {
    const owned = JSON.stringify(this.#options.owned());
    if (owned === this.#ownedBefore) return;
    this.#ownedBefore = owned;
    this.#isDue = true;
    // Who is reminded is asked for anew.
    if (this.#options.channel.reminder) this.#remindAt = -Infinity;
    this.#active.clear();
    this.#isActiveKnown = false;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await this.#options.clock.sleep(POLL_MS, AbortSignal.any([signal, woken.signal])).catch(() => {});
    this.#wake = undefined;
  }

  async #tryRound(signal: AbortSignal): Promise<void> {
    const { clock, lookEveryMs } = this.#options;
    this.#isDue = false;
    try {
      const { failed, more, mutedUntil } = await this.#round(signal);
      // What was being sent when the end came is sent in the last round.
      if (signal.aborted && failed !== undefined) this.#isDue = true;
      else if (failed !== undefined) return this.#rest(failed);
      this.#backoff = freshBackoff();
      this.#isDue ||= more;
      const unmutedMs = mutedUntil === null ? Infinity : Math.max(POLL_MS, mutedUntil - clock.now());
      this.#nextAt = clock.monotonic() + Math.min(lookEveryMs, unmutedMs);
    } catch (error) {
      // What was told and could not be noted is noted in the last round.
      if (signal.aborted) this.#isDue = true;
      else this.#rest(error);
    }
  }

  /** Waits longer each time. */
  #rest(error: unknown): void {
    const { clock, logger, channel } = this.#options;
    const waitMs = Math.round(this.#backoff.duration);
    this.#nextAt = clock.monotonic() + waitMs;
    this.#backoff = this.#backoff.next({});
    if (clock.monotonic() - this.#toldAt < TELL_AGAIN_MS) return;
    this.#toldAt = clock.monotonic();
    logger.warn("Alerts cannot be sent to {channel}, and are tried again: {error}", {
      channel: channel.description,
      error: messageIn(error),
    });
  }

  /** Sends what there is. Rejects with the warehouse's errors. */
  async #round(signal: AbortSignal): Promise<Round> {
    const { channel, outbox, owned } = this.#options;
    await this.#note();
    const all = await outbox.undelivered(channel.name, owned());
    const { send, muted, held } = sorted(all);
    await this.#settle(muted, { status: "MUTED", detail: null });
    // What failed before comes last: one message that a receiver chokes on holds up no other.
    const failures = ({ eventId }: Undelivered) => this.#attempts.get(eventId) ?? 0;
    const alerts = [...Map.groupBy(send, ({ alertId }) => alertId).values()]
      .sort((a, b) => failures(a[0]!) - failures(b[0]!));
    const errors: unknown[] = [];
    for (const some of batches(alerts, channel.atOnce)) {
      if (signal.aborted || errors.length >= FAILURES_IN_A_ROUND) break;
      const error = await this.#sendAll(some, signal);
      if (error !== undefined) errors.push(error);
    }
    const mutedUntil = held.length === 0 ? null : Math.min(...held.map((one) => one.mutedUntil!));
    return { failed: errors[0], more: send.length + muted.length > 0 && !signal.aborted, mutedUntil };
  }

  /** Sends events in their order; resolves with what it failed with, if that may go well later. Rejects with the warehouse's errors. */
  async #sendAll(events: readonly Undelivered[], signal: AbortSignal): Promise<unknown> {
    const { channel, dashboardUrl } = this.#options;
    for (let i = 0; i < events.length; i += channel.atOnce) {
      const some = events.slice(i, i + channel.atOnce);
      const messages = some.map((event) => messageOf(event, dashboardUrl));
      for (const { id } of messages) this.#attempts.set(id, (this.#attempts.get(id) ?? 0) + 1);
      const failure = await channel.send(messages, signal).then(() => undefined, (error) => ({ error }));
      if (!failure) {
        this.#sent(messages);
        await this.#settle(some, { status: "DELIVERED", detail: null });
        continue;
      }
      const { error } = failure;
      if (signal.aborted) return error;
      // Of several nobody knows which one was refused.
      if (error instanceof MessageRefusedError && some.length > 1) {
        const later = await this.#oneByOne(some, signal);
        if (later !== undefined) return later;
      } else if (await this.#failed(some, error)) return error;
    }
  }

  async #oneByOne(events: readonly Undelivered[], signal: AbortSignal): Promise<unknown> {
    for (const event of events) {
      const error = await this.#sendAll([event], signal);
      if (error !== undefined) return error;
    }
  }

  #sent(messages: readonly AlertMessage[]): void {
    if (!this.#options.channel.reminder) return;
    for (const message of messages) {
      if (message.event === "raised") this.#active.set(message.alertId, message);
      else this.#active.delete(message.alertId);
    }
  }

  /** Messages were not taken: those that never will be are dead letters. Whether some are tried again. */
  async #failed(events: readonly Undelivered[], error: unknown): Promise<boolean> {
    const { clock, giveUpMs, logger, channel, onOutcome } = this.#options;
    const isRefused = error instanceof MessageRefusedError;
    const dead = events.filter(({ dueSince }) => isRefused || clock.now() - dueSince >= giveUpMs);
    const retried = events.length - dead.length;
    if (retried > 0) onOutcome("retried", retried);
    for (const { type, alertId, event } of dead) {
      logger.error("Not all were told on {channel} that {type} was {event}, which is a dead letter now: {error}", {
        ...{ channel: channel.description, type, event: event.toLowerCase(), alert: alertId },
        error: messageIn(error),
      });
    }
    await this.#settle(dead, { status: "FAILED", detail: messageIn(error) });
    return retried > 0;
  }

  async #settle(events: readonly Undelivered[], how: Pick<Delivery, "status" | "detail">): Promise<void> {
    const { channel } = this.#options;
    const deliveries = events.map(({ eventId, domain }): Delivery => (
      { ...how, eventId, domain, channel: channel.name, attempts: this.#attempts.get(eventId) ?? 0 }
    ));
    this.#unnoted = [...this.#unnoted, ...deliveries];
    await this.#note();
  }

  /** Notes what became of messages. Rejects with the warehouse's errors; nothing is sent until it has gone well. */
  async #note(): Promise<void> {
    const { outbox, onOutcome } = this.#options;
    const deliveries = this.#unnoted;
    if (deliveries.length === 0) return;
    await outbox.settle(deliveries);
    this.#unnoted = [];
    for (const { eventId, status } of deliveries) {
      this.#attempts.delete(eventId);
      onOutcome(status.toLowerCase() as SendOutcome, 1);
    }
  }

  /** Tells the receiver again what is active, where it needs that. */
  async #remind(signal: AbortSignal): Promise<void> {
    const { channel, outbox, owned, clock, dashboardUrl } = this.#options;
    const { reminder } = channel;
    if (!reminder) return;
    try {
      if (!this.#isActiveKnown) {
        const rows = await outbox.active(channel.name, owned());
        this.#active = new Map(rows.map((row) => [row.alertId, messageOf(row, dashboardUrl)]));
        this.#isActiveKnown = true;
      }
      this.#remindAt = clock.monotonic() + reminder.everyMs;
      if (this.#active.size > 0) await reminder.remind([...this.#active.values()], signal);
    } catch (error) {
      this.#remindAt = clock.monotonic() + reminder.everyMs;
      if (!signal.aborted) this.#options.logger.debug("Reminding failed: {error}", { error: messageIn(error) });
    }
  }
}

/** What a look into the outbox came to. */
interface Round {
  /** What the receiver failed with; `undefined` when it has taken all. */
  readonly failed: unknown;
  /** There may be more. */
  readonly more: boolean;
  /** When the next mute ends that holds something back. */
  readonly mutedUntil: number | null;
}

/**
 * What is sent, what never will be, and what waits for the end of its mute: an alert that is raised and cleared while its rule
 * is muted is nobody's business, and one of which people know is cleared for them whether the rule is muted or not.
 */
function sorted(events: readonly Undelivered[]) {
  const [send, muted, held]: [Undelivered[], Undelivered[], Undelivered[]] = [[], [], []];
  for (const some of Map.groupBy(events, ({ alertId }) => alertId).values()) {
    const ofAlert = some.toSorted((a, b) => versionOf(a) - versionOf(b) || (a.event < b.event ? 1 : -1));
    const isMuted = ofAlert[0]!.mutedUntil !== null;
    const isKnown = ofAlert[0]!.event === "CLEARED";
    const isOver = ofAlert.at(-1)!.event === "CLEARED";
    if (!isMuted || isKnown) send.push(...ofAlert);
    else if (isOver) muted.push(...ofAlert);
    else held.push(...ofAlert);
  }
  return { send, muted, held };
}

/** Orders what is told of an alert, whatever clock has written it; what clears a version has the same one as what raised it. */
const versionOf = ({ alert }: Undelivered): number => Number(JSON.parse(alert).VERSION);

/** The events of whole alerts, so that each batch has at least `size` but the last. */
function* batches(alerts: readonly (readonly Undelivered[])[], size: number): Generator<readonly Undelivered[]> {
  let some: Undelivered[] = [];
  for (const events of alerts) {
    some.push(...events);
    if (some.length < size) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}
