// The brokers of a cluster: who they are, connections to them, which of them leads what. A connection is kept by what it is
// for, so that a request that waits at the broker holds up none of another kind. Knows nothing of records or of groups' rules.

import type { Connection } from "@platformatic/kafka";
import { LogUnavailableError, TopicMissingError } from "../../../errors.ts";
import { withDeadline } from "../deadline.ts";
import { type Address, answerOf, type Client, discard, isHopeless, type Library } from "./client.ts";
import { UNKNOWN_TOPIC_OR_PARTITION } from "./codes.ts";

type MetadataResponse = Awaited<ReturnType<Library["metadataV7"]["api"]["async"]>>;

/** Who leads a topic's partitions, as the cluster last said. */
export interface TopicView {
  readonly topic: string;
  /** By partition number; undefined for one without a leader. */
  readonly leaders: readonly (Address | undefined)[];
}

/** A broker that did not answer is asked last for this long. */
const SHUN_MS = 10_000;
const RETIRE_MS = 10_000;

interface Link {
  readonly connecting: Promise<Connection>;
  connection: Connection | undefined;
}

export class Cluster implements AsyncDisposable {
  readonly #links = new Map<string, Link>();
  readonly #shunned = new Map<string, number>();
  readonly #asking = new Set<Promise<unknown>>();
  #known: readonly Address[] = [];
  readonly #closing = new AbortController();

  constructor(readonly client: Client) {}

  /** An open connection for `purpose`; requests on it are given up after `requestTimeoutMs`. */
  async connection(
    address: Address,
    purpose: string,
    requestTimeoutMs = this.client.settings.requestTimeoutMs,
  ): Promise<Connection> {
    if (this.#closing.signal.aborted) throw new LogUnavailableError("The log is closed");
    const key = `${purpose} ${keyOf(address)}`;
    const kept = this.#links.get(key);
    if (kept !== undefined && (kept.connection === undefined || this.#isUsable(kept.connection))) {
      return await kept.connecting;
    }
    if (kept?.connection !== undefined) this.#retire(kept.connection);
    const link: Link = { connecting: this.client.connect(address, requestTimeoutMs), connection: undefined };
    this.#links.set(key, link);
    try {
      link.connection = await link.connecting;
      this.#shunned.delete(keyOf(address));
    } catch (cause) {
      if (this.#links.get(key) === link) this.#links.delete(key);
      this.suspect(address);
      throw cause;
    }
    if (this.#closing.signal.aborted || this.#links.get(key) !== link) {
      await discard(link.connection);
      throw new LogUnavailableError("The connection is closed");
    }
    return link.connection;
  }

  /** Gives up the connections whose purpose begins with `purpose`, to all brokers or to one: what waits on them rejects. */
  async drop(purpose: string, address?: Address): Promise<void> {
    const dropped: Promise<void>[] = [];
    for (const [key, link] of this.#links) {
      if (!key.startsWith(`${purpose} `) || (address && key !== `${purpose} ${keyOf(address)}`)) continue;
      this.#links.delete(key);
      dropped.push(link.connecting.then(discard, () => {}));
    }
    await Promise.all(dropped);
  }

  /** Gives up one connection; who asks next for its purpose gets another. */
  async dropOne(connection: Connection): Promise<void> {
    for (const [key, link] of this.#links) if (link.connection === connection) this.#links.delete(key);
    await discard(connection);
  }

  /** The broker seems to stand still: others are asked before it for a while. */
  suspect(address: Address): void {
    this.#shunned.set(keyOf(address), this.client.clock.monotonic());
  }

  /** Asks one broker after another until one answers. */
  async askAny<T>(call: (connection: Connection) => Promise<T>): Promise<T> {
    const asking = this.#askEach(call);
    this.#asking.add(asking);
    try {
      return await asking;
    } finally {
      this.#asking.delete(asking);
    }
  }

  async #askEach<T>(call: (connection: Connection) => Promise<T>): Promise<T> {
    const { connectionTimeoutMs } = this.client.settings;
    let failure: unknown;
    for (const address of this.#candidates()) {
      // A connection kept from before may have gone unnoticed: a new one tells what is the matter.
      for (let triesLeft = this.#links.has(`any ${keyOf(address)}`) ? 2 : 1; triesLeft > 0; triesLeft--) {
        let connection: Connection | undefined;
        try {
          connection = await this.connection(address, "any");
          return await withDeadline(call(connection), connectionTimeoutMs, `An answer of ${keyOf(address)}`);
        } catch (thrown) {
          // An answer that holds an error is an answer; a refused login is one, too.
          if (answerOf(thrown) !== undefined || isHopeless(this.client.error(thrown))) throw thrown;
          if (thrown instanceof LogUnavailableError) triesLeft = 1; // took too long, as it would again
          if (triesLeft === 1) failure ??= thrown;
          this.suspect(address);
          if (connection !== undefined) await this.dropOne(connection);
          if (this.#closing.signal.aborted) throw thrown;
        }
      }
    }
    throw failure ?? new LogUnavailableError("No broker of Kafka is known");
  }

  /** What the cluster says of `topics`, or of all; errors are in the answer, by topic and partition. */
  async metadata(topics: readonly string[] | null): Promise<MetadataResponse> {
    const { metadataV7 } = this.client.library;
    const answer = await this.askAny((connection) =>
      metadataV7.api.async(connection, topics === null ? null : [...topics], false).catch((thrown: unknown) => {
        const answer = answerOf<MetadataResponse>(thrown);
        if (answer === undefined) throw thrown;
        return answer;
      })
    );
    this.#known = answer.brokers.map(({ host, port }) => ({ host, port }));
    return answer;
  }

  /** Who leads the partitions of a topic. Rejects with `TopicMissingError` or one of ours. */
  async view(topic: string): Promise<TopicView> {
    try {
      const { topics: [info], brokers } = await this.metadata([topic]);
      if (info === undefined || info.errorCode === UNKNOWN_TOPIC_OR_PARTITION) throw new TopicMissingError([topic]);
      if (info.partitions.length === 0) throw new this.client.library.ProtocolError(info.errorCode);
      const leaders: (Address | undefined)[] = [];
      for (const { partitionIndex, leaderId } of info.partitions) {
        leaders[partitionIndex] = brokers.find(({ nodeId }) => nodeId === leaderId);
      }
      return { topic, leaders };
    } catch (thrown) {
      throw this.client.error(thrown, { topics: [topic] });
    }
  }

  /** Where a group's coordinator is just now. */
  async coordinator(group: string): Promise<Address> {
    const { findCoordinatorV2 } = this.client.library;
    const { coordinators: [found] } = await this.askAny((connection) =>
      findCoordinatorV2.api.async(connection, 0, [group])
    );
    return { host: found!.host, port: found!.port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map(({ connecting }) => connecting.then(discard, () => {})));
    await Promise.allSettled(this.#asking);
  }

  #isUsable(connection: Connection): boolean {
    return connection.status === "connected" && this.client.isFresh(connection);
  }

  /** Lets what is under way on a connection come to its end. */
  #retire(connection: Connection): void {
    const retiring = this.client.clock.sleep(RETIRE_MS, this.#closing.signal).catch(() => {})
      .then(() => discard(connection)).finally(() => this.#asking.delete(retiring));
    this.#asking.add(retiring);
  }

  /** All brokers there may be: those with a connection first, those that did not answer lately last. */
  #candidates(): readonly Address[] {
    const now = this.client.clock.monotonic();
    const all = new Map([...this.#known, ...this.client.bootstrap].map((address) => [keyOf(address), address]));
    const rank = (key: string) => {
      if (now - (this.#shunned.get(key) ?? -Infinity) < SHUN_MS) return 2;
      return this.#links.get(`any ${key}`)?.connection === undefined ? 1 : 0;
    };
    return [...all].toSorted(([a], [b]) => rank(a) - rank(b)).map(([, address]) => address);
  }
}

export function keyOf({ host, port }: Address): string {
  return `${host}:${port}`;
}
