// `produce`: sends the lines of a file or of standard input as records, each as its exact bytes.
import type { Log, NewRecord } from "../log/log.ts";
import { TopicMissingError } from "../errors.ts";
import type { StatusAnswer } from "../http/status_route.ts";
import { asProduced } from "../keyed_copy.ts";
import { provideTopics } from "../parts.ts";
import { askJson, findRunning } from "../run_file.ts";
import { type Context, UsageError, type Verb } from "./context.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { type LineBatch, lineBatches } from "./line_batches.ts";
import { startProgress, totalLine } from "./progress.ts";

interface ProduceOptions {
  readonly key?: string;
  readonly json?: boolean;
}

const STATUS_MS = 30_000;
const WAIT_MS = 200;
const MAX_WAIT_MS = 60_000;
const READ_BYTES = 1 << 20;
const LIMITS = { maxRecords: 10_000, maxBytes: 4 << 20, maxLineBytes: 64 << 20, lingerMs: 20 };

export const addProduce: Verb = (program, context) => {
  program.command("produce")
    .summary("send records from a file or standard input")
    .description(
      "Sends each line of a file (or of standard input) as a record to the configured log, byte for byte, also when it is " +
        "not JSON. An empty line is a record with an empty value. With a Schema Registry the records of a topic that has a " +
        "schema get its frame in front.",
    )
    .argument("<topic>")
    .argument("[file]", 'NDJSON; standard input when left out or "-"')
    .option(
      "-k, --key <field>",
      "field of the line's JSON object that becomes the record's key; without it, or where it is\nmissing, the record has no key",
    )
    .option(...JSON_OBJECT)
    .action((topic: string, file: string | undefined, options: ProduceOptions) =>
      produce(context, { topic, file, ...options })
    );
};

async function produce(
  context: Context,
  { topic, file, key, json }: ProduceOptions & { readonly topic: string; readonly file: string | undefined },
): Promise<void> {
  const { host, parts } = context;
  const config = context.config();
  await using stack = new AsyncDisposableStack();
  const input = stack.use(await openInput(host.stdin, file));
  const log = stack.use(await parts.openLog(config, host.clock));
  await requireTopic(context, log, topic);
  await untilFed(context, topic);
  const begin = host.clock.monotonic();
  let records = 0;
  {
    using progress = startProgress(host, input.bytes);
    const keyOf = key === undefined ? () => null : fieldReader(key);
    const send = async ({ lines, bytesRead }: LineBatch) => {
      await log.produce(topic, lines.map((value): NewRecord => ({ key: keyOf(value), value })));
      records += lines.length;
      progress.update(bytesRead, records);
    };
    try {
      for await (const batch of lineBatches(untilAborted(input.chunks, host.signal), LIMITS)) await send(batch);
    } catch (error) {
      host.stderr.write(`Stopped after ${records.toLocaleString("en")} records were sent to ${topic}\n`);
      throw error instanceof RangeError ? new UsageError(error.message, { cause: error }) : error;
    }
  }
  const elapsedMs = host.clock.monotonic() - begin;
  host.stdout.write(
    json ? jsonText({ topic, records, elapsedMs }) : `Sent to ${topic}: ${totalLine(records, elapsedMs)}\n`,
  );
}

interface Input extends AsyncDisposable {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Size, where it is known. */
  readonly bytes: number | undefined;
}

async function openInput(stdin: ReadableStream<Uint8Array>, path: string | undefined): Promise<Input> {
  if (path === undefined || path === "-") {
    return { chunks: stdin, bytes: undefined, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (cause) {
    throw new UsageError(`Cannot read "${path}": ${(cause as Error).message}`, { cause });
  }
  const { isFile, isDirectory, size } = await file.stat();
  if (isDirectory) {
    file.close();
    throw new UsageError(`Cannot read "${path}": it is a folder`);
  }
  return {
    chunks: readChunks(file),
    bytes: isFile ? size : undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(file.close()),
  };
}

/** The same chunks; rejects with the signal's reason when it is aborted, also while waiting for somebody to type. */
async function* untilAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  // Not a race against one long-lived promise: that would hold on to every chunk it ever lost against.
  let giveUp: (reason: unknown) => void = () => {};
  const onAbort = () => giveUp(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (true) {
      signal.throwIfAborted();
      const { done, value } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (!signal.aborted) await iterator.return?.();
  }
}

/** Large chunks: each record of a chunk is a view into it. */
async function* readChunks(file: Deno.FsFile): AsyncGenerator<Uint8Array, void, undefined> {
  while (true) {
    const buffer = new Uint8Array(READ_BYTES);
    const length = await file.read(buffer);
    if (length === null) return;
    yield buffer.subarray(0, length);
  }
}

/** The topics of domains make themselves on the embedded log; all others must be there. */
async function requireTopic(context: Context, log: Log, topic: string): Promise<void> {
  const [found] = await log.topics([topic]);
  if (found) return;
  const domain = context.domains().flatMap((one) => [asProduced(one), one]).find((one) => one.topic === topic);
  if (!domain) throw new TopicMissingError([topic]);
  await provideTopics(log, [domain], context.config());
}

/** Waits for a run that first makes the time up to now: behind what is sent here that would be late. Not for ever: it may wait itself. */
async function untilFed(context: Context, topic: string): Promise<void> {
  const { clock, signal } = context.host;
  if (context.config().kafka) return;
  const instance = await findRunning(context.config().dataDir);
  if (!instance) return;
  const giveUpAt = clock.monotonic() + MAX_WAIT_MS;
  for (let isTold = false; clock.monotonic() < giveUpAt; isTold = true) {
    const { domains } = await askJson<StatusAnswer>(instance, "/api/status", STATUS_MS);
    if (!domains.some((status) => (status.copy?.topic ?? status.topic) === topic && status.phase === "starting")) {
      return;
    }
    if (!isTold) context.tell("Waiting until the run has made the time up to now\n");
    await clock.sleep(WAIT_MS, signal);
  }
}

/** Reads one field of a line that is a JSON object: text as it is, numbers and booleans as text, else `null`. */
export function fieldReader(field: string): (line: Uint8Array) => string | null {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return (line) => {
    try {
      const parsed: unknown = JSON.parse(decoder.decode(line));
      if (typeof parsed !== "object" || parsed === null || !Object.hasOwn(parsed, field)) return null;
      const value = (parsed as Readonly<Record<string, unknown>>)[field];
      if (typeof value === "string") return value;
      return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
    } catch {
      return null;
    }
  };
}
