// What has to be mended in kafkajs 2.2.4, which nobody maintains: methods of its classes, replaced once, when it is loaded.
// Knows kafkajs's insides, and of ours only how a login gets its token and which codes say that a batch is too large.

import { TOO_LARGE } from "../errors.ts";
import type { BearerMechanism } from "./config.ts";

/** The classes, by deep imports. */
export async function mendKafkaJs(): Promise<void> {
  const [{ default: errors }, { default: requestQueue }, { default: connection }, { default: authenticator }, answers] =
    await Promise.all([
      import("kafkajs/src/errors.js"),
      import("kafkajs/src/network/requestQueue/index.js"),
      import("kafkajs/src/network/connection.js"),
      import("kafkajs/src/broker/saslAuthenticator/index.js"),
      produceAnswers(),
    ]);
  // Files of its inside have no types; what the mends use of these is described below, for the pinned version.
  mendRequestQueue(requestQueue as unknown as { prototype: RequestQueue });
  mendConnection(connection as unknown as { prototype: Connection });
  mendAuthenticator(authenticator as unknown as { prototype: Authenticator }, (cause) => {
    const { KafkaJSConnectionError } = errors as { KafkaJSConnectionError: new (message: string) => Error };
    return Object.assign(new KafkaJSConnectionError(cause.message), { cause });
  });
  for (const parser of answers) mendProduceAnswer(parser);
}

interface ProduceAnswer {
  readonly topics: readonly {
    readonly partitions: readonly { readonly errorCode: number }[];
  }[];
}

/** How a version of the answer to a produce is taken. */
interface AnswerParser {
  parse(answer: ProduceAnswer): Promise<ProduceAnswer>;
}

/** Of the versions that idempotent producers use. */
async function produceAnswers(): Promise<readonly AnswerParser[]> {
  const modules = await Promise.all([
    import("kafkajs/src/protocol/requests/produce/v3/response.js"),
    import("kafkajs/src/protocol/requests/produce/v4/response.js"),
    import("kafkajs/src/protocol/requests/produce/v5/response.js"),
    import("kafkajs/src/protocol/requests/produce/v6/response.js"),
    import("kafkajs/src/protocol/requests/produce/v7/response.js"),
  ]);
  return modules.map(({ default: parser }) => parser as unknown as AnswerParser);
}

/**
 * kafkajs makes one error of the whole answer when a broker takes one partition's batch for too large, and says nothing of the
 * others, which it has written. Here the answer passes, with the code of each partition.
 */
function mendProduceAnswer(parser: AnswerParser): void {
  const { parse } = parser;
  parser.parse = async function (answer) {
    await parse.call(this, {
      topics: answer.topics.map(({ partitions }) => ({
        partitions: partitions.filter(({ errorCode }) => !TOO_LARGE.has(errorCode)),
      })),
    });
    return answer;
  };
}

/** A request that is ready to be written. */
interface Pushed {
  readonly entry: { readonly apiKey: number; readonly reject: (error: Error) => void };
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  throttleCheckTimeoutId: ReturnType<typeof setTimeout> | null;
  scheduleCheckPendingRequests(): void;
  checkPendingRequests(): void;
  push(request: Pushed): void;
  /** Ours: what has to wait for the end of a login. */
  held?: Pushed[];
}

/** What belongs to a login: SaslHandshake, ApiVersions, SaslAuthenticate. */
const LOGIN_KEYS: readonly number[] = [17, 18, 36];

/**
 * kafkajs sets a timer with a negative time after every answer, which wakes up each millisecond for ever and prints
 * TimeoutNegativeWarning (kafkajs#1751). A check is only needed while requests wait.
 *
 * A request that was begun before a login may be ready in the midst of it; brokers then break the connection off. It waits.
 */
function mendRequestQueue({ prototype }: { prototype: RequestQueue }): void {
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, Math.max(this.throttledUntil - Date.now(), 10));
  };
  const { push } = prototype;
  prototype.push = function (request) {
    if (this.held === undefined || LOGIN_KEYS.includes(request.entry.apiKey)) push.call(this, request);
    else this.held.push(request);
  };
}

/** Ends the holding: what waited is written, or rejected when the login failed. */
function letGo(queue: RequestQueue, failure: Error | undefined): void {
  const held = queue.held ?? [];
  queue.held = undefined;
  for (const request of held) {
    if (failure === undefined) queue.push(request);
    else request.entry.reject(failure);
  }
}

interface Connection {
  sasl: unknown;
  readonly requestQueue: RequestQueue;
  /** As process.hrtime says it; null when the login has to be made. */
  readonly authenticatedAt: [seconds: number, nanoseconds: number] | null;
  /** Milliseconds that the broker gives the session, 0 for no end. */
  readonly sessionLifetime: { toString(): string };
  readonly socket?: { destroy(): void };
  isAuthenticated(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  /** Ours: it has been closed since it was last asked to connect. */
  isClosed?: boolean;
}

/** Kafka's own clients log in again at 85 to 95 % of a session. */
const RENEW_AT = 0.85;
/** Brokers refuse it within a second of the last time. */
const RENEW_AFTER_MS = 1_100;

/**
 * kafkajs logs in again ten seconds before the broker's session ends, so before every request when sessions are shorter
 * than that: brokers break that off. Here it is a part of the session, however long that is.
 *
 * A connection that is closed while it connects stays open. Here it is closed once it is connected.
 */
function mendConnection({ prototype }: { prototype: Connection }): void {
  prototype.isAuthenticated = function () {
    if (this.authenticatedAt === null) return false;
    const lifetimeMs = Number(this.sessionLifetime.toString());
    if (lifetimeMs === 0) return true;
    const [seconds, nanoseconds] = process.hrtime(this.authenticatedAt);
    return seconds * 1000 + nanoseconds / 1e6 < Math.max(lifetimeMs * RENEW_AT, RENEW_AFTER_MS);
  };
  const { connect, disconnect } = prototype;
  prototype.connect = async function () {
    this.isClosed = false;
    const connected = await connect.call(this);
    if (this.isClosed) {
      await disconnect.call(this);
      this.socket?.destroy();
    }
    return connected;
  };
  prototype.disconnect = function () {
    this.isClosed = true;
    return disconnect.call(this);
  };
}

interface Authenticator {
  readonly connection: Connection;
  authenticate(): Promise<void>;
}

/**
 * kafkajs asks for a token when it has begun the login. If there is none to be had it begins once more on the same
 * connection, which the broker takes for a breach of the protocol. Here the token is there before the login begins. And it
 * leaves a connection open whose login failed while the client was being closed. Here it is closed.
 */
function mendAuthenticator(
  { prototype }: { prototype: Authenticator },
  connectionError: (cause: Error) => Error,
): void {
  const { authenticate } = prototype;
  prototype.authenticate = async function () {
    const { connection } = this;
    const { requestQueue } = connection;
    const sasl = connection.sasl as Partial<BearerMechanism>;
    let failure: Error | undefined;
    try {
      const ready = await sasl.withToken?.().catch((thrown) => {
        // By any other error that may pass, kafkajs goes on connecting when the client is closed long since.
        throw thrown.retriable ? connectionError(thrown) : thrown;
      });
      requestQueue.held = [];
      connection.sasl = ready ?? sasl;
      await authenticate.call(this);
    } catch (thrown) {
      failure = thrown as Error;
      connection.disconnect().catch(() => {}); // not waited for: it waits for answers to what was sent before
      throw thrown;
    } finally {
      connection.sasl = sasl;
      letGo(requestQueue, failure);
    }
  };
}
