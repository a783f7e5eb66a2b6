// Writers beside each other on a clock of its own: each sends the statements of its units one after the other, and the locks are
// as Snowflake documents them, strictly read: UPDATE, DELETE and MERGE lock the whole table to the end of the transaction, INSERT
// locks nothing, at most 20 statements wait for a lock, and each for LOCK_TIMEOUT. What no machine's load can blur.
// https://docs.snowflake.com/en/sql-reference/transactions

import { LIMITS } from "../src/warehouse/snowflake/account.ts";

/** A statement: the table that it locks, if it does; `ends`: whether its transaction ends with it. */
export interface Step {
  readonly table: string | undefined;
  readonly ends: boolean;
}

export interface ModelOptions {
  /** The statements of a unit, of each writer. */
  readonly writers: readonly (readonly Step[])[];
  readonly statementMs: number;
  readonly measuredMs: number;
}

export interface Modelled {
  readonly units: number;
  /** Most statements that waited for one table at a time. */
  readonly waiters: number;
  /** Statements that waited in vain, and were sent again. */
  readonly inVain: number;
  /** Units that were given up. */
  readonly again: number;
}

const MOST_WAITERS = 20;
/**
 * Of src/warehouse/snowflake/session.ts: how often a statement is sent, or a transaction begun that has locks, the pause
 * between, and what is asked in it.
 */
const ATTEMPTS = 6;
const PAUSE_MS = 750;
const ASKED_BETWEEN = 2;

interface Member {
  readonly steps: readonly Step[];
  at: number;
  attempt: number;
  readonly holds: Set<string>;
  /** Raised whenever what it waits for has come, so that a timeout that is still to come says nothing. */
  waits: number;
}

interface Table {
  holder: Member | undefined;
  readonly queue: Member[];
}

class Model {
  units = 0;
  waiters = 0;
  inVain = 0;
  again = 0;
  #now = 0;
  readonly #tables = new Map<string, Table>();
  readonly #events: { readonly at: number; readonly run: () => void }[] = [];

  constructor(private readonly options: ModelOptions) {}

  run(): Modelled {
    const { writers, statementMs, measuredMs } = this.options;
    for (const [i, steps] of writers.entries()) {
      const member: Member = { steps, at: 0, attempt: 1, holds: new Set(), waits: 0 };
      // Not all at the same moment.
      this.#after(statementMs * i / writers.length, () => this.#start(member));
    }
    while (this.#events.length > 0) {
      let first = 0;
      for (let i = 1; i < this.#events.length; i++) if (this.#events[i]!.at < this.#events[first]!.at) first = i;
      const [event] = this.#events.splice(first, 1);
      if (event!.at > measuredMs) break;
      this.#now = event!.at;
      event!.run();
    }
    const { units, waiters, inVain, again } = this;
    return { units, waiters, inVain, again };
  }

  #after(ms: number, run: () => void): void {
    this.#events.push({ at: this.#now + ms, run });
  }

  /** The member's next statement. */
  #start(member: Member): void {
    const { table: name } = member.steps[member.at]!;
    if (name === undefined || member.holds.has(name)) return this.#execute(member);
    const table = this.#tables.get(name) ?? { holder: undefined, queue: [] };
    this.#tables.set(name, table);
    if (table.holder === undefined) return this.#take(member, name);
    if (table.queue.length >= MOST_WAITERS) return this.#waitedInVain(member);
    table.queue.push(member);
    this.waiters = Math.max(this.waiters, table.queue.length);
    const wait = ++member.waits;
    this.#after(LIMITS.lockSeconds * 1000, () => {
      if (member.waits !== wait) return;
      table.queue.splice(table.queue.indexOf(member), 1);
      this.#waitedInVain(member);
    });
  }

  #take(member: Member, name: string): void {
    this.#tables.get(name)!.holder = member;
    member.holds.add(name);
    member.waits++;
    this.#execute(member);
  }

  #execute(member: Member): void {
    this.#after(this.options.statementMs, () => {
      const { ends } = member.steps[member.at]!;
      member.attempt = 1;
      if (ends) this.#release(member);
      member.at = (member.at + 1) % member.steps.length;
      if (member.at === 0) this.units++;
      this.#start(member);
    });
  }

  #waitedInVain(member: Member): void {
    this.inVain++;
    const pauseMs = ASKED_BETWEEN * this.options.statementMs + PAUSE_MS;
    if (member.attempt++ >= ATTEMPTS) {
      this.again++;
      member.attempt = 1;
    } else if (member.holds.size === 0) return this.#after(pauseMs, () => this.#start(member));
    this.#release(member);
    member.at = 0;
    this.#after(pauseMs, () => this.#start(member));
  }

  #release(member: Member): void {
    for (const name of member.holds) {
      const table = this.#tables.get(name)!;
      table.holder = undefined;
      const next = table.queue.shift();
      if (next !== undefined) this.#take(next, name);
    }
    member.holds.clear();
  }
}

/** How many units all writers write in the time. */
export function runModel(options: ModelOptions): Modelled {
  return new Model(options).run();
}

/** What a statement locks, by its text. */
export function stepOf(sql: string): Step {
  const table = /^\s*(?:UPDATE|MERGE\s+INTO|DELETE\s+FROM)\s+"?(\w+)"?/i.exec(sql)?.[1];
  return { table, ends: /^\s*(COMMIT|ROLLBACK)/i.test(sql) };
}
