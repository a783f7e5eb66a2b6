// A simulated world: one log, one warehouse, and instances of the engine that start, stop and crash.

import type { Domain } from "../../../src/domains/domain.ts";
import { DomainRunner, type RunnerOptions } from "../../../src/engine/mod.ts";
import { LogStore, MemoryLog } from "./memory_log.ts";
import { MemoryWarehouse, WarehouseStore } from "./memory_warehouse.ts";
import { Random } from "./random.ts";
import { type Gate, type Place, Turns } from "./turns.ts";

export const START = Date.UTC(2027, 0, 15, 12);

/** One process. */
export interface Instance {
  readonly runner: DomainRunner;
  readonly gate: Gate;
  /** Asks it to stop, as SIGTERM does. */
  readonly stop: AbortController;
  /** What its run came to: "done", or the error. Undefined while it runs, and for ever after a crash. */
  outcome: "done" | Error | undefined;
}

export interface Message {
  readonly level: string;
  readonly text: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export class World {
  readonly random: Random;
  readonly turns: Turns;
  readonly log = new LogStore();
  readonly warehouse = new WarehouseStore();
  readonly messages: Message[] = [];
  /** How likely a fault is at each place. */
  faults: Partial<Record<Place, number>> = {};
  /** Faults that happen the next time that somebody comes by. */
  readonly once = new Set<Place>();

  constructor(readonly domain: Domain, seed = 1, partitions = 1) {
    this.random = new Random(seed);
    this.turns = new Turns(this.random, START);
    this.log.create(domain.topic, partitions);
  }

  /** Appends a record; values that are no text are written as JSON. Returns its offset. */
  produce(value: unknown, { partition = 0, key = "k" as string | null } = {}): number {
    const text = value === null || typeof value === "string" || value instanceof Uint8Array
      ? value
      : JSON.stringify(value);
    return this.log.append(this.domain.topic, partition, { key, value: text }, this.turns.now()).offset;
  }

  start(options: Partial<RunnerOptions> = {}): Instance {
    const owner = {};
    const gate = this.turns.gate(
      owner,
      (place) => this.once.delete(place) || this.random.chance(this.faults[place] ?? 0),
    );
    const runner = new DomainRunner({
      domain: this.domain,
      log: new MemoryLog(this.log, gate),
      warehouse: new MemoryWarehouse(this.warehouse, gate),
      clock: gate.clock,
      logger: this.#logger(),
      checkpointRows: 20,
      checkpointMs: 200,
      maxRestarts: 5,
      ...options,
    });
    const stop = new AbortController();
    const instance: Instance = { runner, gate, stop, outcome: undefined };
    this.#owners.set(instance, owner);
    runner.run(stop.signal).then(
      () => instance.outcome = "done",
      (error: Error) => instance.outcome = error,
    );
    return instance;
  }

  readonly #owners = new WeakMap<Instance, object>();

  /** Kills it: nothing of it goes on. Its group does not know yet. */
  crash(instance: Instance): void {
    this.turns.crash(this.#owners.get(instance)!);
  }

  /** The group's session with the instance times out, whether it is dead or only slow. */
  expel({ gate }: Instance): void {
    const group = this.log.group(this.domain.topic, this.domain.group);
    for (const member of [...group.members]) if (member.gate === gate) group.expel(member);
  }

  /** Gives turns until `condition` holds. Throws when it never does. */
  async until(condition: () => boolean, maxTurns = 20_000): Promise<void> {
    for (let turns = 0; !condition(); turns++) {
      if (turns >= maxTurns) throw new Error(`Gave up after ${turns} turns: ${this.#last()}`);
      if (!await this.turns.next() && !condition()) throw new Error(`Nobody goes on: ${this.#last()}`);
    }
  }

  /** Waits until it has ended, and returns what with. */
  async ended(instance: Instance): Promise<"done" | Error> {
    await this.until(() => instance.outcome !== undefined);
    return instance.outcome!;
  }

  /** Asks it to stop and waits until it has. Throws what it ended with, if that is an error. */
  async stopped(instance: Instance): Promise<void> {
    instance.stop.abort();
    const outcome = await this.ended(instance);
    if (outcome instanceof Error) throw outcome;
  }

  /** Everything in the topic has been committed. */
  get committed(): boolean {
    return this.log.bounds(this.domain.topic).every(({ high }, partition) =>
      high === (this.warehouse.claims.get(partition)?.nextOffset ?? 0)
    );
  }

  /** Runs an instance until all that is in the topic is committed, and stops it: more is to come. */
  async catchUp(options: Partial<RunnerOptions> = {}): Promise<void> {
    const instance = this.start(options);
    await this.until(() => this.committed || instance.outcome !== undefined);
    await this.stopped(instance);
  }

  /** Runs an instance until the end of what is in the topic, which closes everything, and returns it. */
  async workOff(options: Partial<RunnerOptions> = {}): Promise<Instance> {
    const instance = this.start({ untilEnd: true, ...options });
    const outcome = await this.ended(instance);
    if (outcome instanceof Error) throw outcome;
    return instance;
  }

  #last(): string {
    return this.messages.slice(-5).map(({ level, text, properties }) =>
      `${level} ${text} ${JSON.stringify(properties)}`
    )
      .join("; ");
  }

  #logger(): RunnerOptions["logger"] {
    const at = (level: string) => (text: string, properties = {}) => {
      this.messages.push({ level, text, properties });
    };
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }
}
