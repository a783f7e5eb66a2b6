// Lists in, lists out: turns events into batches of one partition, and folds answers into the tables that they stand for.

import { assert, assertEquals } from "@std/assert";
import {
  type Batch,
  type Element,
  FanOut,
  type Operator,
  PartitionInput,
  type PartitionWatermark,
  type SessionChange,
  type SessionRow,
  type StateBackend,
  type StateDelta,
  type WindowResult,
} from "@freshet/stream";
import { MARKS_NAMESPACE } from "@freshet/stream/stored";

/** An event of the tests. */
export interface Event {
  readonly key: string;
  /** Event time, milliseconds. */
  readonly time: number;
  readonly x: number;
}

export const event = (time: number, key = "k", x = 1): Event => ({ key, time, x });
export const keyOf = (e: Event): string => e.key;
export const xOf = (e: Event): number => e.x;

/** A partition: makes batches with offsets and watermarks as the engine does. */
export class Feed {
  readonly #input: PartitionInput;

  constructor(maxOutOfOrdernessMs = 0, readonly partition = 0, idleAfterMs = Infinity) {
    this.#input = new PartitionInput(partition, { maxOutOfOrdernessMs, idleAfterMs });
  }

  get watermark(): PartitionWatermark {
    return this.#input.watermark;
  }

  /** The partition is silent for so long, and then idle; says whether that moved its watermark. */
  silence(ms: number): boolean {
    this.watermark.busy();
    this.watermark.quiet(0);
    return this.watermark.quiet(ms);
  }

  batch(events: readonly Event[], early = false, backfill = false, ended = false): Batch<Event> {
    const elements = events.map((value): Element<Event> => ({
      value,
      time: value.time,
      offset: this.#input.nextOffset++,
      watermark: this.watermark.observe(value.time),
    }));
    return this.#input.batch(elements, { early, backfill, ended });
  }
}

/** An operator over some state, asked batch by batch. */
export class Harness<T> {
  readonly late: number[] = [];
  /** Of each late element, what it missed: "start..end", and how many windows that are. */
  readonly missed: string[] = [];
  readonly failed: number[] = [];
  readonly #fanOut: FanOut<Event>;

  constructor(operator: Operator<Event, T>) {
    this.#fanOut = new FanOut([operator]);
  }

  /** The values that the batch is answered with. */
  async push(batch: Batch<Event>): Promise<T[]> {
    const [answer] = await this.#fanOut.push(batch) as Batch<T>[];
    assertEquals(answer!.nextOffset, batch.nextOffset);
    this.late.push(...batch.side.late.map(({ offset }) => offset));
    this.missed.push(...batch.side.late.map(({ missed: { start, end, count } }) => `${start}..${end} ${count}`));
    this.failed.push(...batch.side.failed.map(({ offset }) => offset));
    return answer!.elements.map(({ value }) => value);
  }

  close(): Promise<void> {
    return this.#fanOut.close();
  }
}

/** What a warehouse keeps of drained state: the last change of each key. */
export class StoredState {
  readonly #stored = new Map<string, StateDelta>();

  take(deltas: readonly StateDelta[]): void {
    const seen = new Set<string>();
    for (const delta of deltas) {
      const key = JSON.stringify([delta.operator, delta.partition, delta.namespace, delta.key]);
      assert(!seen.has(key), `A drain handed out ${key} twice`);
      seen.add(key);
      if (delta.value === null) this.#stored.delete(key);
      else this.#stored.set(key, delta);
    }
  }

  /** Restores change by change; a backend with little memory lets keys leave it after each. */
  restoreInto(backend: StateBackend): void {
    for (const delta of this.#stored.values()) {
      backend.restore(delta);
      backend.trim();
    }
  }

  /** Keys held, without marks and without those of operators that the name ends in `except`. */
  keys(except = "/closed"): string[] {
    return [...this.#stored.values()].filter(({ operator, namespace }) =>
      !operator.endsWith(except) && namespace !== MARKS_NAMESPACE
    ).map((d) => `${d.operator} ${d.key}`);
  }
}

/** A row by key and window. */
export type WindowRow = WindowResult<Readonly<Record<string, unknown>>>;

/** The table that windows' answers make, watching over final rows on the way. */
export class WindowTable {
  readonly rows = new Map<string, WindowRow>();

  take(results: readonly WindowRow[]): void {
    for (const row of results) {
      const at = `${Object.values(row.key).join("/")} ${row.start}..${row.end}`;
      const before = this.rows.get(at);
      if (before?.final) {
        assert(row.final, `${at} was final and is open again`);
        assert(row.version > before.version, `${at} was final and changed without a new version`);
      }
      this.rows.set(at, row);
    }
  }

  /** `{ "k 0..10": values }`, and version or finality when asked. */
  values(): Record<string, unknown> {
    return sorted([...this.rows].map(([at, { values }]) => [at, values]));
  }

  versions(): Record<string, unknown> {
    return sorted([...this.rows].map(([at, { version }]) => [at, version]));
  }

  open(): string[] {
    return [...this.rows].filter(([, { final }]) => !final).map(([at]) => at);
  }
}

export type SessionResult = SessionChange<Readonly<Record<string, unknown>>>;

/** The two tables that sessions' answers make: by id, as episodes are stored, and by start, as sessions are. */
export class SessionTable {
  readonly byId = new Map<string, SessionRow<Readonly<Record<string, unknown>>>>();
  readonly byStart = new Map<string, SessionRow<Readonly<Record<string, unknown>>>>();

  take(changes: readonly SessionResult[]): void {
    for (const change of changes) {
      const key = Object.values(change.key).join("/");
      const [id, start] = [`${key} #${change.id}`, `${key} ${change.start}`];
      if (change.kind === "removed") {
        assert(this.byId.delete(id), `${id} is gone and was never there`);
        assert(this.byStart.delete(start), `${start} is gone and was never there`);
        continue;
      }
      const before = this.byId.get(id);
      if (before?.final) {
        assert(change.final, `${id} was final and is not any more`);
        assert(
          change.version > before.version || saysTheSame(change, before),
          `${id} was final and changed under its version`,
        );
      }
      if (change.previousStart !== null) this.byStart.delete(`${key} ${change.previousStart}`);
      this.byId.set(id, change);
      this.byStart.set(start, change);
    }
    assertEquals(this.byId.size, this.byStart.size, "The tables by id and by start differ");
  }

  /** `{ "k 0..5": values }`: from the first element to the last. */
  values(): Record<string, unknown> {
    return sorted([...this.byStart.values()].map((row) => [nameOf(row), row.values]));
  }

  versions(): Record<string, unknown> {
    return sorted([...this.byStart.values()].map((row) => [nameOf(row), row.version]));
  }

  open(): string[] {
    return [...this.byId.values()].filter(({ final }) => !final).map(nameOf);
  }
}

/** Whether two rows differ in nothing but whether they are open. */
const saysTheSame = (a: SessionRow<unknown>, b: SessionRow<unknown>) =>
  JSON.stringify([a.start, a.last, a.values]) === JSON.stringify([b.start, b.last, b.values]);

const nameOf = (row: SessionRow<unknown>) => `${Object.values(row.key).join("/")} ${row.start}..${row.last}`;

export function sorted(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries([...entries].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
}
