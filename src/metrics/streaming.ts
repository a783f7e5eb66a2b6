// The metrics of raw rows that go ahead of their unit by Snowpipe Streaming. They are there, as zeros, without it too.

import { Counter, Gauge, type Registry } from "prom-client";

/** What is counted since the process started, and how many rows wait now. */
export interface StreamingTotals {
  readonly rows: number;
  readonly bytes: number;
  /** Requests, by what became of them. */
  readonly accepted: number;
  readonly refused: number;
  readonly waitingRows: number;
}

/** Adds them; `read` is called at each scrape. */
export function addStreamingMetrics(registry: Registry, read: () => StreamingTotals | undefined): void {
  const registers = [registry];
  for (const name of ["rows", "bytes"] as const) {
    new Counter({
      name: `freshet_streaming_${name}_total`,
      help: `${name === "rows" ? "Raw rows" : "Bytes of raw rows, compressed,"} that Snowpipe Streaming has taken`,
      registers,
      collect() {
        this.reset();
        this.inc(read()?.[name] ?? 0);
      },
    });
  }
  new Counter({
    name: "freshet_streaming_requests_total",
    help: "Requests to Snowpipe Streaming, by what became of them",
    labelNames: ["result"],
    registers,
    collect() {
      const { accepted = 0, refused = 0 } = read() ?? {};
      this.reset();
      this.inc({ result: "accepted" }, accepted);
      this.inc({ result: "refused" }, refused);
    },
  });
  new Gauge({
    name: "freshet_streaming_waiting_rows",
    help: "Raw rows that were handed over, and are not known to be stored: how far committed tokens are behind",
    registers,
    collect() {
      this.set(read()?.waitingRows ?? 0);
    },
  });
}
