// Progress of long work: a bar on a terminal, nothing otherwise (the total is printed at the end in any case).
import { countOf } from "./rows.ts";
import cliProgress from "cli-progress";
import process from "node:process";
import type { Host } from "./host.ts";

/** What is used of cli-progress, which comes without types. */
interface SingleBar {
  start(total: number, done: number, values: Readonly<Record<string, unknown>>): void;
  update(done: number, values: Readonly<Record<string, unknown>>): void;
  stop(): void;
}
const { SingleBar } = cliProgress as {
  readonly SingleBar: new (options: Readonly<Record<string, unknown>>) => SingleBar;
};

/** Shows how far the work is. */
export interface Progress extends Disposable {
  /** `done` of the total; `records` so far. */
  update(done: number, records: number): void;
}

/** Starts a bar over `total` units, with what is done before it; without a total the bar shows the count only. */
export function startProgress(host: Host, total: number | undefined, doing = ""): Progress {
  if (!host.stderr.isTerminal) return { update() {}, [Symbol.dispose]() {} };
  const begin = host.clock.monotonic();
  const bar = new SingleBar({
    format: (doing && `${doing} `) + (total === undefined ? "" : "{bar} {percentage}%  ") +
      "{records} records  {rate}/s",
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    fps: 10,
  });
  bar.start(total ?? 1, 0, { records: 0, rate: 0 });
  return {
    update(done, records) {
      const rate = Math.round(records * 1000 / Math.max(1, host.clock.monotonic() - begin));
      bar.update(total === undefined ? 0 : done, {
        records: records.toLocaleString("en"),
        rate: rate.toLocaleString("en"),
      });
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}

/** `1,000,000 records in 4.2 s, 238,095/s` */
export function totalLine(records: number, elapsedMs: number): string {
  const rate = Math.round(records * 1000 / Math.max(1, elapsedMs));
  const count = countOf(records, "record");
  return `${count} in ${(elapsedMs / 1000).toFixed(1)} s, ${rate.toLocaleString("en")}/s`;
}
