// What the pipelines have been doing lately, in a ring: samples of their statuses, the newest hour of them. Must not know HTTP.
import type { Clock } from "../../clock.ts";
import { type DomainStatus, totalLag } from "../../engine/status.ts";
import type { DomainSample, StatusHistoryAnswer } from "./protocol.ts";

const EVERY_MS = 10_000;
const SAMPLES = 360;

export interface StatusHistoryOptions {
  readonly statuses: () => readonly DomainStatus[];
  readonly clock: Pick<Clock, "now">;
}

export class StatusHistory implements Disposable {
  readonly #options: StatusHistoryOptions;
  readonly #samples = new Map<string, DomainSample[]>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: StatusHistoryOptions) {
    this.#options = options;
  }

  /** Samples from now on, until it is disposed of. */
  start(): void {
    this.sample();
    this.#timer ??= setInterval(() => this.sample(), EVERY_MS);
  }

  sample(): void {
    const { statuses, clock } = this.#options;
    for (const status of statuses()) {
      const samples = this.#samples.get(status.domain) ?? [];
      samples.push(sampleOf(status, clock.now()));
      if (samples.length > SAMPLES) samples.shift();
      this.#samples.set(status.domain, samples);
    }
  }

  answer(): StatusHistoryAnswer {
    return { every_ms: EVERY_MS, domains: Object.fromEntries(this.#samples) };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
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
