// One generation's pipeline of a domain: operators with the state of the partitions it owns.

import { FreshetError, StateMismatchError } from "../errors.ts";
import { type Domain, outputsOf, type TimeSettings } from "../domains/domain.ts";
import { FanOut, type Output, SpilledStateError, StateBackend } from "@freshet/stream";
import type { Writer } from "../warehouse/warehouse.ts";
import type { StateMemorySettings } from "./options.ts";
import { StateFile, stateFileError } from "./state_file.ts";
import { type FoundSnapshot, KeptState, type SnapshotPlace, type StateIdentity } from "./kept_state.ts";

/** Raised when the layout of stored state changes in a way that the operators' fingerprints do not say. */
const STATE_FORMAT = 1;

export interface RestoredPipeline extends AsyncDisposable {
  readonly outputs: readonly Output<unknown>[];
  readonly state: StateBackend;
  readonly operators: FanOut<unknown>;
  /** Where the state is kept for the next start. */
  readonly kept?: KeptState | undefined;
  /** Absent where all state was read from the warehouse. */
  readonly takenUp?: TakenUp;
}

/** The snapshot that a pipeline began with. */
export interface TakenUp extends SnapshotPlace {
  /** Keys that have changed since. */
  readonly changes: number;
}

/** What a pipeline is built of. */
export interface PipelineOptions {
  readonly domain: Domain;
  readonly time: TimeSettings;
  readonly writer: Writer;
  /** See `RunnerOptions`. */
  readonly stateMemory?: StateMemorySettings;
}

/**
 * Builds the pipeline with the state of the partitions: from the snapshot in the data folder and what has changed since, or where
 * there is none that fits all of it from the warehouse, in pages, and what memory has no room for goes to a file on the way.
 */
export async function restorePipeline(
  options: PipelineOptions,
  partitions: readonly number[],
): Promise<RestoredPipeline> {
  return await takeUp(options, partitions) ?? await restore(options, partitions);
}

/** What a pipeline failed with. Where that was the file of its state, the next start does not take up what is in it. */
export function failureOf({ kept }: Pick<RestoredPipeline, "kept">, error: unknown): unknown {
  if (!(error instanceof SpilledStateError)) return error;
  const failure = stateFileError(error);
  // A disk that is full has not damaged anything.
  if (failure !== error.cause) kept?.forget();
  return failure;
}

async function restore(options: PipelineOptions, partitions: readonly number[]): Promise<RestoredPipeline> {
  const { domain, writer } = options;
  const pipeline = build(options, partitions);
  const { state, kept } = pipeline;
  try {
    kept?.forget();
    for await (const changes of writer.state(domain.topic, partitions)) {
      for (const change of changes) state.restore(change);
      state.trim();
    }
    return pipeline;
  } catch (error) {
    const failure = failureOf(pipeline, error);
    await pipeline[Symbol.asyncDispose]();
    throw failure;
  }
}

async function takeUp(
  options: PipelineOptions,
  partitions: readonly number[],
): Promise<RestoredPipeline | undefined> {
  if (!options.stateMemory?.isKept) return undefined;
  const pipeline = build(options, partitions);
  try {
    const snapshot = pipeline.kept?.find();
    if (snapshot) {
      snapshot.read((source) => pipeline.state.load(source));
      const changes = await addChanges(snapshot, pipeline, options);
      if (changes !== undefined) {
        const { checkpoints, appended } = snapshot;
        return { ...pipeline, takenUp: { checkpoints, changes, appended: appended + changes } };
      }
    }
  } catch (error) {
    if (error instanceof FreshetError) {
      await pipeline[Symbol.asyncDispose]();
      throw error;
    }
    // Whatever does not fit: the warehouse has all state.
    pipeline.kept?.forget();
  }
  await pipeline[Symbol.asyncDispose]();
}

/** Adds what has changed since the snapshot; returns how many keys that is, or nothing where the warehouse does not have its marks. */
async function addChanges(
  snapshot: FoundSnapshot,
  { state }: RestoredPipeline,
  { domain, writer }: PipelineOptions,
): Promise<number | undefined> {
  const unmarked = new Set(snapshot.checkpoints.keys());
  const operators = new Set(state.operators);
  let count = 0;
  for await (const changes of writer.stateSince(domain.topic, snapshot.checkpoints)) {
    for (const change of changes) {
      // There may be marks of other snapshots, and what operators of other settings have left.
      if (snapshot.isMark(change)) unmarked.delete(change.partition);
      else if (operators.has(change.operator)) state.replace(change);
    }
    count += changes.length;
    state.trim();
  }
  return unmarked.size === 0 ? count : undefined;
}

function build({ domain, time, stateMemory }: PipelineOptions, partitions: readonly number[]): RestoredPipeline {
  const resources = new AsyncDisposableStack();
  const kept = stateMemory?.isKept === true
    ? resources.use(new KeptState(stateMemory.folder, identityOf(domain, time, partitions)))
    : undefined;
  const file = () => kept?.file() ?? resources.use(StateFile.nameless(stateMemory!.folder));
  const state = new StateBackend(stateMemory && { bytes: stateMemory.bytes, file });
  const outputs = outputsOf(domain, { state, allowedLatenessMs: time.allowedLatenessMs });
  const operators = new FanOut(outputs.map((output) => output.operator));
  resources.defer(() => operators.close());
  return { outputs, state, operators, kept, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

function identityOf(domain: Domain, time: TimeSettings, partitions: readonly number[]): StateIdentity {
  const settings = { ...Object.fromEntries(fingerprintsOf(domain)), allowedLatenessMs: String(time.allowedLatenessMs) };
  return { domain: domain.name, topic: domain.topic, partitions: partitions.toSorted((a, b) => a - b), settings };
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
