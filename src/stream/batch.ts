// What flows through a stream: batches of elements, each with event time and watermark.
// Knows nothing outside this folder.

/** One record inside a batch. */
export interface Element<T> {
  /** What the record says. */
  readonly value: T;
  /** Event time: epoch milliseconds, fractional down to the microsecond. */
  readonly time: number;
  /** Position of the source record in its partition. */
  readonly offset: number;
  /**
   * The partition's event-time watermark just before this element, epoch milliseconds; `-Infinity` before the first.
   * Whether an element is late is judged by this one, so it does not depend on where batches begin.
   */
  readonly watermark: number;
}

/** Windows that an element came too late for: those that end at `end`, or before it back to the one that begins at `start`. */
export interface MissedWindows {
  /** Start of the first, inclusive, epoch milliseconds. */
  readonly start: number;
  /** End of the last, exclusive, epoch milliseconds. */
  readonly end: number;
  /** How many. */
  readonly count: number;
}

/** An element that an operator reports, by where it came from. */
export interface ReportedElement {
  /** Name of the operator. */
  readonly operator: string;
  /** The element's partition. */
  readonly partition: number;
  /** The element's offset in it. */
  readonly offset: number;
}

/** An element that came too late for windows of an operator. It is in none of them; it is in later ones that hold it too. */
export interface LateElement extends ReportedElement {
  /** Event time, epoch milliseconds. */
  readonly time: number;
  /** The watermark it was late against, epoch milliseconds. */
  readonly watermark: number;
  /** The windows that it came too late for. */
  readonly missed: MissedWindows;
}

/**
 * An element for which a user function threw. It is in no row, but state may hold a part of it: whoever needs the state
 * goes back to before the batch and leaves the element out.
 */
export interface FailedElement extends ReportedElement {
  /** What was thrown. */
  readonly error: unknown;
}

/** Where operators report what does not go down the stream; it travels with the batch. */
export interface SideOutputs {
  /** Elements that came too late. */
  readonly late: LateElement[];
  /** Elements for which a user function threw. */
  readonly failed: FailedElement[];
}

/**
 * A run of elements of one partition.
 *
 * Operators answer every batch with exactly one batch, maybe an empty one: so a batch that leaves
 * a pipeline says that everything before `nextOffset` is done.
 */
export interface Batch<T> {
  /** The partition that all its elements are of. */
  readonly partition: number;
  /** In the order of the log. */
  readonly elements: readonly Element<T>[];
  /** Offset after the last record this batch accounts for, also when none of them is among its elements. */
  readonly nextOffset: number;
  /** Windows that end at or before this are closed, epoch milliseconds. Moves with events and, when idle, with the clock. */
  readonly watermark: number;
  /** The watermark of the partition's batch before: what changes a window that ends at or before it is a correction. */
  readonly closedBefore: number;
  /** The part of the watermark that events alone have moved: lateness and state retention go by this one. */
  readonly eventWatermark: number;
  /** Asks for early rows: of what is open and has changed since they were last asked for. */
  readonly early: boolean;
  /** Event time is so far behind the wall clock that this is history: what it makes is no news to anybody. */
  readonly backfill: boolean;
  /** The input ends here: every window closes, wherever the watermark stands. More input may come in a later run. */
  readonly ended: boolean;
  /** Where operators report elements. */
  readonly side: SideOutputs;
}

/** A user's function of one element. */
export type PerElement<I, O> = (value: I, element: Element<I>, partition: number) => O;

/** Turns a stream of batches into another, one batch out for each batch in; closes its source when it is closed. */
export type Operator<I, O> = (source: AsyncIterable<Batch<I>>) => AsyncGenerator<Batch<O>, void, undefined>;

/** The same batch with other elements. */
export function withElements<T>(batch: Batch<unknown>, elements: readonly Element<T>[]): Batch<T> {
  return {
    partition: batch.partition,
    elements,
    nextOffset: batch.nextOffset,
    watermark: batch.watermark,
    closedBefore: batch.closedBefore,
    eventWatermark: batch.eventWatermark,
    early: batch.early,
    backfill: batch.backfill,
    ended: batch.ended,
    side: batch.side,
  };
}
