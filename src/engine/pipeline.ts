// One generation's pipeline of a domain: operators with the state of the partitions it owns.

import { StateMismatchError } from "../errors.ts";
import { type Domain, outputsOf, type TimeSettings } from "../domains/domain.ts";
import { FanOut, type Output, StateBackend } from "@freshet/stream";
import type { Writer } from "../warehouse/warehouse.ts";
import type { StateMemorySettings } from "./options.ts";
import { StateFile } from "./state_file.ts";

/** Raised when the layout of stored state changes in a way that the operators' fingerprints do not say. */
const STATE_FORMAT = 1;

export interface RestoredPipeline extends AsyncDisposable {
  readonly outputs: readonly Output<unknown>[];
  readonly state: StateBackend;
  readonly operators: FanOut<unknown>;
}

/** What a pipeline is built of. */
export interface PipelineOptions {
  readonly domain: Domain;
  readonly time: TimeSettings;
  readonly writer: Writer;
  /** See `RunnerOptions`. */
  readonly stateMemory?: StateMemorySettings;
}

/** Builds the pipeline and restores the state of the partitions, in pages: what memory has no room for goes to a file on the way. */
export async function restorePipeline(
  { domain, time, writer, stateMemory }: PipelineOptions,
  partitions: readonly number[],
): Promise<RestoredPipeline> {
  const resources = new AsyncDisposableStack();
  const file = () => resources.use(new StateFile(stateMemory!.folder));
  const state = new StateBackend(stateMemory && { bytes: stateMemory.bytes, file });
  const outputs = outputsOf(domain, { state, allowedLatenessMs: time.allowedLatenessMs });
  const operators = new FanOut(outputs.map((output) => output.operator));
  resources.defer(() => operators.close());
  try {
    for await (const changes of writer.state(domain.topic, partitions)) {
      for (const change of changes) state.restore(change);
      state.trim();
    }
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
  return { outputs, state, operators, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Fingerprints of the domain's operators: what the layout of their state depends on. */
export function fingerprintsOf(domain: Domain): ReadonlyMap<string, string> {
  const state = new StateBackend();
  outputsOf(domain, { state, allowedLatenessMs: 0 });
  return new Map([...state.fingerprints].map(([name, config]) => [name, `${STATE_FORMAT}:${config}`]));
}

/**
 * Checks that stored state was written by operators like these, and registers them.
 * Rejects with `StateMismatchError` when it was not: going on would mix two kinds of windows.
 */
export async function checkOperators(domain: Domain, writer: Writer): Promise<void> {
  const ours = fingerprintsOf(domain);
  const stored = await writer.operators();
  const differing = [...stored].filter(([operator, fingerprint]) => ours.get(operator) !== fingerprint);
  if (differing.length > 0) {
    const lines = differing.map(([operator, fingerprint]) =>
      `  ${operator}: stored ${fingerprint}, configured ${ours.get(operator) ?? "no such operator"}`
    );
    throw new StateMismatchError(
      `The stored state of "${domain.name}" was written for other windows or by another version:\n${
        lines.join("\n")
      }\n` +
        `Put the setting (or the version) back, or make the tables anew from the raw one: "freshet replay ${domain.name}"; ` +
        `or begin again with what the topic holds: "freshet sql reset ${domain.name}" prints the SQL`,
    );
  }
  if ([...ours.keys()].some((operator) => !stored.has(operator))) await writer.registerOperators(ours);
}
