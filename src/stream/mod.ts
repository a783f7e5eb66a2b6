// Event-time streams on async iterators: batches, windows, keyed state, late data. Knows nothing of where records come from
// or where results go, and imports nothing from outside this folder.

export * from "./accumulators.ts";
export * from "./batch.ts";
export * from "./compared_windows.ts";
export * from "./distinct_sketch.ts";
export * from "./exact_result.ts";
export { addExactly, type ExactSum, type Expansion, mergeExactly } from "./exact_sum.ts";
export * from "./fan_out.ts";
export * from "./filter.ts";
export * from "./flat_map.ts";
export * from "./holding.ts";
export * from "./hopping.ts";
export * from "./key.ts";
export * from "./latest.ts";
export * from "./local_day.ts";
export * from "./map.ts";
export * from "./panes.ts";
export * from "./point_episodes.ts";
export * from "./quantile_sketch.ts";
export * from "./running.ts";
export * from "./scan.ts";
export * from "./session.ts";
export * from "./sliding_merge.ts";
export * from "./state.ts";
export * from "./stream.ts";
export * from "./time.ts";
export * from "./tumbling.ts";
export * from "./watermark.ts";
export * from "./window.ts";
export * from "./window_episodes.ts";
