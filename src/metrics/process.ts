// The process as Prometheus sees it: what it is, what it uses, and how long its event loop keeps others waiting.
import { cpuUsage } from "node:process";
import { Counter, Gauge, type Registry, Summary } from "prom-client";
import type { Clock } from "../clock.ts";

const LOOK_EVERY_MS = 100;

export interface ProcessMetricsOptions {
  readonly version: string;
  readonly clock: Clock;
}

/** Adds the process's metrics; {@link watchEventLoop} feeds the delay. */
export function addProcessMetrics(registry: Registry, { version, clock }: ProcessMetricsOptions): void {
  const registers = [registry];
  new Gauge({
    name: "freshet_build_info",
    help: "Always 1; the labels say what runs",
    labelNames: ["version", "deno", "v8"],
    registers,
  }).set({ version, deno: Deno.version.deno, v8: Deno.version.v8 }, 1);
  new Gauge({ name: "process_start_time_seconds", help: "When the process was started, Unix time", registers })
    .set(clock.now() / 1000);
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory of the process in RAM",
    registers,
    collect() {
      this.set(Deno.memoryUsage().rss);
    },
  });
  new Gauge({
    name: "freshet_heap_used_bytes",
    help: "JavaScript objects, those no longer needed among them",
    registers,
    collect() {
      this.set(Deno.memoryUsage().heapUsed);
    },
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of all threads, user and system",
    registers,
    collect() {
      const { user, system } = cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}

/** How long the event loop kept timers waiting, over the last minute. */
export function eventLoopDelay(registry: Registry): Summary {
  return new Summary({
    name: "freshet_event_loop_delay_seconds",
    help: "How much later than due the event loop gets to a timer, over the last minute",
    percentiles: [0.5, 0.99, 1],
    maxAgeSeconds: 60,
    ageBuckets: 4,
    registers: [registry],
  });
}

/** Measures the delay until the signal is aborted. */
export async function watchEventLoop(delay: Summary, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const due = performance.now() + LOOK_EVERY_MS;
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
    if (!signal.aborted) delay.observe(Math.max(0, performance.now() - due) / 1000);
  }
}
