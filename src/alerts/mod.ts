// Tells people and programs outside of alerts: opens the channels that are set up and sends what checkpoints write into the
// outbox. The one place that knows all kinds of receivers.
import type { Clock } from "../clock.ts";
import { alertChannels, type AlertConfig } from "../config/mod.ts";
import type { Observer } from "../engine/options.ts";
import type { DomainStatus } from "../engine/status.ts";
import type { Log } from "../log/log.ts";
import { loggerFor } from "../logging.ts";
import type { Warehouse } from "../warehouse/warehouse.ts";
import type { Channel } from "./channel.ts";
import { alertmanager } from "./channels/alertmanager.ts";
import { mail } from "./channels/mail.ts";
import { slack } from "./channels/slack.ts";
import { topic } from "./channels/topic.ts";
import { webhook } from "./channels/webhook.ts";
import { Outbox, type OwnedPartition } from "./outbox.ts";
import { Sender, type SendOutcome } from "./sender.ts";
import type { SmallWrites } from "./small_writes.ts";

export { Notes } from "./notes.ts";
export { SmallWrites } from "./small_writes.ts";

export interface AlertSendingOptions {
  readonly config: AlertConfig;
  readonly log: Log;
  readonly warehouse: Pick<Warehouse, "query" | "freshness">;
  readonly writes: SmallWrites;
  readonly clock: Clock;
  readonly statuses: () => readonly DomainStatus[];
  /** Is told what becomes of messages, for metrics. */
  readonly onOutcome: (channel: string, outcome: SendOutcome, messages: number) => void;
}

const OUTCOMES: readonly SendOutcome[] = ["delivered", "retried", "muted", "failed"];
/** Where looking costs nothing, the outbox is looked into this often whatever is heard of it. */
const LOOK_EVERY_MS = 15_000;

export class AlertSending implements AsyncDisposable {
  readonly #senders: readonly Sender[];
  readonly #channels: readonly Channel[];

  constructor(options: AlertSendingOptions) {
    const { config, clock, warehouse, writes, statuses, onOutcome } = options;
    const outbox = new Outbox({ warehouse, writes, now: () => clock.now() });
    this.#channels = openChannels(options);
    // What has not happened yet is told as 0: a count that begins with its first failure has not risen.
    for (const { name } of this.#channels) for (const outcome of OUTCOMES) onOutcome(name, outcome, 0);
    this.#senders = this.#channels.map((channel) =>
      new Sender({
        ...{ channel, clock, outbox, owned: () => ownedOf(statuses()) },
        ...{ dashboardUrl: config.dashboardUrl, giveUpMs: config.giveUpMs },
        logger: loggerFor("alerts"),
        lookEveryMs: warehouse.freshness.isFree ? LOOK_EVERY_MS : Infinity,
        onOutcome: (outcome, messages) => onOutcome(channel.name, outcome, messages),
      })
    );
  }

  /** To be told of checkpoints. */
  readonly observer: Observer = {
    checkpoint: (_domain, { alertEvents }) => {
      if (alertEvents > 0) this.wake();
    },
  };

  /** Something that decides what is sent has changed. */
  wake(): void {
    for (const sender of this.#senders) sender.wake();
  }

  /** Sends until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#senders.map((sender) => sender.run(signal)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const channel of this.#channels) await channel[Symbol.asyncDispose]();
  }
}

/** Who is told, in the order of the settings. */
function openChannels({ config, clock, log }: AlertSendingOptions): readonly Channel[] {
  const { timeoutMs } = config;
  const now = () => clock.now();
  const open = {
    webhook: () => webhook({ ...config.webhook!, timeoutMs, now }),
    slack: () => slack({ ...config.slack!, timeoutMs }),
    mail: () => mail({ ...config.mail!, timeoutMs }),
    topic: () => topic(log),
    alertmanager: () => alertmanager({ ...config.alertmanager!, timeoutMs, now }),
  };
  return alertChannels(config).map((name) => open[name]());
}

/**
 * What this process has, while it says so: whoever takes a partition over tells of its alerts. Where no other process could, it
 * goes on also while it waits for the log.
 */
export function ownedOf(statuses: readonly DomainStatus[]): readonly OwnedPartition[] {
  const has = ({ phase, isShared }: DomainStatus) =>
    phase === "running" || phase === "draining" || phase === "stopped" ||
    !isShared && (phase === "restarting" || phase === "joining");
  return statuses.filter(has)
    .flatMap(({ domain, topic, partitions }) => partitions.map(({ partition }) => ({ domain, topic, partition })));
}
