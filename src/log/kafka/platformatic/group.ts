// Membership in a consumer group: joins, stays by heartbeats, joins again when the group changes, never gives up while brokers
// are away. Kafka's classic protocol (JoinGroup v5, with static membership). Knows nothing of records or of who leads what.
//
// A member goes on with what it has while the group changes, and keeps it when it is given the same again. Nothing is lost
// by two members having a partition for a moment: the warehouse takes only one's rows.

import type { Connection } from "@platformatic/kafka";
import { type FreshetError, LogRefusedError, LogUnavailableError } from "../../../errors.ts";
import { Wakeup } from "../../wakeup.ts";
import type { Membership } from "../../log.ts";
import { withDeadline } from "../deadline.ts";
import { strangerInGroup } from "../errors.ts";
import { type Address, answerOf, type Client, isHopeless, namesOf } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import {
  decodeGiven,
  encodeJoining,
  encodeShares,
  type Given,
  PROTOCOL_TYPE,
  PROTOCOLS,
  topicsOf,
} from "./group_protocol.ts";

const BACKOFF_MS = { first: 100, most: 2_000 };
const LEAVE_PATIENCE_MS = 2_000;
const COMMIT_PATIENCE_MS = 5_000;
const COMMIT_RETRY_MS = 200;
/** An answer to a join is waited for this much longer than the group waits for its members. */
const JOIN_SLACK_MS = 10_000;
const MIN_PATIENCE_MS = 1_000;
/** The group's changes are heard of by heartbeats. */
const MAX_HEARTBEAT_MS = 3_000;
const NO_MEMBER = { memberId: "", generation: -1 };

export interface GroupOptions {
  readonly group: string;
  readonly topic: string;
  /** Tells this subscription's connections from others'. */
  readonly purpose: string;
  /** How many partitions the topic has, as far as is known. */
  readonly partitionCount: () => number | undefined;
}

export interface GroupListener {
  /** The group has decided; called also when nothing has changed for this member. */
  assigned(partitions: readonly number[]): void;
  /** What this member had belongs to others now. */
  lost(): void;
  /** Trying again cannot help. */
  failed(error: FreshetError): void;
}

export class GroupMember implements AsyncDisposable {
  readonly #wakeup: Wakeup;
  readonly #closing = new AbortController();
  readonly #living: Promise<void>;
  #coordinator: Address | undefined;
  #memberId = NO_MEMBER.memberId;
  #generation = NO_MEMBER.generation;
  #given: Given | undefined;
  /** Whether the group has decided and heartbeats keep the place. */
  #stays = false;
  #joins = 0;
  #rejoining: PromiseWithResolvers<void> | undefined;
  #backoffMs: number = BACKOFF_MS.first;
  #sinceMs: number;
  #trouble: string | undefined;

  constructor(
    readonly client: Client,
    readonly cluster: Cluster,
    readonly options: GroupOptions,
    readonly listener: GroupListener,
  ) {
    this.#wakeup = new Wakeup(client.clock);
    this.#sinceMs = client.clock.monotonic();
    this.#living = this.#live();
  }

  membership(): Membership {
    return { state: this.#stays ? "member" : "joining", sinceMs: this.#sinceMs, trouble: this.#trouble };
  }

  /** How many partitions the topic has may have changed. */
  lookAgain(): void {
    this.#wakeup.wake();
  }

  /** Leaves and joins again, so that the group decides anew. Resolves when it has left. */
  async rejoin(): Promise<void> {
    this.listener.lost();
    if (!this.#stays) return; // on its way in already
    this.#rejoining ??= Promise.withResolvers();
    this.#wakeup.wake();
    await this.#rejoining.promise;
  }

  /** Moves the group's offsets, while `signal` is not aborted; failures are told, not thrown. */
  async commit(offsets: ReadonlyMap<number, number>, signal: AbortSignal): Promise<void> {
    const { group, topic } = this.options;
    const giveUpAt = this.client.clock.monotonic() + COMMIT_PATIENCE_MS;
    while (!signal.aborted) {
      try {
        return await withDeadline(
          this.#commitNow(offsets),
          giveUpAt - this.client.clock.monotonic(),
          "Committing offsets",
        );
      } catch (thrown) {
        if (signal.aborted || this.#closing.signal.aborted) return;
        if (this.client.clock.monotonic() + COMMIT_RETRY_MS > giveUpAt) {
          const { message } = this.client.error(thrown, { topics: [topic], group });
          return this.client.warnOnce(`Offsets of group "${group}" were not committed to Kafka: ${message}`);
        }
        // The group changes, or its coordinator moves.
        await this.client.clock.sleep(COMMIT_RETRY_MS, signal).catch(() => {});
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#wakeup.wake();
    await this.cluster.drop(this.options.purpose);
    // Brokers that do not answer hold up no ending; what still waits for them ends with the log's connections.
    await withDeadline(this.#living, LEAVE_PATIENCE_MS, "Ending the membership").catch(() => {});
    this.#rejoining?.resolve();
    if (this.client.settings.groupInstanceId === undefined) await this.#leave();
  }

  async #live(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        if (!this.#stays) await this.#join();
        await this.#stay();
      } catch (thrown) {
        if (!this.#closing.signal.aborted) await this.#stumbled(thrown);
      }
    }
  }

  async #join(): Promise<void> {
    const { library, settings } = this.client;
    const { group, topic } = this.options;
    if (this.#rejoining !== undefined) await this.#leaveToRejoin();
    const connection = await this.#connection();
    const owned = this.#given?.partitions ?? [];
    const metadata = encodeJoining(library, { topic, owned, generation: this.#generation, times: ++this.#joins });
    const protocols = PROTOCOLS.map((name) => ({ name, metadata }));
    const ask = () =>
      library.joinGroupV5.api.async(
        ...[connection, group, settings.sessionTimeoutMs, settings.rebalanceTimeoutMs] as const,
        ...[this.#memberId, settings.groupInstanceId ?? null, PROTOCOL_TYPE, protocols] as const,
      );
    const joined = await ask().catch((thrown: unknown) => {
      // The first time the broker only gives an id, with which to ask again.
      if (!namesOf(thrown).includes("MEMBER_ID_REQUIRED")) throw thrown;
      this.#memberId = answerOf<{ memberId: string }>(thrown)!.memberId;
      return ask();
    });
    this.#memberId = joined.memberId;
    // No member leads a group that the broker itself shares out, as it does when one member wants KIP-848. Such a member is
    // none of ours, and takes partitions without a word.
    if (joined.leader === "") throw strangerInGroup(group);
    const leads = joined.leader === joined.memberId;
    const shares = leads ? encodeShares(library, joined.members, await this.#partitionCounts(joined.members)) : [];
    const { assignment } = await library.syncGroupV3.api.async(
      ...[connection, group, joined.generationId, joined.memberId, settings.groupInstanceId ?? null] as const,
      ...[PROTOCOL_TYPE, joined.protocolName, shares] as const,
    );
    if (this.#closing.signal.aborted) return;
    this.#generation = joined.generationId;
    this.#given = decodeGiven(library, topic, assignment);
    this.#settled();
    this.#enter(true);
    this.listener.assigned(this.#given.partitions);
  }

  async #partitionCounts(members: Parameters<typeof topicsOf>[1]): Promise<ReadonlyMap<string, number>> {
    const { topics } = await this.cluster.metadata(topicsOf(this.client.library, members));
    return new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  }

  /** Heartbeats until the group changes. */
  async #stay(): Promise<void> {
    const { sessionTimeoutMs, groupInstanceId } = this.client.settings;
    const patienceMs = Math.max(MIN_PATIENCE_MS, sessionTimeoutMs / 6);
    while (!this.#closing.signal.aborted) {
      if (this.#rejoining !== undefined) return await this.#leaveToRejoin();
      if (this.#hasGrown()) return this.#enter(false);
      const connection = await this.#connection();
      const heartbeat = this.client.library.heartbeatV3.api.async(
        ...[connection, this.options.group, this.#generation, this.#memberId, groupInstanceId ?? null] as const,
      );
      await withDeadline(heartbeat, patienceMs, "A heartbeat");
      this.#settled();
      await this.#wakeup.wait(Math.min(MAX_HEARTBEAT_MS, sessionTimeoutMs / 10));
    }
  }

  /** Whether the topic has other partitions than were shared out. */
  #hasGrown(): boolean {
    const [known, shared] = [this.options.partitionCount(), this.#given?.partitionCount];
    return known !== undefined && shared !== undefined && known !== shared;
  }

  async #leaveToRejoin(): Promise<void> {
    await this.#leave();
    this.#forget();
    this.#rejoining?.resolve();
    this.#rejoining = undefined;
  }

  async #leave(): Promise<void> {
    if (this.#memberId === "" || this.#coordinator === undefined) return;
    const member = { memberId: this.#memberId, groupInstanceId: this.client.settings.groupInstanceId ?? null };
    const leaving = this.cluster.connection(this.#coordinator, "any").then((connection) =>
      this.client.library.leaveGroupV3.api.async(connection, this.options.group, [member])
    );
    await withDeadline(leaving, LEAVE_PATIENCE_MS, "Leaving the group").catch(() => {}); // then it is expelled in a while
  }

  /** What to do about an error. */
  async #stumbled(thrown: unknown): Promise<void> {
    const names = namesOf(thrown);
    const { group, topic } = this.options;
    if (names.includes("REBALANCE_IN_PROGRESS")) return this.#enter(false);
    if (names.includes("UNKNOWN_MEMBER_ID") || names.includes("ILLEGAL_GENERATION")) {
      // The group still waits for a member whose generation is over: it comes under the id that it has.
      const memberId = names.includes("ILLEGAL_GENERATION") ? this.#memberId : NO_MEMBER.memberId;
      this.#forget();
      this.#memberId = memberId;
      return this.listener.lost();
    }
    if (names.includes("FENCED_INSTANCE_ID")) return this.#fail(takenOver(group, this.client.settings.groupInstanceId));
    const error = this.client.error(thrown, { topics: [topic], group });
    if (isHopeless(error)) return this.#fail(error);
    if (!names.includes("COORDINATOR_LOAD_IN_PROGRESS")) {
      if (names.length === 0 && this.#coordinator !== undefined) this.cluster.suspect(this.#coordinator);
      this.#coordinator = undefined;
      await this.cluster.drop(this.options.purpose);
    }
    this.#trouble = error.message;
    this.client.warnOnce(`Group "${group}" cannot be reached and is tried again: ${error.message}`);
    await this.client.clock.sleep(this.#backoffMs, this.#closing.signal).catch(() => {});
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS.most);
  }

  #fail(error: FreshetError): void {
    this.#closing.abort();
    this.#forget();
    this.listener.failed(error);
  }

  /** No member any more. */
  #forget(): void {
    this.#memberId = NO_MEMBER.memberId;
    this.#generation = NO_MEMBER.generation;
    this.#given = undefined;
    this.#enter(false);
  }

  #enter(stays: boolean): void {
    if (this.#stays !== stays) this.#sinceMs = this.client.clock.monotonic();
    this.#stays = stays;
  }

  #settled(): void {
    this.#trouble = undefined;
    this.#backoffMs = BACKOFF_MS.first;
  }

  async #connection(): Promise<Connection> {
    const { group, purpose } = this.options;
    this.#coordinator ??= await this.cluster.coordinator(group);
    return await this.cluster.connection(
      ...[this.#coordinator, purpose, this.client.settings.rebalanceTimeoutMs + JOIN_SLACK_MS] as const,
    );
  }

  async #commitNow(offsets: ReadonlyMap<number, number>): Promise<void> {
    if (this.#coordinator === undefined) throw new LogUnavailableError("The group's coordinator is looked for");
    const connection = await this.cluster.connection(this.#coordinator, "any");
    const partitions = [...offsets].map(([partitionIndex, offset]) => ({
      partitionIndex,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    }));
    await this.client.library.offsetCommitV7.api.async(
      ...[connection, this.options.group, this.#generation, this.#memberId] as const,
      this.client.settings.groupInstanceId ?? null,
      [{ name: this.options.topic, partitions }],
    );
  }
}

function takenOver(group: string, instanceId: string | undefined): LogRefusedError {
  return new LogRefusedError(
    `Another process has joined group "${group}" as "${instanceId}": ` +
      "set KAFKA_GROUP_INSTANCE_ID to a name of its own for each process",
  );
}
