// What the owner of a channel does next, and what it knows after that: decisions alone, without requests, so that a test can
// try every interleaving of two owners with them (tests/warehouse/two_owners_test.ts).
//
// A partition is taken over in this order: its epoch is raised in SQL, the channel is opened, which fences the owner before
// off, and the epoch is read again: whoever finds another one has been overtaken in between, and stops. Only then are rows
// appended, and only those above the token that the channel was opened with.

/** Rows that go in one request, by the offsets of the first and the last. */
export interface Chunk {
  readonly first: number;
  readonly last: number;
  readonly rows: number;
}

export type Phase =
  /** The partition is claimed in SQL; the channel is not open. */
  | "claimed"
  /** The channel is open; whether the claim still stands is not known. */
  | "opened"
  /** Rows may be appended. */
  | "owned"
  /** The service takes no rows from here any more. Whether another owner has opened the channel is not known. */
  | "doubtful"
  /** Another owner has claimed the partition. */
  | "lost"
  /** The service has stored a part of a chunk: what is appended next cannot be told. */
  | "broken";

export interface ChannelState {
  readonly phase: Phase;
  /** As claimed. */
  readonly epoch: number;
  /** The offset of the last row that is known to be stored; `null` before the first. */
  readonly stored: number | null;
  /** Not known to be stored, by offset. */
  readonly queue: readonly Chunk[];
  /** How many of these the service has taken since the channel was opened. */
  readonly taken: number;
  /** Rows of chunks that were stored since the partition was claimed, those among them that the service has skipped. */
  readonly storedRows: number;
}

export type Step =
  | { readonly kind: "open" }
  | { readonly kind: "check the claim" }
  | { readonly kind: "append"; readonly chunk: Chunk }
  /** Ask what is stored by now. */
  | { readonly kind: "look" }
  | { readonly kind: "rest" }
  /** Claim anew, or leave it to another. */
  | { readonly kind: "stop" };

export type News =
  | { readonly kind: "opened"; readonly token: number | null }
  /** The epoch that stands in SQL; `null` where the partition is not there any more. */
  | { readonly kind: "claim"; readonly epoch: number | null }
  | { readonly kind: "added"; readonly chunk: Chunk }
  /** The service has taken the next chunk; it may lose it still. */
  | { readonly kind: "taken" }
  /** The service takes nothing by this token any more, or nobody knows what became of a request. */
  | { readonly kind: "refused" }
  | { readonly kind: "stored"; readonly token: number | null };

/** A partition that was claimed in SQL. */
export function claimed(epoch: number): ChannelState {
  return { phase: "claimed", epoch, stored: null, queue: [], taken: 0, storedRows: 0 };
}

export function nextStep({ phase, queue, taken }: ChannelState): Step {
  switch (phase) {
    case "claimed":
      return { kind: "open" };
    case "opened":
    case "doubtful":
      return { kind: "check the claim" };
    case "owned":
      if (taken < queue.length) return { kind: "append", chunk: queue[taken]! };
      return queue.length > 0 ? { kind: "look" } : { kind: "rest" };
    case "lost":
    case "broken":
      return { kind: "stop" };
  }
}

export function after(state: ChannelState, news: News): ChannelState {
  switch (news.kind) {
    case "opened":
      return afterOpening(state, news.token);
    case "claim":
      if (news.epoch !== state.epoch) return { ...state, phase: "lost" };
      // Not opened blindly: that would fence off whoever has the partition by right.
      return { ...state, phase: state.phase === "opened" || state.phase === "owned" ? "owned" : "claimed" };
    case "added":
      return { ...state, queue: [...state.queue, news.chunk] };
    case "taken":
      return { ...state, taken: state.taken + 1 };
    case "refused":
      return { ...state, phase: state.phase === "owned" ? "doubtful" : state.phase };
    case "stored":
      return afterLooking(state, news.token);
  }
}

/** What was under way when a channel is opened is thrown away by the service: it is appended again. */
function afterOpening(state: ChannelState, token: number | null): ChannelState {
  const queue = above(state.queue, token);
  const isSplit = token !== null && queue.some(({ first }) => first <= token);
  const storedRows = state.storedRows + rowsIn(state.queue) - rowsIn(queue);
  return { ...state, phase: isSplit ? "broken" : "opened", stored: token, queue, taken: 0, storedRows };
}

/** A token that goes back is another channel's of the same name. */
function afterLooking(state: ChannelState, token: number | null): ChannelState {
  if (state.stored !== null && (token === null || token < state.stored)) return after(state, { kind: "refused" });
  const queue = above(state.queue, token);
  const gone = state.queue.length - queue.length;
  const storedRows = state.storedRows + rowsIn(state.queue) - rowsIn(queue);
  return { ...state, stored: token, queue, taken: Math.max(0, state.taken - gone), storedRows };
}

const rowsIn = (queue: readonly Chunk[]) => queue.reduce((sum, { rows }) => sum + rows, 0);

function above(queue: readonly Chunk[], token: number | null): readonly Chunk[] {
  return token === null ? queue : queue.filter(({ last }) => last > token);
}

/** Whether all rows before the offset that were added are stored. */
export function isStoredBefore({ phase, queue }: ChannelState, offset: number): boolean {
  return phase === "owned" && !queue.some(({ first }) => first < offset);
}
