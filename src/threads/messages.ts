// What the main thread and the others tell one another, all of it plain data.

import type { Config } from "../config/mod.ts";
import type { Copies } from "../engine/dead_letter_topic.ts";
import type { AlertOptions, CheckpointSummary, TimeBefore } from "../engine/options.ts";
import type { DomainStatus } from "../engine/status.ts";
import type { ForwardedLine } from "../logging.ts";
import type { SentError } from "../sent_errors.ts";

/** What a thread begins with. */
export interface Begin {
  readonly kind: "begin";
  readonly config: Config;
  /** Whom the engine lets know of which alerts. */
  readonly alerts?: AlertOptions;
  /** How many runners share the process's memory for state. */
  readonly sharers?: number;
  /** The warehouse that the main thread has open; without it the thread opens its own. */
  readonly warehouse?: { readonly port: MessagePort; readonly description: string };
}

export interface Run {
  readonly kind: "run";
  readonly domain: string;
  readonly untilEnd: boolean | TimeBefore;
}

/** To a thread. */
export type Order = Begin | Run | { readonly kind: "stop"; readonly domain: string } | { readonly kind: "close" };

/** From a thread. */
export type Report =
  | { readonly kind: "begun"; readonly error?: SentError }
  | { readonly kind: "statuses"; readonly statuses: readonly DomainStatus[] }
  | { readonly kind: "ended"; readonly domain: string; readonly status: DomainStatus; readonly error?: SentError }
  | { readonly kind: "checkpoint"; readonly domain: string; readonly summary: CheckpointSummary }
  | { readonly kind: "restart"; readonly domain: string; readonly error: SentError }
  | { readonly kind: "deadLetterCopies"; readonly domain: string; readonly copies: Copies }
  /** Something failed that nothing in the thread expected to: it is to be ended. */
  | { readonly kind: "failed"; readonly error: SentError }
  | { readonly kind: "line"; readonly line: ForwardedLine }
  | { readonly kind: "closed" };
