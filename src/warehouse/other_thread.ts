// The warehouse that another thread has open. Adapter of warehouse.ts over a message port; its parts are in other_thread/, the
// other end is other_thread/serve.ts. Must not know which warehouse it is.

import type { Packer } from "./cells.ts";
import { Caller } from "./other_thread/calls.ts";
import type { Packing } from "./other_thread/packing.ts";
import type { OpenedWriter, WarehouseCalls } from "./other_thread/serve.ts";
import { receiveState, sendUnit } from "./other_thread/units.ts";
import type {
  Checkpoints,
  Claim,
  MigrationStep,
  QueryOptions,
  QueryResult,
  Script,
  StateChange,
  Unit,
  Warehouse,
  WarehouseTraits,
  Writer,
} from "./warehouse.ts";

export interface OtherThreadOptions {
  /** The other end of what `serveWarehouse` was given. */
  readonly port: MessagePort;
  readonly traits: WarehouseTraits;
  readonly description: string;
  /** The same as the other end has. */
  readonly packing?: Packing;
}

/** The warehouse at the other end of the port, which is closed with it; the warehouse stays open. */
export function openOtherThread(options: OtherThreadOptions): Warehouse {
  const { port, traits, description, packing } = options;
  const calls = new Caller<WarehouseCalls>(port);
  return {
    ...traits,
    description,
    migrate(scripts: readonly Script[], options): Promise<readonly MigrationStep[]> {
      return calls.call("migrate", [scripts, options]);
    },
    restore: (scripts) => calls.call("restore", [scripts]),
    async writer(domain) {
      return new OtherThreadWriter(calls, await calls.call("openWriter", [domain]), packing);
    },
    query(sql: string, { signal, ...options }: QueryOptions = {}): Promise<QueryResult> {
      return calls.call("query", [sql, options], { signal });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(calls[Symbol.dispose]()),
  };
}

class OtherThreadWriter implements Writer {
  readonly largeBytes: number | undefined;
  readonly packer: ((table: string) => Packer | undefined) | undefined;
  readonly #writer: number;
  #isClosed = false;

  constructor(
    private readonly calls: Caller<WarehouseCalls>,
    { writer, largeBytes, layout }: OpenedWriter,
    private readonly packing: Packing | undefined,
  ) {
    this.#writer = writer;
    this.largeBytes = largeBytes;
    this.packer = layout === undefined ? undefined : packing?.packers(layout);
  }

  claim(topic: string, partitions: readonly number[], all?: readonly number[]): Promise<readonly Claim[]> {
    return this.calls.call("claim", [{ writer: this.#writer, topic, partitions }, all]);
  }

  state(topic: string, partitions: readonly number[]): AsyncIterable<readonly StateChange[]> {
    return this.#changes(() => this.calls.call("openState", [{ writer: this.#writer, topic, partitions }]));
  }

  stateSince(topic: string, checkpoints: Checkpoints): AsyncIterable<readonly StateChange[]> {
    return this.#changes(() => this.calls.call("openStateSince", [this.#writer, topic, checkpoints]));
  }

  async *#changes(open: () => Promise<number>): AsyncGenerator<readonly StateChange[], void, undefined> {
    const reading = await open();
    try {
      while (true) {
        const chunk = await this.calls.call("nextState", [reading]);
        if (chunk === undefined) return;
        yield receiveState(chunk);
      }
    } finally {
      await this.calls.call("closeState", [reading]);
    }
  }

  /** Its packed rows go over, and are gone for this thread whatever comes of it. */
  async commit(unit: Unit): Promise<void> {
    const { message, transfer, packed } = sendUnit(unit, this.packing);
    const back = await this.calls.call("commit", [this.#writer, message], { transfer });
    packed.forEach((rows, i) => this.packing!.takeBack(rows, back[i]));
  }

  positions(topic: string, partitions: readonly number[]): Promise<readonly Claim[]> {
    return this.calls.call("positions", [{ writer: this.#writer, topic, partitions }]);
  }

  compactState(topic: string, partitions: readonly number[], since?: Checkpoints): Promise<void> {
    return this.calls.call("compactState", [{ writer: this.#writer, topic, partitions }, since]);
  }

  operators(): Promise<ReadonlyMap<string, string>> {
    return this.calls.call("operators", [this.#writer]);
  }

  registerOperators(fingerprints: ReadonlyMap<string, string>): Promise<void> {
    return this.calls.call("registerOperators", [this.#writer, fingerprints]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.calls.call("closeWriter", [this.#writer]);
  }
}
