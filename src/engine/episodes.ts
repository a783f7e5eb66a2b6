// Outputs of episodes: what their operators are called, and which of them have parts in several partitions that views join.

import type { Output } from "@freshet/stream";

export type EpisodeOutput = Extract<Output<unknown>, { readonly kind: "episodes" }>;

/** The name of an output's operator, as state and tables have it. */
export const operatorOf = ({ name, type }: EpisodeOutput): string => `${name}/${type}`;

/** Whether a key's episodes are joined whatever partitions its records lie in: then they are over once all partitions have passed them. */
export function isJoined(output: Output<unknown>): output is EpisodeOutput & { readonly gapMs: number } {
  return output.kind === "episodes" && output.gapMs !== undefined;
}
