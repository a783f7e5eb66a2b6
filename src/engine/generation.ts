// One generation of a domain: claim the partitions, restore their state, then read, compute and checkpoint until the group
// rebalances, the run is told to stop, or something fails. What was not committed then is simply dropped: whoever comes next
// goes on from the warehouse.

import { setImmediate } from "node:timers/promises";
import { LogDamagedError, LogUnavailableError } from "../errors.ts";
import type { Generation, LogBatch, PartitionBounds } from "../log/log.ts";
import type { Batch, FailedElement, SideOutputs, WindowLengths } from "@freshet/stream";
import type { Claim, Unit, Writer } from "../warehouse/warehouse.ts";
import { AlertEvents } from "./alert_events.ts";
import { Checkpointer } from "./checkpoint.ts";
import type { DeadLetterCopies } from "./dead_letter_copies.ts";
import { type Condemned, type Ingested, PartitionIngest, slices } from "./ingest.ts";
import type { RunnerOptions } from "./options.ts";
import { InFlight } from "./in_flight.ts";
import type { UnitLimit } from "./unit_limit.ts";
import { closeAll, noteClosed, resumeTime } from "./end_of_input.ts";
import { EventTime } from "./event_time.ts";
import { isJoined } from "./episodes.ts";
import type { Gap } from "./gap.ts";
import { Pending } from "./pending.ts";
import { failureOf, type RestoredPipeline, restorePipeline } from "./pipeline.ts";
import type { Progress } from "./progress.ts";
import { beforeFirstRead, SetAside, unreadOf } from "./set_aside.ts";
import type { WrittenSnapshot } from "./kept_state.ts";
import { Snapshots } from "./snapshots.ts";
import { SharedTopic } from "./shared_topic.ts";
import { beyondTheLog, checkSameTopic, readingFrom, recordBefore, startingPoint } from "./starting_point.ts";
import type { TimeSettings } from "../domains/domain.ts";
import { TopicIdentity } from "./topic_identity.ts";

/** How often idle partitions are looked at, milliseconds. */
const TICK_MS = 200;
/** How often the log is asked for its ends, for the lag, milliseconds. */
const BOUNDS_MS = 5000;
/** A look at the log that brokers do not answer is not waited for any longer, milliseconds. */
const LAST_LOOK_MS = 1_000;
/** Rows of keyed tables in a unit, above which it is written at once: a record may make many. */
const MAX_KEYED_CHANGES = 50_000;
/** While a checkpoint is being written, this multiple of its rows may collect before reading stops. */
const ROWS_WHILE_WRITING = 1.5;
/**
 * Sessions and alerts end at any time: watermarks that those of other members wait for are written no more often than this, or
 * than the gap where that is shorter, milliseconds.
 */
const SESSIONS_EVERY_MS = 60_000;
/** How long to wait for records while a checkpoint that is overdue waits for the one being written, milliseconds. */
const WRITING_POLL_MS = 5;

/** Why a generation's run came back. */
export type Outcome = "rebalanced" | "stopped" | "reached end";

/** An operator failed on records: they are condemned, and what was made with them must not be written. */
export class CondemnedRecordsError extends Error {
  constructor(readonly count: number) {
    super(`Operators failed on ${count} records; going back to the last checkpoint without them`);
    this.name = "CondemnedRecordsError";
  }
}

/** What a run of one generation is made of. */
export interface GenerationContext {
  readonly options: RunnerOptions;
  readonly time: TimeSettings;
  readonly writer: Writer;
  readonly condemned: Condemned;
  readonly copies: DeadLetterCopies;
  readonly progress: Progress;
  readonly unitLimit: UnitLimit;
}

/** Runs a generation to its end. Rejects with what failed. */
export async function runGeneration(
  context: GenerationContext,
  generation: Generation,
  signal: AbortSignal,
): Promise<Outcome> {
  const { options, writer } = context;
  const { domain, logger } = options;
  if (generation.partitions.length === 0) {
    warnOfOthers(options, "all");
    return await waitForEnd(generation, signal, Boolean(options.untilEnd));
  }
  const [topic] = await options.log.topics([domain.topic]);
  const all = Array.from(topic?.partitions ?? [], (_, partition) => partition);
  const others = all.filter((partition) => !generation.partitions.includes(partition));
  if (others.length > 0) warnOfOthers(options, `${others.length} of the ${all.length}`);
  const claims = await writer.claim(domain.topic, generation.partitions, all);
  const bounds = await generation.bounds();
  const unknown = generation.partitions.find((partition) => !bounds.has(partition));
  if (options.untilEnd && unknown !== undefined) {
    throw new LogUnavailableError(
      `Nobody can tell where "${domain.topic}" partition ${unknown} ends: it has no leader`,
    );
  }
  checkSameTopic(claims, bounds, options);
  const starts = new Map(
    claims.map((claim) => [claim.partition, startingPoint(claim, bounds.get(claim.partition))]),
  );
  const { time } = context;
  const startedAt = options.clock.monotonic();
  await using pipeline = await restorePipeline(
    { domain, time, writer, stateMemory: options.stateMemory },
    generation.partitions,
  );
  logger.debug("{keys} keys of state in {ms} ms, {from}", {
    domain: domain.name,
    keys: pipeline.state.keys,
    ms: Math.round(options.clock.monotonic() - startedAt),
    from: pipeline.takenUp
      ? `taken up from the data folder with ${pipeline.takenUp.changes} changes since`
      : "read from the warehouse",
  });
  const alerts = await alertEvents(options, pipeline, generation.partitions);
  const unread = await unreadOf(claims, options);
  if (generation.signal.aborted) return "rebalanced";
  // Asking for the record before the position shows whether the topic is still the one that was read.
  const positions = new Map(
    [...starts].map(([partition, claim]) => [partition, readingFrom(claim, bounds.get(partition))]),
  );
  await generation.start(positions);
  logger.debug("Generation {id} started", {
    id: generation.id,
    domain: domain.name,
    positions: Object.fromEntries(positions),
  });
  context.progress.assigned(generation, [...starts.values()], all.length);
  if (!signal.aborted) context.progress.phase = "running";
  context.progress.bounds(bounds);
  const run = new GenerationRun(context, { generation, pipeline, alerts, claims, unread, starts, bounds, others });
  try {
    return await run.run(signal);
  } catch (error) {
    throw failureOf(pipeline, error);
  } finally {
    await run.close();
  }
}

/** Two processes in one group, each with tables of its own: neither has all, and nothing else would say so. */
function warnOfOthers(
  { expectsAllPartitions, domain: { name, topic, group: own }, group = own, logger }: RunnerOptions,
  share: string,
): void {
  if (!expectsAllPartitions) return;
  logger.warn(
    "{domain}: another process in the group {group} has {share} partitions of {topic}, whose rows come into no table here: " +
      "stop it, or give one of the two a group of its own with KAFKA_GROUP_ID",
    { domain: name, group, share, topic },
  );
}

/** What has been told of the partitions' alerts, where somebody is told. */
async function alertEvents(
  { alerts, domain, warehouse, clock, eventNow = () => clock.now() }: RunnerOptions,
  { outputs }: RestoredPipeline,
  partitions: readonly number[],
): Promise<AlertEvents | undefined> {
  if (!alerts || !outputs.some(({ kind }) => kind === "episodes")) return undefined;
  const now = () => clock.now();
  return await AlertEvents.read({ domain, outputs, warehouse, eventNow, now, alerts }, partitions);
}

async function waitForEnd(generation: Generation, signal: AbortSignal, untilEnd: boolean): Promise<Outcome> {
  if (untilEnd) return "reached end";
  await new Promise<void>((resolve) => {
    const ended = AbortSignal.any([generation.signal, signal]);
    if (ended.aborted) resolve();
    else ended.addEventListener("abort", () => resolve(), { once: true });
  });
  return signal.aborted ? "stopped" : "rebalanced";
}

/** When a unit was cut, and what operators held then. */
interface Cut {
  /** By the monotonic clock. */
  readonly decidedAt: number;
  /** Keys by operator. */
  readonly stateKeys: Readonly<Record<string, number>>;
  /** Of the state that the unit leaves. */
  readonly snapshot?: WrittenSnapshot | undefined;
}

function keysIn(stateKeys: Cut["stateKeys"]): number {
  return Object.values(stateKeys).reduce((sum, keys) => sum + keys, 0);
}

/** A generation whose partitions are claimed, with their state. */
interface Started {
  readonly generation: Generation;
  readonly pipeline: RestoredPipeline;
  readonly alerts: AlertEvents | undefined;
  readonly claims: readonly Claim[];
  /** The partitions of which nothing was ever read. */
  readonly unread: readonly number[];
  readonly starts: ReadonlyMap<number, Claim>;
  readonly bounds: ReadonlyMap<number, PartitionBounds>;
  /** The topic's partitions that belong to others. */
  readonly others: readonly number[];
}

class GenerationRun {
  readonly #partitions: ReadonlyMap<number, PartitionIngest>;
  readonly #identity: TopicIdentity;
  readonly #targets: ReadonlyMap<number, number>;
  readonly #checkpointer: Checkpointer;
  readonly #snapshots: Snapshots | undefined;
  readonly #setAside: SetAside;
  #pending: Pending;
  /** When what is pending is due by its age, by the monotonic clock. */
  #dueAt: number | undefined;
  #failed: FailedElement[] = [];
  #inFlight: InFlight | undefined;
  #nextTick = -Infinity;
  #nextBounds = -Infinity;
  /** The log is being asked for its ends. */
  #isAsking = false;
  /** The others' partitions are being looked at. */
  #looking: Promise<unknown> = Promise.resolve();
  readonly #eventTime: EventTime;
  readonly #shared: SharedTopic | undefined;
  private readonly generation: Generation;
  private readonly pipeline: RestoredPipeline;
  private readonly alerts: AlertEvents | undefined;

  constructor(
    private readonly context: GenerationContext,
    { generation, pipeline, alerts, claims, unread, starts, bounds, others }: Started,
  ) {
    this.generation = generation;
    this.pipeline = pipeline;
    this.alerts = alerts;
    const { options: { domain, clock, log, eventNow }, time, writer, condemned, copies } = context;
    this.#partitions = new Map(
      [...starts].map(([partition, from]) => [
        partition,
        new PartitionIngest(from, { domain, time, partition, condemned, clock, schemas: log.schemas, eventNow }),
      ]),
    );
    this.#identity = new TopicIdentity(
      domain,
      [...starts].flatMap(([partition, start]) => {
        const before = recordBefore(start, bounds.get(partition));
        return before ? [[partition, before] as const] : [];
      }),
    );
    this.#targets = new Map(
      [...starts.keys()].map((partition) => [partition, bounds.get(partition)?.high ?? Infinity]),
    );
    this.#checkpointer = new Checkpointer(domain, copies, writer, generation, claims, pipeline.takenUp?.appended);
    this.#snapshots = this.#snapshotsOf(pipeline);
    this.#pending = this.#newPending();
    this.#setAside = new SetAside({
      ...{ options: context.options, writer, generation, progress: context.progress },
      ...{ partitions: this.#partitions, checkpointer: this.#checkpointer },
      unread,
      accepted: (partition) => this.#identity.forget(partition),
    });
    for (const claim of claims) this.#noteFirstGap(claim);
    this.#tellOverdue();
    for (const { partition } of beyondTheLog(claims, bounds)) {
      this.#setAside.truncated(partition, bounds.get(partition)!.high);
    }
    this.#shared = others.length === 0 ? undefined : this.#sharedWith(others);
    for (const { partition, decided } of claims) if (decided) this.#ingest(partition).decided = decided;
    const push = (batch: Batch<unknown>) => this.#push(batch);
    // What has stopped is not silent, wherever it has been read to.
    const caughtUp = (partition: number) => !this.#setAside.has(partition) && generation.caughtUp(partition);
    this.#eventTime = new EventTime({
      ...{ partitions: this.#partitions, generation: { caughtUp }, claims, shared: this.#shared, push },
      firstEnd: () => this.alerts?.firstEnd,
    });
  }

  #snapshotsOf({ kept, state, takenUp }: RestoredPipeline): Snapshots | undefined {
    if (!kept) return undefined;
    const { domain: { name: domain }, clock, logger, stateMemory } = this.context.options;
    const { bytes } = stateMemory!;
    return new Snapshots({ domain, kept, state, clock, logger, takenUp, bytes });
  }

  #sharedWith(partitions: readonly number[]): SharedTopic | undefined {
    const { options: { domain: { topic }, log, checkpointMs }, writer } = this.context;
    const windows = this.pipeline.outputs.flatMap((output): WindowLengths[] => {
      if (output.kind === "sessions" || isJoined(output)) {
        return [{ everyMs: Math.min(SESSIONS_EVERY_MS, output.gapMs), sizeMs: output.gapMs }];
      }
      return output.kind === "windows" ? [output] : [];
    });
    if (windows.length === 0) return undefined;
    const everyMs = Math.max(checkpointMs, Math.min(...windows.map((lengths) => lengths.everyMs)));
    const sizeMs = Math.max(...windows.map((lengths) => lengths.sizeMs));
    return new SharedTopic({ log, writer, topic, partitions, everyMs, sizeMs });
  }

  async run(signal: AbortSignal): Promise<Outcome> {
    const { options } = this.context;
    while (true) {
      if (this.#inFlight?.settled) await this.#settle();
      if (this.generation.signal.aborted) return await this.#commitPending(signal.aborted ? "stopped" : "rebalanced");
      if (signal.aborted) return await this.#finish("stopped");
      const batch = await this.#next();
      if (batch) await this.#take(batch);
      await this.#tick();
      if (this.#due()) await this.#checkpoint();
      if (options.untilEnd && this.#reachedEnd()) return await this.#finishAtEnd();
    }
  }

  /** Waits for what is under way, not long for a look at the log. Does not write. */
  async close(): Promise<void> {
    await this.#inFlight?.done;
    await this.#checkpointer.settled();
    await this.#snapshots?.settled();
    const looked = new AbortController();
    const late = this.context.options.clock.sleep(LAST_LOOK_MS, looked.signal).catch(() => {});
    await Promise.race([this.#looking, late]);
    looked.abort();
  }

  /** The next batch; what cannot be read of a partition is dealt with, once what came before it is on its way. */
  async #next(): Promise<LogBatch | undefined> {
    try {
      return await this.generation.next(this.#waitMs());
    } catch (error) {
      if (!(error instanceof LogDamagedError)) throw error;
      const { partition } = error.damage;
      this.#identity.forget(partition);
      const gap = this.#setAside.tell(error);
      if (gap) this.#addGap(gap);
      if (this.#setAside.has(partition) && this.#pending.partitions.has(partition)) await this.#checkpoint();
    }
  }

  #noteFirstGap({ partition, nextOffset: from }: Claim): void {
    const { nextOffset: to } = this.#ingest(partition).position;
    if (to !== from) this.#addGap(beforeFirstRead(partition, { from, to, at: this.context.options.clock.now() }));
  }

  /** What ended while nobody told of it is told with the first checkpoint. */
  #tellOverdue(): void {
    if (!this.alerts || this.alerts.overdue.length === 0) return;
    this.#pending.addAlertEvents(this.alerts.overdue);
    this.#touch();
  }

  #addGap(gap: Gap): void {
    this.#pending.addGap(gap);
    this.#touch();
  }

  #newPending(): Pending {
    const { options: { domain }, writer } = this.context;
    return new Pending(domain, this.pipeline.outputs, {
      packer: (table) => writer.packer?.(table),
      keepsRaw: writer.raw === undefined,
      alerts: this.alerts,
    });
  }

  /** The end, unless a partition has stopped before it: then nothing is closed, and the run ends with what stopped it. */
  async #finishAtEnd(): Promise<Outcome> {
    const { error } = this.#setAside;
    if (!error) return await this.#finish("reached end");
    await this.#finish("stopped");
    throw error;
  }

  /** A last checkpoint. */
  async #finish(outcome: Outcome): Promise<Outcome> {
    if (outcome === "reached end") await this.#endInput();
    if (!this.#pending.empty || this.#failed.length > 0) await this.#checkpoint();
    await this.#settle();
    // What follows is only closed: brokers that are away may take long over that.
    if (outcome === "stopped") this.context.progress.phase = "stopped";
    return outcome;
  }

  /**
   * The generation has ended: what is pending is still written, for a group that rebalances often would never commit anything
   * otherwise. A partition that has a new owner by now is fenced, and nothing of the unit is written then.
   */
  async #commitPending(outcome: Outcome): Promise<Outcome> {
    if (this.#dueAt === undefined) return outcome;
    try {
      await this.#checkpoint();
      await this.#settle();
    } catch (error) {
      const { domain, logger } = this.context.options;
      const message = (error as Error).message;
      logger.debug("What was pending is read again: {message}", { domain: domain.name, message });
    }
    return outcome;
  }

  async #endInput(): Promise<void> {
    const { untilEnd, clock } = this.context.options;
    const push = (batch: Batch<unknown>) => this.#push(batch);
    const ended = { pipeline: this.pipeline, partitions: this.#partitions, push };
    if (typeof untilEnd === "object") return await resumeTime(ended, untilEnd);
    const hadNothing = this.#pending.empty;
    await closeAll(ended);
    if (hadNothing && this.#pending.keyedChanges === 0) this.#pending = this.#newPending();
    else noteClosed(ended, this.#pending, clock.now());
    this.#pending.addAlertEvents(this.alerts?.passed(() => Infinity) ?? []);
  }

  /** Takes a batch in slices, so that a commit under way gets its turns of the JavaScript thread in between. */
  async #take(log: LogBatch): Promise<void> {
    const ingest = this.#ingest(log.partition);
    const verified = this.#identity.check(log, ingest.position.nextOffset);
    if (verified.nextOffset < ingest.position.nextOffset) return;
    if (verified.records.length === 0 && verified.nextOffset <= ingest.position.nextOffset) {
      return this.#setAside.reachedPosition(log.partition);
    }
    this.#setAside.came(log.partition);
    for (const slice of slices(verified)) {
      const ingested = ingest.take(slice);
      this.context.progress.taken(ingested);
      this.#touch();
      this.#pending.add(ingested);
      await this.#sendRaw(log.partition, ingested);
      await this.#push(ingested.batch);
      if (this.#unitIsFull()) await this.#checkpoint();
      else if (this.#writing) await setImmediate();
    }
  }

  /** Raw rows go ahead where the warehouse has a way for them. */
  async #sendRaw(partition: number, { raw }: Ingested): Promise<void> {
    const { options: { domain }, writer } = this.context;
    if (raw.length > 0) await writer.raw?.append(domain.topic, partition, raw);
  }

  #unitIsFull(): boolean {
    const { unitLimit, writer } = this.context;
    return unitLimit.isReachedBy(this.#pending, writer.largeBytes) || this.#pending.keyedChanges >= MAX_KEYED_CHANGES;
  }

  #ingest(partition: number): PartitionIngest {
    return this.#partitions.get(partition)!;
  }

  async #push(batch: Batch<unknown>): Promise<void> {
    const answers = await this.pipeline.operators.push(batch);
    this.#pending.addAnswers(batch, answers, this.context.options.clock.now());
    this.#eventTime.madeRows(this.#pending.takeEnds());
    this.#collectFailures(batch.side);
  }

  #collectFailures({ failed }: SideOutputs): void {
    for (const failure of failed) this.#failed.push(failure);
  }

  /** Lets the watermarks of silent partitions go on by the clock. */
  async #tick(): Promise<void> {
    const now = this.context.options.clock.monotonic();
    if (now < this.#nextTick) return;
    this.#nextTick = now + TICK_MS;
    this.context.progress.look();
    this.#askBounds(now);
    if (!this.#writing) await this.#setAside.tick(now);
    const makesFinal = await this.#eventTime.tick(now, !this.#writing);
    const isTold = this.alerts?.hasPassed(this.#passedUpTo) === true;
    if (makesFinal || isTold || this.#isSnapshotDue || this.#pending.keyedChanges > 0) this.#touch();
  }

  /** Up to where all partitions have closed what an operator makes. */
  readonly #passedUpTo = (operator: string): number =>
    this.#eventTime.passedUpTo((partition) => this.pipeline.state.closedUpTo(operator, partition));

  /** Asks in the background how far the log reaches; the lag is only for people, so failures do not matter. */
  #askBounds(now: number): void {
    if (now < this.#nextBounds || this.#isAsking) return;
    this.#nextBounds = now + BOUNDS_MS;
    this.#isAsking = true;
    // Nobody waits for this: a log that is away takes long to say so.
    this.generation.bounds().then((bounds) => this.context.progress.bounds(bounds)).catch(() => {})
      .finally(() => this.#isAsking = false);
    this.#looking = this.#shared?.look().catch(() => {}) ?? this.#looking;
  }

  #touch(): void {
    this.#dueAt ??= this.context.options.clock.monotonic() + this.#ageMs();
  }

  /** How old what is pending may become from now on. */
  #ageMs(): number {
    const { clock, checkpointMs, checkpointOnTicks = false } = this.context.options;
    return checkpointOnTicks ? checkpointMs - clock.now() % checkpointMs : checkpointMs;
  }

  #waitMs(): number {
    if (this.#dueAt === undefined) return TICK_MS;
    const leftMs = this.#dueAt - this.context.options.clock.monotonic();
    return Math.min(TICK_MS, Math.max(leftMs, this.#writing ? WRITING_POLL_MS : 0));
  }

  get #writing(): boolean {
    return this.#inFlight !== undefined && !this.#inFlight.settled;
  }

  /**
   * Whether it is time for a checkpoint. While one is still being written reading goes on, up to half as many rows again: a slow
   * commit makes the next unit larger before it makes the reading stop. While more records wait it grows by itself.
   */
  #due(): boolean {
    if (this.#dueAt === undefined) return false;
    const { clock, checkpointRows, checkpointBacklogRows = 0 } = this.context.options;
    const { records } = this.#pending;
    const mostRows = Math.max(checkpointRows, checkpointBacklogRows);
    if (records >= ROWS_WHILE_WRITING * mostRows) return true;
    if (this.#writing) return false;
    if (records >= mostRows || clock.monotonic() >= this.#dueAt) return true;
    return records >= checkpointRows && !this.#recordsWait();
  }

  #recordsWait(): boolean {
    for (const partition of this.#partitions.keys()) {
      if (!this.#setAside.has(partition) && !this.generation.caughtUp(partition)) return true;
    }
    return false;
  }

  /** Everything that was in the log at the start has been taken, and the topic is known to be the one that was read. */
  #reachedEnd(): boolean {
    for (const [partition, ingest] of this.#partitions) {
      if (this.#setAside.has(partition)) continue;
      const taken = ingest.position.nextOffset >= this.#targets.get(partition)! && !this.#identity.awaits(partition);
      if (!taken && !this.generation.caughtUp(partition)) return false;
    }
    return true;
  }

  /** Makes a unit of what is pending and lets it be written while reading goes on; at most one is under way. */
  async #checkpoint(): Promise<void> {
    const decidedAt = this.context.options.clock.monotonic();
    for (const partition of [...this.#pending.partitions]) {
      await this.#push(this.#ingest(partition).batch([], { early: true }));
    }
    this.#condemnFailed();
    this.#pending.addAlertEvents(this.alerts?.passed(this.#passedUpTo) ?? []);
    const pending = this.#pending;
    const state = this.pipeline.state.drain();
    const stateKeys = this.pipeline.state.sizes();
    this.#trimState();
    await this.#settle();
    const snapshot = this.#snapshot(state.length);
    const moves = [...this.#partitions].filter(([partition, { position }]) =>
      snapshot !== undefined || pending.partitions.has(partition) ||
      position.watermark !== this.#checkpointer.claim(partition).watermark
    ).map(([partition, { position }]) => this.#checkpointer.move(partition, position));
    this.#eventTime.written();
    const unit = pending.unit(moves, snapshot ? [...state, ...snapshot.marks] : state);
    this.#pending = this.#newPending();
    this.#dueAt = undefined;
    this.#inFlight = new InFlight(this.#commit(unit, pending, { stateKeys, decidedAt, snapshot }));
  }

  /** Not while a partition has stopped: its unit would move all, and that one may be moved by somebody else. */
  get #isSnapshotDue(): boolean {
    return this.#setAside.isEmpty && this.#snapshots?.isDue() === true;
  }

  /** A snapshot of the state that the unit will leave, where it is time for one: its unit moves all partitions. */
  #snapshot(changes: number): WrittenSnapshot | undefined {
    this.#snapshots?.changed(changes);
    if (!this.#isSnapshotDue) return undefined;
    const checkpoints = this.#partitions.keys().map((partition) =>
      [partition, this.#checkpointer.claim(partition).checkpoint + 1] as const
    );
    return this.#snapshots!.write({
      checkpoints: new Map(checkpoints),
      appended: this.#checkpointer.appended + changes,
    });
  }

  /** Lets keys that memory has no room for go to their file; the first time is worth a word. */
  #trimState(): void {
    const { state } = this.pipeline;
    const { options: { domain, logger, stateMemory } } = this.context;
    const hadSpilled = state.hasSpilled;
    state.trim();
    if (hadSpilled || !state.hasSpilled) return;
    logger.info(
      "{domain}: its keys need more than {megabytes} MB of memory; others wait in a file in {folder} from now on",
      {
        ...{ domain: domain.name, folder: stateMemory!.folder },
        megabytes: Math.round(stateMemory!.bytes / 1e6),
      },
    );
  }

  async #commit(unit: Unit, pending: Pending, { stateKeys, decidedAt, snapshot }: Cut): Promise<void> {
    const { options: { clock }, unitLimit } = this.context;
    const startedAt = clock.monotonic();
    unitLimit.trying(pending);
    await this.#checkpointer.commit(unit, pending.dead);
    unitLimit.taken();
    for (const { partition, to } of unit.moves) this.context.condemned.forget(partition, to.nextOffset);
    const now = clock.monotonic();
    const took = { durationMs: now - startedAt, processingMs: now - decidedAt };
    this.context.progress.committed({ unit, pending, stateKeys, took });
    if (snapshot) this.#snapshots!.keep(snapshot);
    if (!this.#checkpointer.hasAppended(unit.state.length, keysIn(stateKeys))) return;
    await this.#checkpointer.compact(this.#snapshots?.since);
    this.#snapshots?.compacted();
  }

  /** Waits for the commit under way; rejects with what it failed with. */
  async #settle(): Promise<void> {
    const flight = this.#inFlight;
    if (!flight) return;
    await flight.done;
    this.#inFlight = undefined;
    if (flight.error !== undefined) throw flight.error;
  }

  #condemnFailed(): void {
    if (this.#failed.length === 0) return;
    const { condemned } = this.context;
    for (const { operator, partition, offset, error } of this.#failed) {
      condemned.add(partition, offset, {
        stage: "operator",
        reason: "operator_error",
        detail: `${operator}: ${error}`,
      });
    }
    throw new CondemnedRecordsError(this.#failed.length);
  }
}
