// Loads @platformatic/kafka and turns settings into its connections: address, TLS, login. Of the package only connections and
// requests are used, never its consumer or producer. Knows nothing of groups, records or partitions.

import type { Connection, ResponseParser, Writer } from "@platformatic/kafka";
import { type Clock, systemClock } from "../../../clock.ts";
import { FreshetError } from "../../../errors.ts";
import { type About, ALERT, errorContext, translateKafkaError } from "../errors.ts";
import { type CompleteKafkaSettings, completeSettings, type KafkaSettings } from "../settings.ts";
import { type Address, addressOf, connectionOptions, type Library } from "./connection_options.ts";
import { onceInAWhile } from "../repeated_warnings.ts";

export type { Address, Library };

/** Of a login's time so much is used. */
const SESSION_USE = 0.8;
/** So long after an alert a call that failed failed by it. */
const ALERT_MS = 5_000;
const PATIENCE = { forMs: 5_000, pauseMs: 100 };

export interface ClientOptions {
  readonly settings: KafkaSettings;
  readonly clock?: Clock;
  readonly onWarning?: (message: string) => void;
}

/** What every part of the adapter shares. */
export class Client {
  /** Trouble that lasts is told once in a while. */
  readonly warnOnce: (message: string) => void;
  /** When the login of a connection is to be used no more. */
  readonly #endsAtMs = new WeakMap<Connection, number>();
  /** What a broker said last as it broke TLS off. */
  #alert: { readonly message: string; readonly atMs: number } | undefined;

  private constructor(
    readonly library: Library,
    readonly settings: CompleteKafkaSettings,
    readonly clock: Clock,
    readonly onWarning: (message: string) => void,
  ) {
    this.warnOnce = onceInAWhile(onWarning, () => clock.monotonic());
  }

  static async load({ settings, clock = systemClock, onWarning = () => {} }: ClientOptions): Promise<Client> {
    return new Client(await import("@platformatic/kafka"), completeSettings(settings), clock, onWarning);
  }

  /** Where to ask first. */
  get bootstrap(): readonly Address[] {
    return this.settings.brokers.map(addressOf);
  }

  /** A connection that is open and logged in. Rejects with what the package or the broker says. */
  async connect({ host, port }: Address, requestTimeoutMs: number): Promise<Connection> {
    const { settings, library } = this;
    let lifetimeMs = 0;
    const onLogin = (ms: number) => void (lifetimeMs = ms);
    const options = connectionOptions(settings, { library, host, onLogin });
    const connection = new library.Connection(settings.clientId, { ...options, requestTimeout: requestTimeoutMs });
    connection.on("error", (error) => this.#heard(error)); // each request fails by it, too
    connection.on("close", () => void connection.close().catch(() => {})); // stops its timer for the next login
    try {
      await connection.connect(host, port);
      if (lifetimeMs > 0) this.#endsAtMs.set(connection, this.clock.monotonic() + lifetimeMs * SESSION_USE);
      return connection;
    } catch (cause) {
      await discard(connection);
      throw cause;
    }
  }

  /** Whether the broker takes requests by this connection's login for a while yet. */
  isFresh(connection: Connection): boolean {
    return this.clock.monotonic() < (this.#endsAtMs.get(connection) ?? Infinity);
  }

  /** Any error as one of ours. */
  error(thrown: unknown, about?: About): FreshetError {
    const context = errorContext(this.settings, about);
    const error = translateKafkaError(thrown, context);
    const alert = this.#alert;
    if (alert === undefined || !error.retriable || this.clock.monotonic() - alert.atMs > ALERT_MS) return error;
    return translateKafkaError(new Error(alert.message, { cause: thrown }), context);
  }

  /** A broker that breaks TLS off says why to the connection; what is asked over it only hears that it is closed. */
  #heard(error: Error): void {
    for (let heard: unknown = error; heard instanceof Error; heard = heard.cause) {
      if (ALERT.test(heard.message)) this.#alert = { message: heard.message, atMs: this.clock.monotonic() };
    }
  }

  /** Calls again while a broker answers that it cannot say just now: a coordinator that loads, or moves, is there in a moment. */
  async patiently<T>(call: () => Promise<T>): Promise<T> {
    const giveUpAt = this.clock.monotonic() + PATIENCE.forMs;
    while (true) {
      try {
        return await call();
      } catch (thrown) {
        const isOver = this.clock.monotonic() > giveUpAt || answerOf(thrown) === undefined;
        if (isOver || !this.error(thrown).retriable) throw thrown;
        await this.clock.sleep(PATIENCE.pauseMs);
      }
    }
  }
}

/** A request that is written and read by us. */
export interface OwnRequest<T> {
  readonly api: number;
  /** Of those before KIP-482: without tagged fields. */
  readonly version: number;
  readonly write: () => Writer;
  readonly parse: ResponseParser<T>;
}

/** Sends a request; its answer, or what went wrong. */
export function request<T>(connection: Connection, { api, version, write, parse }: OwnRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    connection.send<T>(
      ...[api, version, write, parse, false, false] as const,
      (error, answer) => error === null ? resolve(answer!) : reject(error),
    );
  });
}

/** Closes a connection in whatever state it is. */
export async function discard(connection: Connection): Promise<void> {
  const closed = connection.close().catch(() => {});
  connection.socket?.destroy();
  await closed;
}

/** Kafka's names of the errors in an answer, e.g. `NOT_COORDINATOR`; empty for errors of another kind. */
export function namesOf(thrown: unknown): readonly string[] {
  const names: string[] = [];
  const visit = (error: unknown, depth: number) => {
    if (!(error instanceof Error) || depth > 4) return;
    const { apiId, errors, cause } = error as { apiId?: string; errors?: readonly unknown[]; cause?: unknown };
    if (apiId !== undefined) names.push(apiId);
    for (const inner of errors ?? []) visit(inner, depth + 1);
    visit(cause, depth + 1);
  };
  visit(thrown, 0);
  return names;
}

/** The answer that an error came with: the package throws when a part of an answer holds an error. */
export function answerOf<T>(thrown: unknown): T | undefined {
  return thrown instanceof Error && "response" in thrown ? thrown.response as T | undefined : undefined;
}

/** Whether trying again cannot help. */
export function isHopeless(error: unknown): boolean {
  return error instanceof FreshetError && !error.retriable;
}
