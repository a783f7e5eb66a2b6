// What the window operators share: their results, when a window is closed, and when an element is late for it.

import type { Batch, Element } from "./batch.ts";
import type { Key } from "./key.ts";

/** The row of one key and window. */
export interface WindowResult<R> {
  readonly key: Key;
  readonly partition: number;
  /** Inclusive, epoch milliseconds. */
  readonly start: number;
  /** Exclusive, epoch milliseconds. */
  readonly end: number;
  readonly values: R;
  /** The watermark has passed the end: only a correction changes the row from here. */
  readonly final: boolean;
  /** 1, and one more for each late element that changed the row after it was final. */
  readonly version: number;
}

/** How late an element may be and still correct a closed window. */
export interface LatenessSettings {
  /** Milliseconds of event time after a window's end. */
  readonly allowedLatenessMs: number;
}

/** Reports an element that is too late for the operator. */
export function reportLate(operator: string, batch: Batch<unknown>, element: Element<unknown>): void {
  batch.side.late.push({
    operator,
    partition: batch.partition,
    offset: element.offset,
    time: element.time,
    watermark: element.watermark,
  });
}

/** Reports an element for which a user function threw. */
export function reportFailed(operator: string, batch: Batch<unknown>, element: Element<unknown>, error: unknown): void {
  batch.side.failed.push({ operator, partition: batch.partition, offset: element.offset, error });
}

/** An element of an operator's answer that stands for state and not for one record. */
export function answer<T>(value: T, time: number, batch: Batch<unknown>): Element<T> {
  return { value, time, offset: batch.nextOffset - 1, watermark: batch.watermark };
}
