// What the pipelines have been doing lately, in rings: samples of their statuses, the newest hour of them close together, and a
// day of them further apart, which outlives a restart in a file. Must not know HTTP.
import * as z from "zod";
import type { Clock } from "../../clock.ts";
import type { CheckpointTotal } from "../../engine/checkpoint_totals.ts";
import { type DomainStatus, totalLag } from "../../engine/status.ts";
import { HistoryFile } from "./history_file.ts";
import type { DayHistoryAnswer, DaySample, DomainSample, StatusHistoryAnswer } from "./protocol.ts";

const EVERY_MS = 10_000;
const SAMPLES = 360;
/** Of the day's ring. */
const DAY_EVERY_MS = 120_000;
const DAY_SAMPLES = 720;
const DAY_MS = DAY_EVERY_MS * DAY_SAMPLES;
/** Points of an answer: what a chart can show. */
const POINTS = 180;
/** Partitions of a domain whose lag is kept. */
const PARTITIONS = 64;

export interface StatusHistoryOptions {
  readonly statuses: () => readonly DomainStatus[];
  readonly clock: Pick<Clock, "now">;
  readonly checkpointsOf: (domain: string) => CheckpointTotal;
  /** Memory of the process, bytes. */
  readonly memory: () => number;
  /** Path of the file that keeps the day's samples over a restart; nothing is kept without it. */
  readonly historyFile?: string;
}

export class StatusHistory implements Disposable {
  readonly #options: StatusHistoryOptions;
  readonly #samples = new Map<string, DomainSample[]>();
  readonly #day = new Ring<DaySample>(DAY_SAMPLES);
  /** The newest hour at the same distance as the others of it. */
  readonly #hour = new Ring<DaySample>(SAMPLES);
  readonly #file: HistoryFile<DaySample> | undefined;
  /** When this process began to count. */
  readonly #startedAt: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: StatusHistoryOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    const { historyFile: path } = options;
    this.#file = path === undefined ? undefined : new HistoryFile({ path, kept: DAY_SAMPLES });
    const until = this.#startedAt;
    // Those of a clock that was ahead would keep out all that come.
    const known = this.#file?.load({ from: until - DAY_MS, until }, isDaySample) ?? [];
    for (const sample of known) this.#day.push(sample);
  }

  /** Samples from now on, until it is disposed of. */
  start(): void {
    this.sample();
    this.#timer ??= setInterval(() => this.sample(), EVERY_MS);
  }

  sample(): void {
    const { statuses, clock } = this.#options;
    const now = clock.now();
    const all = statuses();
    for (const status of all) {
      const samples = this.#samples.get(status.domain) ?? [];
      samples.push(sampleOf(status, now));
      if (samples.length > SAMPLES) samples.shift();
      this.#samples.set(status.domain, samples);
    }
    const sample = this.#daySample(all, now);
    this.#hour.push(sample);
    const [last, isFirst] = [this.#day.newest, this.#hour.items.length === 1];
    if (last !== undefined && now >= last.at && now - last.at < DAY_EVERY_MS) return;
    this.#day.push(sample);
    // At its start a process has nothing to tell yet.
    if (!isFirst) this.#file?.append(sample);
  }

  answer(): StatusHistoryAnswer {
    return { every_ms: EVERY_MS, domains: Object.fromEntries(this.#samples) };
  }

  /** Of the last hours, 24 at most: as many moments as a chart can show, at equal distances where there are so many. */
  day(hours: number): DayHistoryAnswer {
    const now = this.#options.clock.now();
    const hour = this.#hour.items;
    const older = this.#day.items.filter(({ at }) => at < (hour[0]?.at ?? now));
    const samples = [...older, ...hour].filter(({ at }) => now - at < hours * 3_600_000);
    // At first there is less than was asked for, and all of it can be shown.
    const stepMs = Math.max(1, (now - (samples[0]?.at ?? now) + 1) / POINTS);
    const byStep = new Map<number, DaySample>();
    // The newest of each step stays.
    for (const sample of samples) byStep.set(Math.floor((now - sample.at) / stepMs), sample);
    return { samples: [...byStep.values()] };
  }

  #daySample(statuses: readonly DomainStatus[], now: number): DaySample {
    const { checkpointsOf, memory } = this.#options;
    const domains = statuses.map((status) => {
      const { checkpoints, ms, rows } = checkpointsOf(status.domain);
      const { records, lag, behind_ms } = sampleOf(status, now);
      const lags = status.partitions.slice(0, PARTITIONS).map(({ partition, lag }) => [partition, lag] as const);
      return [status.domain, { records, lag, behind_ms, checkpoints, checkpoint_ms: ms, rows, lags }] as const;
    });
    return { at: now, started_at: this.#startedAt, memory: memory(), domains: Object.fromEntries(domains) };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Whether it is a sample as this version writes them. */
function isDaySample(sample: object): sample is DaySample {
  return DaySampleShape.safeParse(sample).success;
}

const count = z.number();
const DaySampleShape = z.looseObject({
  at: count,
  started_at: count,
  memory: count,
  domains: z.record(
    z.string(),
    z.looseObject({
      ...{ records: count, checkpoints: count, checkpoint_ms: count, rows: count },
      ...{ lag: count.nullable(), behind_ms: count.nullable() },
      lags: z.array(z.tuple([count, count.nullable()])),
    }),
  ),
});

/** The newest items, so many at most. */
class Ring<T> {
  #items: T[] = [];

  constructor(readonly size: number) {}

  push(item: T): void {
    this.#items.push(item);
    if (this.#items.length > this.size) this.#items.shift();
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get newest(): T | undefined {
    return this.#items.at(-1);
  }
}

function sampleOf(status: DomainStatus, now: number): DomainSample {
  const watermarks = status.partitions.flatMap(({ watermark }) => watermark ?? []);
  return {
    at: now,
    records: status.totals.records,
    lag: totalLag(status),
    behind_ms: watermarks.length === 0 ? null : now - Math.max(...watermarks),
  };
}
