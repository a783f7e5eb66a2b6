// Keys that are in the file and not in memory: one partition's, of one operator and namespace.

import { DueQueue, grainOf } from "./due_queue.ts";
import { DAMAGED, type SpilledRecord, SpilledStateError } from "./spill_file.ts";
import type { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import { hashOf, SpillIndex } from "./spill_index.ts";
import type { RecordOwner, SpillLog } from "./spill_log.ts";

/** When a key must be looked at again: a time, and by which of the table's clocks. */
export interface Due {
  readonly clock: string;
  readonly at: number;
}

/** Of so few places of keys that are not there any more nobody cleans a queue. */
const FEW_PLACES = 1024;

/** Twice what a queue has once it is clean. */
const cleanAt = ({ size }: DueQueue) => 2 * size + FEW_PLACES;

/** Text by key, in the file. */
export class SpillTable implements RecordOwner {
  readonly #index = new SpillIndex();
  readonly #queues = new Map<string, DueQueue>();
  /** With more places than this a queue is cleaned of keys that are not there any more. */
  readonly #cleanAt = new Map<string, number>();
  readonly #number: number;

  /** An empty table; it has the number that a snapshot says. */
  constructor(private readonly log: SpillLog, number?: number) {
    this.#number = log.register(this, number);
  }

  /** Keys held. */
  get size(): number {
    return this.#index.size;
  }

  /** Places in the queues: those of keys that were taken are left there for a while. */
  get places(): number {
    let places = 0;
    for (const { size } of this.#queues.values()) places += size;
    return places;
  }

  /** Puts a key that is not there; says whether the file took it. */
  put(key: string, value: string, dues: readonly Due[] = []): boolean {
    let due = Infinity;
    for (const { at } of dues) due = Math.min(due, at);
    const address = this.log.append({ table: this.#number, due, key, value });
    if (address === 0) return false;
    const hash = hashOf(key);
    this.#index.add(hash, address);
    for (const { clock, at } of dues) this.#wait(clock, at, address);
    return true;
  }

  /** Takes a key out; returns its text, or `undefined` when it is not there. */
  take(key: string): string | undefined {
    if (this.#index.size === 0) return undefined;
    const hash = hashOf(key);
    let found: SpilledRecord | undefined;
    const address = this.#index.find(hash, (at) => {
      const record = this.log.read(at);
      if (record.key !== key) {
        // A whole record of a key that never was here: the file is another than it was.
        if (hashOf(record.key) !== hash) throw new SpilledStateError(DAMAGED);
        return false;
      }
      found = record;
      return true;
    });
    if (!found) return undefined;
    this.#index.delete(hash, address);
    this.log.release(address);
    return found.value;
  }

  /**
   * A key that is due when the clock is at `now`, or `undefined`. It stays until it is taken. It may be told of a second early,
   * or more before 1970: who is told looks at the key.
   */
  nextDue(clock: string, now: number): SpilledRecord | undefined {
    const queue = this.#queues.get(clock);
    while (queue?.isDue(now)) {
      const record = this.#at(queue.take());
      // Another one may have the place of one that was taken, and is told of when it is due itself.
      if (record && !(grainOf(record.due) > grainOf(now))) return record;
    }
  }

  /** All keys, in the order of the file; those that are taken meanwhile are left out. */
  *walk(): Generator<SpilledRecord> {
    for (const address of this.#index.addresses()) {
      const record = this.#at(address, true);
      if (record) yield record;
    }
  }

  /** Writes where its keys are into a snapshot. */
  save(snapshot: SnapshotWriter): void {
    snapshot.json([this.#number, [...this.#queues.keys()]]);
    this.#index.save(snapshot);
    for (const queue of this.#queues.values()) queue.save(snapshot);
  }

  /** The table that a snapshot has. Its log must have been loaded. */
  static load(log: SpillLog, snapshot: SnapshotReader): SpillTable {
    const [number, clocks] = snapshot.json<[number, string[]]>();
    const table = new SpillTable(log, number);
    table.#index.load(snapshot);
    for (const clock of clocks) {
      const queue = new DueQueue();
      queue.load(snapshot);
      table.#queues.set(clock, queue);
      table.#cleanAt.set(clock, cleanAt(queue));
    }
    return table;
  }

  /** See {@link RecordOwner}. */
  moved({ key, due }: SpilledRecord, from: number, to: number): void {
    const hash = hashOf(key);
    this.#index.move(hash, from, to);
    // By which clock is not written down.
    if (due < Infinity) { for (const clock of this.#queues.keys()) this.#wait(clock, due, to); }
  }

  /** The table's record at an address that it was told of before: what was taken meanwhile, or moved, is not there any more. */
  #at(address: number, near = false): SpilledRecord | undefined {
    if (!this.log.isUsed(address)) return undefined;
    const record = this.log.read(address, near);
    return record.table === this.#number ? record : undefined;
  }

  /**
   * A key that comes and goes long before it is due would leave one place more each time. What another one has the place of by
   * now is cleaned away with that one.
   */
  #wait(clock: string, due: number, address: number): void {
    let queue = this.#queues.get(clock);
    if (!queue) this.#queues.set(clock, queue = new DueQueue());
    queue.add(due, address);
    if (queue.size <= (this.#cleanAt.get(clock) ?? FEW_PLACES)) return;
    queue.filter((address) => this.log.isUsed(address));
    this.#cleanAt.set(clock, cleanAt(queue));
  }
}
