// What a kind of windows says: which windows there are, which of them hold an element, and when one is closed and forgotten.
// A kind is arithmetic of event time: the aggregators keep elements, versions and state, and know no kind by its name. The
// three shapes differ in what has to be kept, so each has an aggregator of its own, with its own loop over the elements.

/** What every kind has. */
export interface WindowKind {
  /** What stored state depends on, the name of the kind first. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** A window: start inclusive, end exclusive, epoch milliseconds. It is closed when the watermark reaches its end. */
export interface Window {
  /** Inclusive, epoch milliseconds. */
  readonly start: number;
  /** Exclusive, epoch milliseconds. */
  readonly end: number;
}

/** Windows of which each element is in one, such as tumbling windows. One is forgotten the allowed lateness after its end. */
export interface SeparateWindows<T> extends WindowKind {
  /** Tells the shapes of kinds apart. */
  readonly shape: "separate";
  /** The window that holds an element. A key's windows that end together must be one window. */
  assign(value: T, time: number): Window;
}

/**
 * Windows of which an element is in several that end one after the other, such as hopping windows. Elements that are in the same
 * ones are kept once, in a pane; a window is merged from its panes. A pane ends with the first window that holds it, so a
 * window must not begin inside a pane. All ends are epoch milliseconds; `-Infinity` is answered with `-Infinity`.
 */
export interface OverlappingWindows extends WindowKind {
  /** Tells the shapes of kinds apart. */
  readonly shape: "overlapping";
  /** Whether several windows begin together: then they are told apart by their ends alone. */
  readonly nested: boolean;
  /** The end of the first window that holds an element at `time`; of an end, that of the window that ends next. */
  assign(time: number): number;
  /** The end of the last window that holds the pane which ends at `pane`. */
  lastOf(pane: number): number;
  /** The start of the window that ends at `end`. */
  startOf(end: number): number;
  /** How many windows of a pane end from `first` to `last`, which are ends of such windows. */
  count(first: number, last: number): number;
  /** The end of the last window that is closed when the watermark is at `time`. */
  closedAt(time: number): number;
}

/** The elements of a window that grows: the times of its first and its last one, epoch milliseconds. */
export interface Span {
  /** Event time of the first element. */
  readonly start: number;
  /** Event time of the last element. */
  readonly last: number;
}

/**
 * Windows that grow with their elements, and merge when an element is in two of them: sessions. The gap is a number and not a
 * function of the kind's, so that the aggregator's loop has no call more for each element.
 */
export interface MergingWindows extends WindowKind {
  /** Tells the shapes of kinds apart. */
  readonly shape: "merging";
  /** A window holds what is less than this before or after its elements, and ends so long after the last one; milliseconds. */
  readonly gapMs: number;
  /** The watermark at which nothing that is not late can be a part of the window, alone or together with the next one. */
  forgottenAt(window: Span, next: Span | undefined, allowedLatenessMs: number): number;
}
