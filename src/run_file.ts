// The run file: `run` leaves its address and a token in the data folder while it is up, so that `query` and `status`
// can ask it for what only one process may open. Knows nothing of what is asked.
import * as z from "zod";
import { Deadline } from "./deadline.ts";
import { WarehouseRefusedError, WarehouseUnavailableError } from "./errors.ts";
import { makePrivateFolder } from "./private_files.ts";

const RunFile = z.object({ pid: z.number().int(), url: z.url(), token: z.string().min(1) });

/** A `run` that is up. */
export type RunningInstance = Readonly<z.infer<typeof RunFile>>;

const FILE_NAME = "freshet.run.json";
/** How long a run that is busy may take to say that it is there. */
const ALIVE_TIMEOUT_MS = 5_000;

/** How long a host may take to say whether something listens there. */
const CONNECT_MS = 1_000;

/** The answer of a run all of whose connections are taken, and how often it is asked again meanwhile. */
const FULL = "too_many_connections";
const FULL_TRIES = 5;
const FULL_PAUSE_MS = 500;

/** Something listens where the run should be, and has not answered in time: nobody knows that it is not the run. */
export class RunUnansweredError extends WarehouseUnavailableError {}

/** How long an answer is waited for; as long as a busy run may take, when left out. */
interface Patience {
  readonly timeoutMs?: number;
}

/** The file's claim by this process; removed when disposed. */
export interface RunFileClaim extends AsyncDisposable {
  /** Bearer token that readers of the file will send. */
  readonly token: string;
  /** Writes the file, readable by this user only. */
  publish(url: string): Promise<void>;
}

/** Makes the data folder. Errors: `WarehouseRefusedError` says why it cannot be. */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makePrivateFolder(dataDir);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WarehouseRefusedError(
      `The data folder "${dataDir}" cannot be made: set FRESHET_DATA_DIR to one that can (${why})`,
      {
        cause,
      },
    );
  }
}

/**
 * Makes sure that no other run uses the data folder (making the folder). Errors: `WarehouseRefusedError` names its pid, and
 * those of {@link findRunning}.
 */
export async function claimRunFile(
  { dataDir, pid }: { readonly dataDir: string; readonly pid: number },
  patience: Patience = {},
): Promise<RunFileClaim> {
  await makeDataDir(dataDir);
  const other = await findRunning(dataDir, patience);
  if (other) {
    throw new WarehouseRefusedError(
      `Another "freshet run" (pid ${other.pid}, ${other.url}) uses the folder "${dataDir}": stop it first, or set FRESHET_DATA_DIR to another folder`,
    );
  }
  const path = pathOf(dataDir);
  const token = crypto.randomUUID() + crypto.randomUUID();
  let published = false;
  return {
    token,
    async publish(url) {
      const draft = `${path}.${pid}`;
      await Deno.writeTextFile(draft, JSON.stringify({ pid, url, token }), { mode: 0o600 });
      await Deno.rename(draft, path);
      published = true;
    },
    async [Symbol.asyncDispose]() {
      if (!published) return;
      const current = await read(path);
      if (current?.token === token) await Deno.remove(path).catch(() => {});
    },
  };
}

/**
 * The run that uses the data folder and answers; `undefined` when there is none, whatever an old file says. Rejects with
 * `WarehouseUnavailableError` when it has no connection left, and so cannot say that it is there, and with
 * `RunUnansweredError` when something is there that does not answer.
 */
export async function findRunning(
  dataDir: string,
  { timeoutMs = ALIVE_TIMEOUT_MS }: Patience = {},
): Promise<RunningInstance | undefined> {
  const path = pathOf(dataDir);
  const instance = await read(path);
  if (!instance) return undefined;
  let answer: Response;
  try {
    // Asked with the token, so that another program on the same port is not taken for it.
    answer = await ask(instance, "GET", "/api/instance", { timeoutMs });
  } catch (error) {
    if (!(error instanceof RunUnansweredError) || !await listens(instance)) return undefined;
    const { pid, url } = instance;
    throw new RunUnansweredError(
      `The run that is up (pid ${pid}, ${url}) has not answered within ${
        timeoutMs / 1000
      } s: it is very busy, or hangs. ` +
        `Ask again, or stop it first; if pid ${pid} is no "freshet run", delete "${path}"`,
      { cause: error },
    );
  }
  const body = await bodyOf(answer);
  if (answer.status === 503 && body?.code === FULL) throw notAnswered(instance, "/api/instance", { answer, body });
  return answer.ok && body?.pid === instance.pid ? instance : undefined;
}

/** What a running instance answers to `path`, as JSON. Rejects with `WarehouseUnavailableError` when it does not. */
export async function askJson<T>(instance: RunningInstance, path: string, timeoutMs: number): Promise<T> {
  const answer = await ask(instance, "GET", path, { timeoutMs });
  const body = await bodyOf(answer);
  if (!answer.ok || body === null) throw notAnswered(instance, path, { answer, body });
  return body as T;
}

type Body = Readonly<Record<string, unknown>> | null;

/** `null` where it is not a JSON object. */
async function bodyOf(answer: Response): Promise<Body> {
  const body: unknown = await answer.clone().json().catch(() => null);
  return typeof body === "object" ? body as Body : null;
}

function notAnswered(
  { pid }: RunningInstance,
  path: string,
  { answer, body }: { readonly answer: Response; readonly body: Body },
): WarehouseUnavailableError {
  const why = typeof body?.detail === "string" ? `: ${body.detail}` : "";
  return new WarehouseUnavailableError(
    `The run that is up (pid ${pid}) answers ${answer.status} to ${path}${why}; ask again`,
  );
}

interface AskOptions {
  readonly body?: unknown;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Sends a request to a running instance, straight: proxies of the environment are for others, and would see the token. The
 * answer is whole. Rejects with `WarehouseUnavailableError` when it cannot be reached or ends meanwhile.
 */
export async function ask(
  instance: RunningInstance,
  method: "GET" | "POST",
  path: string,
  options: AskOptions = {},
): Promise<Response> {
  const asked = () => askOnce(instance, method, path, options);
  let answer = await asked();
  for (let tries = 1; tries < FULL_TRIES && await isFull(answer); tries++) {
    await new Promise((resolve) => setTimeout(resolve, FULL_PAUSE_MS));
    answer = await asked();
  }
  return answer;
}

/** Such an answer comes before anything of the request is looked at: asking again does nothing twice. */
async function isFull(answer: Response): Promise<boolean> {
  return answer.status === 503 && (await bodyOf(answer))?.code === FULL;
}

async function askOnce(
  instance: RunningInstance,
  method: "GET" | "POST",
  path: string,
  options: AskOptions,
): Promise<Response> {
  const signals = [options.signal, options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs)]
    .filter((signal) => signal !== undefined);
  const url = new URL(path, instance.url);
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  using client = Deno.createHttpClient({ proxy: { transport: "tcp", hostname, port: Number(url.port) } });
  try {
    const response = await fetch(url, {
      method,
      client,
      headers: { authorization: `Bearer ${instance.token}`, "content-type": "application/json" },
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: AbortSignal.any(signals),
    });
    const { status, headers } = response;
    const bytes = await response.arrayBuffer();
    return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      const seconds = options.timeoutMs! / 1000;
      throw new RunUnansweredError(
        `The run that is up (pid ${instance.pid}) has not answered ${path} within ${seconds} s; ask again`,
        { cause: error },
      );
    }
    // What fetch says of a connection that is gone names nobody.
    if (!(error instanceof TypeError)) throw error;
    throw new WarehouseUnavailableError(
      `The run that is up (pid ${instance.pid}) ended while it was asked, or does not answer: ask again`,
      { cause: error },
    );
  }
}

/** Whether something takes connections there: an address that is no host's any more may be silent, too. */
async function listens({ url }: RunningInstance): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const connecting = Deno.connect({ hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
  const closed = connecting.then((connection) => connection.close());
  using deadline = new Deadline({ timeoutMs: CONNECT_MS });
  return await deadline.within(closed).then(() => true, () => false);
}

function pathOf(dataDir: string): string {
  return `${dataDir}/${FILE_NAME}`;
}

async function read(path: string): Promise<RunningInstance | undefined> {
  try {
    return RunFile.parse(JSON.parse(await Deno.readTextFile(path)));
  } catch {
    return undefined;
  }
}
