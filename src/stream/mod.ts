/**
 * Event-time streams on async iterators: windows, late data with corrections, and state that can be stored and restored.
 *
 * A {@link Pipeline} takes records of partitions and answers with rows; {@link Stream} is how it is written down. Nothing here
 * knows where records come from or where rows go, reads a clock, or imports anything of the program around it.
 *
 * @module
 */

export {
  type Accumulator,
  type AccumulatorSpec,
  atMax,
  type AtMaxOptions,
  count,
  type Dated,
  distinct,
  distinctHashes,
  durationSeconds,
  first,
  last,
  max,
  mean,
  type Measured,
  min,
  type NumberOf,
  quantile,
  type ResultsOf,
  sum,
  type SumOptions,
} from "./accumulators.ts";
export type {
  Batch,
  Element,
  FailedElement,
  LateElement,
  MissedWindows,
  Operator,
  PerElement,
  ReportedElement,
  SideOutputs,
} from "./batch.ts";
export type { ComparedWindow } from "./compared_windows.ts";
export type { DistinctSketch } from "./distinct_sketch.ts";
export type { ExactSum, Expansion } from "./exact_sum.ts";
export { FanOut } from "./fan_out.ts";
export type { Key, KeyedResult, KeyPart, KeySelectors } from "./key.ts";
export type { LatestResult } from "./latest.ts";
export { LocalCalendar, type LocalDay } from "./local_day.ts";
export type {
  AppendOutput,
  EpisodeOptions,
  EpisodeOutput,
  EpisodeStream,
  HoppingStream,
  KeyedOutput,
  LatestOutput,
  Named,
  NamedOutput,
  Output,
  RunningOutput,
  SessionOutput,
  SessionStream,
  WindowCondition,
  WindowedStream,
  WindowLengths,
  WindowOutput,
} from "./outputs.ts";
export { type BatchOptions, PartitionInput, type PartitionPosition } from "./partition_input.ts";
export {
  type Answer,
  type Checkpoint,
  Pipeline,
  type PipelineRecord,
  type PipelineSettings,
  type RowOf,
} from "./pipeline.ts";
export { addToSketch, emptySketch, mergeSketches, quantileOf, type QuantileSketch } from "./quantile_sketch.ts";
export type { RunningResult } from "./running.ts";
export type { Scanned } from "./scan.ts";
export type { SessionChange, SessionRemoved, SessionRow } from "./session.ts";
export type { StateDelta } from "./state.ts";
export type { ByteSink, ByteSource } from "./snapshot.ts";
export { StateBackend, type StateMemory } from "./state_backend.ts";
export { SpilledStateError, type SpillFile } from "./spill_file.ts";
export { type EpisodeNames, type KeyedStream, Stream, type StreamContext } from "./stream.ts";
export { days, hours, minutes, parseTimestamp, seconds } from "./time.ts";
export { PartitionWatermark, type WatermarkSettings } from "./watermark.ts";
export type { WindowResult } from "./window.ts";
export type { OverlappingWindows, SeparateWindows, Window, WindowKind } from "./window_kind.ts";
