// The port to whoever is told of alerts. Adapters are in channels/, each of which knows one kind of receiver and nothing of
// tables, engines or other receivers.

/** What one message says. Times are ISO 8601, UTC. */
export interface AlertMessage {
  /** Idempotency key: the same however often the message is sent, another for every other message. */
  readonly id: string;
  readonly event: "raised" | "cleared";
  /** When it was raised, or cleared, in the tables. */
  readonly at: string;
  readonly domain: string;
  /** The same when the alert is raised and when it is cleared. */
  readonly alertId: string;
  /** Such as OVERCROWDING. */
  readonly type: string;
  readonly severity: "critical" | "warning" | "info";
  /** What it is about, by column, such as `TRAIN_ID`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Event times. */
  readonly startedAt: string;
  readonly lastSeenAt: string;
  /** `null` while it is raised. */
  readonly clearedAt: string | null;
  readonly eventCount: number;
  readonly peakValue: number | null;
  readonly threshold: number | null;
  /** The dashboard's page of the domain; `null` where nobody has said how people reach it. */
  readonly url: string | null;
}

/** Sends messages to one receiver. */
export interface Channel extends AsyncDisposable {
  readonly name: string;
  /** Where to, for people, without secrets. */
  readonly description: string;
  /** How many messages one call takes at most. */
  readonly atOnce: number;
  /**
   * Resolves when the receiver has taken all of them, which are in the order in which they happened. Rejects with
   * `MessageRefusedError` when it never will, and with any other error when it may later.
   */
  send(messages: readonly AlertMessage[], signal: AbortSignal): Promise<void>;
  /** Where a receiver forgets what it is not told again and again: how often, and what is told to it then. */
  readonly reminder?: Reminder;
}

export interface Reminder {
  readonly everyMs: number;
  /** Tells which alerts are active. Errors as those of `send`. */
  remind(active: readonly AlertMessage[], signal: AbortSignal): Promise<void>;
}

/** The receiver has answered that it does not take the message. The text says what it answered, without secrets. */
export class MessageRefusedError extends Error {
  override readonly name = "MessageRefusedError";
}

/** What the alert is about, in a few words: `C106`, `1004, Entrepôt Paris`. */
export function subjectOf({ labels }: AlertMessage): string {
  return Object.values(labels).join(", ");
}

/** A line for people: `OVERCROWDING: C106 (trains)`. */
export function titleOf(message: AlertMessage): string {
  const state = message.event === "raised" ? "" : "Cleared: ";
  return `${state}${message.type} ${subjectOf(message)} (${message.domain}, ${message.severity})`;
}
