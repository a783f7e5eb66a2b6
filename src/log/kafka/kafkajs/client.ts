// Makes kafkajs clients: loads the package, mended, when it is first needed. Knows nothing of records, groups or generations.

import type { Kafka, logCreator } from "kafkajs";
import { type About, ALERT, errorContext, translateKafkaError } from "../errors.ts";
import { type CompleteKafkaSettings, completeSettings, type KafkaSettings } from "../settings.ts";
import { kafkaJsConfig } from "./config.ts";
import { mendKafkaJs } from "./mends.ts";
import { onceInAWhile } from "../repeated_warnings.ts";

/** kafkajs, loaded. */
export type KafkaJs = typeof import("kafkajs");

/** What every part of the Kafka adapter shares. */
export class KafkaClient {
  readonly #warnOnce: (message: string) => void;
  /** What a broker said last as it broke TLS off. A call may fail by what comes of it instead ("write after end"). */
  #alert: { readonly message: string; readonly atMs: number } | undefined;

  private constructor(
    readonly kafkajs: KafkaJs,
    readonly settings: CompleteKafkaSettings,
    readonly onWarning: (message: string) => void,
  ) {
    this.#warnOnce = onceInAWhile(onWarning, () => performance.now());
  }

  static async load(settings: KafkaSettings, onWarning: (message: string) => void): Promise<KafkaClient> {
    const kafkajs = await loadKafkaJs();
    return new KafkaClient(kafkajs, completeSettings(settings), onWarning);
  }

  /** A new client. Consumers of one client share state by group, so every consumer gets its own. */
  connectable(): Kafka {
    return new this.kafkajs.Kafka({
      ...kafkaJsConfig(this.settings),
      logLevel: this.kafkajs.logLevel.WARN,
      logCreator: this.#logCreator,
    });
  }

  /** Translates an error of kafkajs. */
  error(thrown: unknown, about?: About): Error {
    const context = errorContext(this.settings, about);
    const error = translateKafkaError(thrown, context);
    const alert = this.#alert;
    if (alert === undefined || !error.retriable || performance.now() - alert.atMs > ALERT_MS) return error;
    return translateKafkaError(new Error(alert.message, { cause: thrown }), context);
  }

  /** Runs a call of kafkajs, its errors translated. */
  async call<T>(body: () => Promise<T>, about?: About): Promise<T> {
    try {
      return await body();
    } catch (thrown) {
      throw this.error(thrown, about);
    }
  }

  /** kafkajs logs stacks and whole requests: only the message, the error's message and the broker go on. */
  readonly #logCreator: logCreator = () => ({ log: { message, error, broker } }) => {
    if (UNHELPFUL.test(message)) return;
    if (ALERT.test(message)) this.#alert = { message, atMs: performance.now() };
    const detail = error === undefined ? "" : `: ${error instanceof Error ? error.message : String(error)}`;
    this.#warnOnce(`kafkajs: ${message}${detail}${broker === undefined ? "" : ` (${broker})`}`);
  };
}

/** Connects a client of kafkajs; one that fails to is disconnected, because kafkajs leaves its sockets and timers behind. */
export async function connected<T extends { connect(): Promise<void>; disconnect(): Promise<void> }>(
  client: T,
): Promise<T> {
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await client.disconnect().catch(() => {});
    throw cause;
  }
}

/** Said at every start whatever we do: retries of our producer are limited so that a call ends at some time. */
const UNHELPFUL = /^Limiting retries for the idempotent producer/;

/** So long after an alert a call that failed failed by it: kafkajs tries for about three seconds. */
const ALERT_MS = 5_000;

let loading: Promise<KafkaJs> | undefined;

function loadKafkaJs(): Promise<KafkaJs> {
  return loading ??= (async () => {
    const kafkajs = await import("kafkajs");
    await mendKafkaJs();
    return kafkajs;
  })();
}
