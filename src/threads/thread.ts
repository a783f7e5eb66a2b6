// A thread that runs domains' pipelines on its share of the partitions: a worker's module. It has a log of its own, is a member
// of the groups of its own, and reaches the embedded warehouse through the main thread. It tells that one how it is.

import { systemClock } from "../clock.ts";
import type { Domain } from "../domains/domain.ts";
import type { CheckpointSummary, Observer } from "../engine/options.ts";
import type { Log } from "../log/log.ts";
import { setUpForwarding } from "../logging.ts";
import type { Runner } from "../parts.ts";
import { sentError } from "../sent_errors.ts";
import { duckDbPacking } from "../warehouse/duckdb/packing.ts";
import type { Warehouse } from "../warehouse/warehouse.ts";
import { productionParts as parts } from "../wiring.ts";
import type { Begin, Order, Report, Run } from "./messages.ts";

const TELL_STATUS_MS = 200;

/** What a worker's global scope has that a page's has not. */
interface ThreadScope {
  postMessage(report: Report): void;
  onmessage: ((event: MessageEvent<Order>) => void) | null;
}

const scope = globalThis as unknown as ThreadScope;
const tell = (report: Report) => scope.postMessage(report);

class Thread implements AsyncDisposable {
  readonly #stops = new Map<string, AbortController>();
  readonly #runners = new Map<string, Runner>();
  readonly #domains: ReadonlyMap<string, Domain>;
  #telling: ReturnType<typeof setInterval> | undefined;

  private constructor(
    private readonly begin: Begin,
    private readonly log: Log,
    private readonly warehouse: Warehouse,
  ) {
    this.#domains = new Map(parts.domains(begin.config).map((domain) => [domain.name, domain]));
  }

  static async open(begin: Begin): Promise<Thread> {
    await using stack = new AsyncDisposableStack();
    const log = stack.use(await parts.openLog(begin.config, systemClock));
    const warehouse = stack.use(await openWarehouse(begin));
    stack.move();
    return new Thread(begin, log, warehouse);
  }

  /** Runs a domain to its end, and tells how it ended. */
  async run({ domain: name, untilEnd }: Run): Promise<void> {
    const stop = new AbortController();
    this.#stops.set(name, stop);
    this.#telling ??= setInterval(() => this.#tellStatuses(), TELL_STATUS_MS);
    const runner = this.#runnerOf(name, untilEnd);
    let error: unknown;
    try {
      await runner.run(stop.signal);
    } catch (thrown) {
      error = thrown ?? new Error("It failed without an error");
    }
    this.#stops.delete(name);
    if (this.#stops.size === 0) {
      clearInterval(this.#telling);
      this.#telling = undefined;
    }
    tell({
      kind: "ended",
      domain: name,
      status: runner.status(),
      ...error !== undefined && { error: sentError(error) },
    });
  }

  stop(name: string): void {
    this.#stops.get(name)?.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.log[Symbol.asyncDispose]();
    await this.warehouse[Symbol.asyncDispose]();
  }

  #runnerOf(name: string, untilEnd: Run["untilEnd"]): Runner {
    let runner = this.#runners.get(name);
    if (runner) return runner;
    const domain = this.#domains.get(name)!;
    const { log, warehouse, begin: { config, alerts, sharers } } = this;
    const observers = [observerOf(domain)];
    runner = parts.createRunner({
      ...{ domain, log, warehouse, config, observers, untilEnd, alerts, sharers },
      clock: systemClock,
    });
    this.#runners.set(name, runner);
    return runner;
  }

  #tellStatuses(): void {
    tell({ kind: "statuses", statuses: [...this.#runners.values()].map((runner) => runner.status()) });
  }
}

async function openWarehouse({ config, warehouse }: Begin): Promise<Warehouse> {
  if (warehouse === undefined) return await parts.openWarehouse(config, systemClock);
  const { openOtherThread } = await import("../warehouse/other_thread.ts");
  return openOtherThread({ ...warehouse, traits: parts.warehouseTraits(config), packing: duckDbPacking });
}

/** Tells what happens; of changed rows only those that somebody reads over HTTP. */
function observerOf({ reads = [] }: Domain): Required<Observer> {
  const tables = new Set(reads.map(({ row }) => row.table));
  const shown = (summary: CheckpointSummary): CheckpointSummary => ({
    ...summary,
    upserts: summary.upserts.filter(({ table }) => tables.has(table)),
  });
  return {
    checkpoint: (domain, summary) => tell({ kind: "checkpoint", domain, summary: shown(summary) }),
    restart: (domain, error) => tell({ kind: "restart", domain, error: sentError(error) }),
    deadLetterCopies: (domain, copies) => tell({ kind: "deadLetterCopies", domain, copies }),
  };
}

let thread: Thread | undefined;

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case "begin":
      setUpForwarding(order.config.logLevel, (line) => tell({ kind: "line", line }));
      try {
        thread = await Thread.open(order);
        return tell({ kind: "begun" });
      } catch (error) {
        return tell({ kind: "begun", error: sentError(error) });
      }
    case "run":
      return await thread!.run(order);
    case "stop":
      return thread!.stop(order.domain);
    case "close":
      await thread?.[Symbol.asyncDispose]();
      return tell({ kind: "closed" });
  }
}

// What nothing expected to fail ends the thread, and not the others.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  tell({ kind: "failed", error: sentError(event.reason) });
});
addEventListener("error", (event) => {
  event.preventDefault();
  tell({ kind: "failed", error: sentError(event.error ?? event.message) });
});
scope.onmessage = ({ data }) => void obey(data);
