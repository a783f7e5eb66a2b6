// Versions across a replay: a row that readers have seen keeps its VERSION where it says the same as before, and gets a higher one
// where it was final and says something else. Knows where operators keep the version in their stored state.

import type { KeyPart, Output } from "@freshet/stream";
import { keyTextOf, MARKS_NAMESPACE } from "@freshet/stream/stored";
import type { Row, StateChange } from "../../warehouse/warehouse.ts";

/** An output whose rows have a version. */
export type Versioned = Extract<Output<unknown>, { kind: "windows" | "sessions" | "episodes" }>;

/** The stored state that a replay is to leave, by operator, partition, namespace and key. */
export class ReplayedState {
  readonly #changes = new Map<string, StateChange>();

  set(change: StateChange): void {
    this.#changes.set(this.#at(change), change);
  }

  get(at: Omit<StateChange, "value">): StateChange | undefined {
    return this.#changes.get(this.#at(at));
  }

  get changes(): readonly StateChange[] {
    return [...this.#changes.values()];
  }

  #at({ operator, partition, namespace, key }: Omit<StateChange, "value">): string {
    return JSON.stringify([operator, partition, namespace, key]);
  }
}

/** The version that a row made anew has to have. `before` is what readers have seen, if there was such a row. */
export function versionAfter(row: Row, before: Row | undefined): number {
  const version = Number(row.VERSION);
  if (!before) return version;
  const wasFinal = before.IS_FINAL === true || before.STATUS === "CLEARED";
  return Math.max(version, Number(before.VERSION) + (wasFinal && !saysTheSame(row, before) ? 1 : 0));
}

function saysTheSame(a: Row, b: Row): boolean {
  const said = ({ VERSION: _, UPDATED_AT: __, ...rest }: Row) => rest;
  const names = Object.keys(said(a));
  return names.every((name) => (a[name] ?? null) === (b[name] ?? null));
}

/** Times of rows have microseconds. */
const isSameTime = (a: unknown, b: unknown) => Math.round(Number(a) * 1000) === Math.round(Number(b) * 1000);

/** Has the operator go on from the row's version, if it still holds the row's window, session or episode. */
export function raiseStoredVersion(state: ReplayedState, output: Versioned, row: Row): void {
  const partition = Number(row.KAFKA_PARTITION);
  const key = keyTextOf(output.keyNames.map((name) => row[name] as KeyPart));
  const edit = (operator: string, namespace: number, change: (value: unknown) => unknown) => {
    const stored = state.get({ operator, partition, namespace, key });
    if (!stored || stored.value === null) return;
    state.set({ ...stored, value: JSON.stringify(change(JSON.parse(stored.value))) });
  };
  const version = Number(row.VERSION);
  const inSessions = (start: unknown) => (value: unknown) =>
    (value as unknown[][]).map((session) => isSameTime(session[1], start) ? session.with(5, version) : session);
  switch (output.kind) {
    case "windows": {
      const end = Number(row.WINDOW_END);
      const { isHopping, forgottenUpTo } = marksOf(state, output.name, partition);
      if (!isHopping) return edit(output.name, end, (value) => (value as unknown[]).with(3, version));
      const at = { operator: `${output.name}/corrections`, partition, namespace: end, key };
      if (end > forgottenUpTo) state.set({ ...at, value: String(version - 1) });
      return;
    }
    case "sessions":
      return edit(output.name, 0, inSessions(row.WINDOW_START));
    case "episodes": {
      const name = `${output.name}/${output.type}`;
      const ofWindows = state.get({ operator: `${name}/closed`, partition, namespace: 0, key: "" }) !== undefined;
      if (!ofWindows) return edit(name, 0, (value) => isSessions(value) ? inSessions(row.STARTED_AT)(value) : value);
      edit(`${name}/episodes`, 0, (value) => {
        const { shown, ...rest } = value as { readonly shown: readonly { readonly start: number }[] };
        return { ...rest, shown: shown.map((s) => isSameTime(s.start, row.STARTED_AT) ? { ...s, version } : s) };
      });
    }
  }
}

/** Episodes of a condition that lasts keep one state for a key, and no version: they are never corrected. */
const isSessions = (value: unknown) => Array.isArray(value) && value.every(Array.isArray);

/** Hopping windows keep how far they are closed under a name of its own, and how far they are forgotten with their panes. */
function marksOf(state: ReplayedState, name: string, partition: number) {
  const isHopping = state.get({ operator: `${name}/closed`, partition, namespace: 0, key: "" }) !== undefined;
  const marks = state.get({ operator: name, partition, namespace: MARKS_NAMESPACE, key: "" })?.value;
  const [forgottenUpTo] = marks ? JSON.parse(marks) as [number | null] : [null];
  return { isHopping, forgottenUpTo: forgottenUpTo ?? -Infinity };
}
