// What the window operators share: their results, when a window is closed, and when an element is late for it.

import type { Batch, Element, MissedWindows } from "./batch.ts";
import type { KeyedResult } from "./key.ts";
import { SpilledStateError } from "./spill_file.ts";

/** The row of one key and window. */
export interface WindowResult<R> extends KeyedResult {
  /** Inclusive, epoch milliseconds. */
  readonly start: number;
  /** Exclusive, epoch milliseconds. */
  readonly end: number;
  /** The results of the accumulators. */
  readonly values: R;
  /** The window has closed: only a correction changes the row from here, and it stays final. */
  readonly final: boolean;
  /** 1, and one more for each element that came after the window had closed, also where that made the row. */
  readonly version: number;
}

/** How late an element may be and still correct a closed window. */
export interface LatenessSettings {
  /** Milliseconds of event time after a window's end. */
  readonly allowedLatenessMs: number;
}

/** Reports an element that is too late for windows of the operator. */
export function reportLate(
  operator: string,
  batch: Batch<unknown>,
  { element, missed }: { readonly element: Element<unknown>; readonly missed: MissedWindows },
): void {
  batch.side.late.push({
    operator,
    partition: batch.partition,
    offset: element.offset,
    time: element.time,
    watermark: element.watermark,
    missed,
  });
}

/** Reports an element for which a user function threw. Throws what is not the element's fault. */
export function reportFailed(operator: string, batch: Batch<unknown>, element: Element<unknown>, error: unknown): void {
  if (error instanceof SpilledStateError) throw error;
  batch.side.failed.push({ operator, partition: batch.partition, offset: element.offset, error });
}

/** An element that stands for state, and not for one record. */
export function rowElement<T>(value: T, time: number, batch: Batch<unknown>): Element<T> {
  return { value, time, offset: batch.nextOffset - 1, watermark: batch.watermark };
}
