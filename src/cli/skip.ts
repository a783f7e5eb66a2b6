// `skip`: goes past offsets of a partition that cannot be read, with the gap on record.
import { FreshetError } from "../errors.ts";
import type { Problem } from "../http/problem.ts";
import type { Domain } from "../domains/domain.ts";
import { skipCopied } from "../copy_skip.ts";
import { readTopics } from "../keyed_copy.ts";
import { scriptsOf } from "../parts.ts";
import { ask, findRunning, type RunningInstance } from "../run_file.ts";
import { skipOffsets, type Skipped, SkipRefusedError, type SkipRequest } from "../engine/skip.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { openExistingWarehouse } from "./warehouse_access.ts";

/** Looking a stretch up takes up to half a minute, and a warehouse may take its time, milliseconds. */
const TIMEOUT_MS = 180_000;

export const addSkip: Verb = (program, context) => {
  const offset = numberOption({ min: 0, whole: true });
  program.command("skip")
    .summary("go past offsets that cannot be read")
    .description(
      "Moves the position of a partition that has stopped at damage: it goes on at <to>, and FRESHET_GAPS says from then on " +
        "that the offsets <from> up to, but not including, <to> are in no table. `status` and the log say which they are. " +
        "Refuses to skip what can be read, and to go back; the same once more changes nothing. Works while `run` is up, too: " +
        "it goes on with its next checkpoint (FRESHET_CHECKPOINT_MS).",
    )
    .argument("<topic>", "the topic")
    .argument("<partition>", "its partition", numberOption({ min: 0, whole: true }))
    .argument("<from>", "the first offset to skip, which is where the position is", offset)
    .argument("<to>", "the first offset to read again", offset)
    .option(...JSON_OBJECT)
    .action((topic: string, partition: number, from: number, to: number, flags: { readonly json?: boolean }) =>
      skip(context, { topic, partition, from, to }, flags)
    );
};

async function skip(context: Context, request: SkipRequest, { json }: { readonly json?: boolean }): Promise<void> {
  const domain = domainOf(context, request.topic);
  const instance = await findRunning(context.config().dataDir);
  const skipped = instance ? await throughRun(instance, request) : await byHand(context, domain, request);
  if (json) return context.host.stdout.write(jsonText({ ...request, result: skipped }));
  const { topic, partition, from, to } = request;
  if (skipped === "copied from") {
    context.host.stdout.write(
      `Partition ${partition} of "${topic}" is copied from ${from} on: it is on record in FRESHET_GAPS\n`,
    );
    return;
  }
  const what = `Offsets ${from} to ${to - 1} of partition ${partition} of "${topic}"`;
  context.host.stdout.write(
    skipped === "recorded"
      ? `${what} are skipped, and on record in FRESHET_GAPS: it goes on at ${to}\n`
      : `${what} were skipped before: nothing has changed\n`,
  );
}

function domainOf(context: Context, topic: string): Domain {
  const domains = context.domains();
  const found = domains.find((domain) => readTopics(domain).includes(topic));
  if (found) return found;
  throw new UsageError(`No domain reads the topic "${topic}". Topics: ${domains.flatMap(readTopics).join(", ")}`);
}

async function throughRun(instance: RunningInstance, request: SkipRequest): Promise<Skipped> {
  const answer = await ask(instance, "POST", "/api/skip", { body: request, timeoutMs: TIMEOUT_MS });
  if (answer.ok) return (await answer.json() as { readonly result: Skipped }).result;
  const { detail } = await answer.json() as Problem;
  throw answer.status === 409 ? new SkipRefusedError(detail) : new NotSkippedError(detail);
}

/** The run could not do it. */
class NotSkippedError extends FreshetError {
  readonly code = "not_skipped";
  readonly retriable = true;
}

async function byHand(context: Context, domain: Domain, request: SkipRequest): Promise<Skipped> {
  const { parts, host: { clock, signal } } = context;
  await using warehouse = await openExistingWarehouse(context);
  await warehouse.migrate(scriptsOf([domain]));
  await using log = await parts.openLog(context.config(), clock);
  const skip = domain.copyOf === request.topic ? skipCopied : skipOffsets;
  return await skip(request, { log, warehouse, clock, signal, domain });
}
