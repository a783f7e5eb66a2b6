// Moves a partition's position past offsets that cannot be read, with a gap on record, because somebody chose so. Works as one
// more owner of the partition would: what runs meanwhile is fenced off, and goes on from where the position is then.

import type { Clock } from "../clock.ts";
import { commitUnit } from "./checkpoint.ts";
import { type Gap, gapRow, GAPS_TABLE } from "./gap.ts";
import { FreshetError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { lookUp, type LookUpOptions } from "../log/look_up.ts";
import { Cells } from "../warehouse/cells.ts";
import type { Claim, Warehouse } from "../warehouse/warehouse.ts";

/** What is to be skipped. */
export interface SkipRequest {
  readonly topic: string;
  readonly partition: number;
  /** The first offset, inclusive: where the position is. */
  readonly from: number;
  /** Exclusive: where reading is to go on. */
  readonly to: number;
}

export interface SkipOptions {
  readonly log: Log;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The domain that reads the topic. */
  readonly domain: { readonly name: string; readonly topic: string };
}

/** Counts the gaps of a partition on record that end at an offset: domain, topic, partition, offset, who chose it. */
export const GAPS_ON_RECORD =
  `SELECT COUNT(*) FROM ${GAPS_TABLE} WHERE DOMAIN = ? AND TOPIC = ? AND KAFKA_PARTITION = ? AND TO_OFFSET = ? AND RECORDED_BY = ?`;

const RECORDED_BY: Gap["by"] = "freshet skip";

/** Whether a gap of a partition that ends at the offset is on record, chosen by `by`. */
export async function hasGapBefore(
  offset: number,
  partition: number,
  { by, warehouse, domain }: Pick<SkipOptions, "warehouse" | "domain"> & Pick<Gap, "by">,
): Promise<boolean> {
  const { rows } = await warehouse.query(GAPS_ON_RECORD, { binds: [domain.name, domain.topic, partition, offset, by] });
  return Number(rows[0]![0]) > 0;
}

/** Whether it was recorded now, or had been before; or of a copied topic that has lost its end, that it is copied from there. */
export type Skipped = "recorded" | "recorded before" | "copied from";

/** What is asked for would lose records that can be read, or is not what the position waits for. */
export class SkipRefusedError extends FreshetError {
  readonly code = "skip_refused";
  readonly retriable = false;
}

/** Errors: `SkipRefusedError` says what is so, `FencedError` when the position moved meanwhile, and those of the ports. */
export async function skipOffsets(request: SkipRequest, options: SkipOptions): Promise<Skipped> {
  const { warehouse, domain } = options;
  if (await isRecorded(request, options)) return "recorded before";
  await using writer = await warehouse.writer(domain.name);
  const { topic, partition, to } = request;
  const [position] = await writer.positions(topic, [partition]);
  checkPosition(request, position);
  const reason = position!.nextOffset === to
    ? await truncation(request, position!, options)
    : await reasonFor(request, options);
  const [claim] = await writer.claim(topic, [partition]);
  if (claim!.nextOffset !== position!.nextOffset) {
    throw new SkipRefusedError("The position has moved meanwhile: look again");
  }
  await commitUnit(writer, unitOf(request, claim!, { reason, options }));
  return "recorded";
}

/** A partition's position as this process left it, and as it is found later. */
export interface MovedPosition {
  readonly before: Claim;
  readonly found: Claim;
}

/**
 * Whether one `skipOffsets` has moved the position and nobody else has had the partition meanwhile: then stored state is what it
 * was.
 */
export async function isSkip(
  { before, found }: MovedPosition,
  options: Pick<SkipOptions, "warehouse" | "domain">,
): Promise<boolean> {
  const isOneCommit = found.epoch === before.epoch + 1 && found.checkpoint === before.checkpoint + 1;
  const isMoved = found.nextOffset > before.nextOffset || before.lastTimestamp !== null;
  if (!isOneCommit || !isMoved || found.lastTimestamp !== null) return false;
  return await hasGapBefore(found.nextOffset, found.partition, { ...options, by: RECORDED_BY });
}

/** The same for whichever of the domains reads the topic. */
export function skipIn(
  options: Omit<SkipOptions, "domain">,
  domains: readonly SkipOptions["domain"][],
): (request: SkipRequest) => Promise<Skipped> {
  return async (request) => {
    const domain = domains.find(({ topic }) => topic === request.topic);
    if (domain) return await skipOffsets(request, { ...options, domain });
    throw new SkipRefusedError(`This run does not read the topic "${request.topic}": ask the one that does`);
  };
}

/** Whether the very gap is on record, for the reason if one is named. */
export async function isRecorded(
  { topic, partition, from, to }: SkipRequest,
  { warehouse, domain, reason }: Pick<SkipOptions, "warehouse" | "domain"> & Partial<Pick<Gap, "reason">>,
): Promise<boolean> {
  const { rows } = await warehouse.query(
    `SELECT COUNT(*) FROM ${GAPS_TABLE} WHERE DOMAIN = ? AND TOPIC = ? AND KAFKA_PARTITION = ? AND FROM_OFFSET = ? AND TO_OFFSET = ?` +
      (reason === undefined ? "" : " AND REASON = ?"),
    { binds: [domain.name, topic, partition, from, to, ...reason === undefined ? [] : [reason]] },
  );
  return Number(rows[0]![0]) > 0;
}

function checkPosition({ topic, partition, from, to }: SkipRequest, position: Claim | undefined): void {
  const at = `partition ${partition} of "${topic}"`;
  if (position === undefined) throw new SkipRefusedError(`The tables know nothing of ${at}: is the number right?`);
  if (to <= from) {
    throw new SkipRefusedError(`There is nothing to skip from ${from} to ${to}: <to> is the first offset to read`);
  }
  if (position.nextOffset === from || position.nextOffset === to) return;
  throw new SkipRefusedError(
    `The position of ${at} is ${position.nextOffset}, not ${from}: ` +
      (position.nextOffset < to
        ? `what cannot be read there begins at ${position.nextOffset}`
        : `it is past ${to} already, and never goes back`),
  );
}

/** Why the log does not give the records. Errors: `SkipRefusedError` when it does. */
export async function reasonFor(
  request: SkipRequest,
  { log, clock, signal, doubtsDamaged }: Omit<LookUpOptions, "topic">,
): Promise<Gap["reason"]> {
  const { topic, partition, to } = request;
  const [info] = await log.topics([topic]);
  const bounds = info?.partitions[partition];
  const at = `Partition ${partition} of "${topic}"`;
  if (bounds === undefined) throw new SkipRefusedError(`${at} is not in the log`);
  if (bounds.isUnknown) throw new SkipRefusedError(`${at} has no leader just now: try again when it has one`);
  if (to > bounds.high) throw new SkipRefusedError(`${at} ends at offset ${bounds.high}: skip no further than that`);
  const found = await lookUp(request, { log, topic, clock, signal, doubtsDamaged });
  if (found?.kind === "record") {
    throw new SkipRefusedError(`${at} can be read at offset ${found.offset}: skip no further than that`);
  }
  return found?.kind === "no longer there" ? "deleted" : "unreadable";
}

/**
 * The position is at `to` already: the log has lost records that the tables have. Errors: `SkipRefusedError` when it holds
 * what was read.
 */
async function truncation(request: SkipRequest, position: Claim, options: SkipOptions): Promise<Gap["reason"]> {
  const { topic, partition, from, to } = request;
  const at = `partition ${partition} of "${topic}"`;
  const [info] = await options.log.topics([topic]);
  const { high, isUnknown } = info?.partitions[partition] ?? { high: 0 };
  if (isUnknown) throw new SkipRefusedError(`The ${at} has no leader just now: try again when it has one`);
  if (high < to) {
    // It may have grown since it lost them.
    if (from <= high) return "truncated";
    throw new SkipRefusedError(
      `The log of ${at} ends at offset ${high}: what it lost begins there, or before, not at ${from}`,
    );
  }
  const found = await lookUp({ partition, from: to - 1, to }, { ...options, topic });
  const isAnother = found?.kind === "record" && position.lastTimestamp !== null &&
    found.timestamp !== position.lastTimestamp;
  if (isAnother) return "truncated";
  throw new SkipRefusedError(`The position of ${at} is ${to} already, and the log holds what was read before it`);
}

interface Chosen {
  readonly reason: Gap["reason"];
  readonly options: SkipOptions;
}

function unitOf({ topic, partition, from, to }: SkipRequest, claim: Claim, { reason, options }: Chosen) {
  const gap: Gap = { partition, from, to, reason, why: "chosen by hand", by: RECORDED_BY, at: options.clock.now() };
  const { epoch, checkpoint, watermark, maxEventTime } = claim;
  return {
    topic,
    appends: [{
      table: GAPS_TABLE,
      cells: Cells.of([gapRow(options.domain, gap)]),
      partitions: [partition],
      offsets: [from],
    }],
    upserts: [],
    deletes: [],
    state: [],
    moves: [{
      ...{ partition, epoch, checkpoint, expectedOffset: claim.nextOffset },
      to: { nextOffset: to, watermark, maxEventTime, lastTimestamp: null },
    }],
  };
}
