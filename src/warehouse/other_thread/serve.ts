// The thread's end that has the warehouse open: answers what another thread asks for by a message port. Each writer there is a
// writer here, so that fencing is what it is among processes.

import type {
  Checkpoints,
  Claim,
  MigrationStep,
  QueryOptions,
  QueryResult,
  Script,
  StateChange,
  Warehouse,
  Writer,
} from "../warehouse.ts";
import { answerCalls, type Answers, WithMemory } from "./calls.ts";
import type { Packing } from "./packing.ts";
import { receiveUnit, sendState, type SentState, type SentUnit } from "./units.ts";

/** A writer as the other thread knows it. */
export interface OpenedWriter {
  readonly writer: number;
  readonly largeBytes: number | undefined;
  /** Absent where rows cannot be packed. */
  readonly layout: unknown;
}

/** Names the partitions of a writer's topic. */
export interface Asked {
  readonly writer: number;
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** What can be asked for: the port's methods, in plain data. */
export interface WarehouseCalls {
  migrate(scripts: readonly Script[], options?: { readonly dryRun?: boolean }): readonly MigrationStep[];
  restore(scripts: readonly Script[]): readonly string[];
  query(sql: string, options: Omit<QueryOptions, "signal">): QueryResult;
  openWriter(domain: string): OpenedWriter;
  closeWriter(writer: number): void;
  claim(asked: Asked, all: readonly number[] | undefined): readonly Claim[];
  positions(asked: Asked): readonly Claim[];
  compactState(asked: Asked, since: Checkpoints | undefined): void;
  /** Gives the number under which the state is read on. */
  openState(asked: Asked): number;
  openStateSince(writer: number, topic: string, checkpoints: Checkpoints): number;
  /** `undefined` behind the last chunk. */
  nextState(reading: number): SentState | undefined;
  closeState(reading: number): void;
  /** Gives back the memory of packed rows, each as a message. */
  commit(writer: number, unit: SentUnit): readonly unknown[];
  operators(writer: number): ReadonlyMap<string, string>;
  registerOperators(writer: number, fingerprints: ReadonlyMap<string, string>): void;
}

export interface ServeOptions {
  readonly warehouse: Warehouse;
  readonly port: MessagePort;
  /** Where rows are packed as they come. */
  readonly packing?: Packing;
}

/** Serves the warehouse until it is disposed of: then writers that were left open are closed, and the port is. */
export function serveWarehouse({ warehouse, port, packing }: ServeOptions): AsyncDisposable {
  const open = new OpenThings();
  const served = answerCalls<WarehouseCalls>(port, {
    ...tableCalls(warehouse),
    ...writerCalls(open, warehouse),
    ...stateCalls(open),
    ...commitCalls(open, packing),
  });
  return {
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await open[Symbol.asyncDispose]();
    },
  };
}

/** What the other thread has open, by number. */
class OpenThings implements AsyncDisposable {
  readonly #writers = new Map<number, Writer>();
  readonly #readings = new Map<number, AsyncIterator<readonly StateChange[]>>();
  #number = 0;

  addWriter(writer: Writer): number {
    this.#writers.set(++this.#number, writer);
    return this.#number;
  }

  writer(number: number): Writer {
    const writer = this.#writers.get(number);
    if (writer === undefined) throw new TypeError(`Writer ${number} is not open`);
    return writer;
  }

  async closeWriter(number: number): Promise<void> {
    const writer = this.#writers.get(number);
    this.#writers.delete(number);
    await writer?.[Symbol.asyncDispose]();
  }

  addReading(reading: AsyncIterator<readonly StateChange[]>): number {
    this.#readings.set(++this.#number, reading);
    return this.#number;
  }

  async next(number: number): Promise<readonly StateChange[] | undefined> {
    const { value, done } = await this.#readings.get(number)?.next() ?? { value: undefined, done: true };
    if (!done) return value;
    this.#readings.delete(number);
  }

  async closeReading(number: number): Promise<void> {
    const reading = this.#readings.get(number);
    this.#readings.delete(number);
    await reading?.return?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const number of [...this.#readings.keys()]) await this.closeReading(number).catch(() => {});
    const closing = await Promise.allSettled([...this.#writers.keys()].map((number) => this.closeWriter(number)));
    for (const result of closing) if (result.status === "rejected") throw result.reason;
  }
}

type Calls<N extends keyof WarehouseCalls> = Pick<Answers<WarehouseCalls>, N>;

function tableCalls(warehouse: Warehouse): Calls<"migrate" | "restore" | "query"> {
  return {
    migrate: ([scripts, options]) => warehouse.migrate(scripts, options),
    restore: ([scripts]) => warehouse.restore(scripts),
    query: ([sql, options], signal) => warehouse.query(sql, { ...options, signal }),
  };
}

function writerCalls(
  open: OpenThings,
  warehouse: Warehouse,
): Calls<
  "openWriter" | "closeWriter" | "claim" | "positions" | "compactState" | "operators" | "registerOperators"
> {
  return {
    async openWriter([domain]) {
      const writer = await warehouse.writer(domain);
      return { writer: open.addWriter(writer), largeBytes: writer.largeBytes, layout: writer.layout?.() };
    },
    closeWriter: ([writer]) => open.closeWriter(writer),
    claim: async ([{ writer, topic, partitions }, all]) => await open.writer(writer).claim(topic, partitions, all),
    positions: async ([{ writer, topic, partitions }]) => await open.writer(writer).positions(topic, partitions),
    compactState: async ([{ writer, topic, partitions }, since]) =>
      await open.writer(writer).compactState(topic, partitions, since),
    operators: async ([writer]) => await open.writer(writer).operators(),
    registerOperators: async ([writer, fingerprints]) => await open.writer(writer).registerOperators(fingerprints),
  };
}

function stateCalls(open: OpenThings): Calls<"openState" | "openStateSince" | "nextState" | "closeState"> {
  const opened = (changes: AsyncIterable<readonly StateChange[]>) =>
    Promise.resolve(open.addReading(changes[Symbol.asyncIterator]()));
  return {
    openState: ([{ writer, topic, partitions }]) => opened(open.writer(writer).state(topic, partitions)),
    openStateSince: ([writer, topic, checkpoints]) => opened(open.writer(writer).stateSince(topic, checkpoints)),
    async nextState([reading]) {
      const changes = await open.next(reading);
      return changes && sendState(changes);
    },
    closeState: ([reading]) => open.closeReading(reading),
  };
}

function commitCalls(open: OpenThings, packing: Packing | undefined): Calls<"commit"> {
  return {
    async commit([number, message]) {
      const { unit, packed } = receiveUnit(message, packing);
      await open.writer(number).commit(unit);
      // Statements have ended: nothing points into the memory any more.
      const back = packed.map((rows) => packing!.send(rows));
      return new WithMemory(back.map(({ message }) => message), back.flatMap(({ transfer }) => transfer));
    },
  };
}
