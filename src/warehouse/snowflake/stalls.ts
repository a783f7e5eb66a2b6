// Gives up the read of a part of a result that stops coming, or does not begin to. The driver (snowflake-sdk 3.3.0) waits for it until its timeout
// for a whole request, also where the connection has broken in the midst of it: Deno does not tell. It asks again for a part
// that failed (lib/services/large_result_set.js). Knows the driver's HTTP client and nothing of statements.

/** How long nothing of a part may come, milliseconds: it lies ready in the cloud's storage. */
const STALL_MS = 20_000;

/** What is used here of a request of axios, which the driver is built on. */
interface Request {
  readonly method?: string;
  /** Of requests that axios itself tries again; those for parts of results are not. */
  readonly useSnowflakeRetryMiddleware?: boolean;
  /** Parts of results are asked for without a session: their addresses are signed. */
  readonly headers?: { has(name: string): boolean };
  signal?: AbortSignal;
  onDownloadProgress?: () => void;
}

interface Answer {
  readonly config: Request;
}

interface HttpClient {
  readonly interceptors: {
    readonly request: { use(change: (request: Request) => Request): unknown };
    readonly response: { use(taken: (answer: Answer) => Answer, failed: (error: unknown) => never): unknown };
  };
}

/** What watches a request. */
class Watch {
  readonly #stalled = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;

  get signal(): AbortSignal {
    return this.#stalled.signal;
  }

  /** Something has come; axios says so a little late. */
  came(): void {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    this.#timer = setTimeout(() => this.#stalled.abort(), STALL_MS);
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }
}

/** Once for all connections: the driver has one client. */
export async function giveUpStalls(): Promise<void> {
  // A CommonJS module of the driver's inside, of the pinned version: its types describe what is under `default`.
  const module = await import("snowflake-sdk/dist/lib/http/axios_instance.js") as unknown as {
    readonly default: { readonly default: HttpClient };
  };
  const { request, response } = module.default.default.interceptors;
  const watches = new WeakMap<Request, Watch>();
  request.use((request) => {
    if (request.method?.toUpperCase() !== "GET" || request.useSnowflakeRetryMiddleware) return request;
    const watch = new Watch();
    watches.set(request, watch);
    // An answer of Snowflake itself may take long to be made: it is watched once it begins.
    if (request.headers && !request.headers.has("Authorization")) watch.came();
    request.onDownloadProgress = () => watch.came();
    request.signal = request.signal ? AbortSignal.any([request.signal, watch.signal]) : watch.signal;
    return request;
  });
  response.use((answer) => {
    watches.get(answer.config)?.end();
    return answer;
  }, (error) => {
    const { config } = error as { readonly config?: Request };
    const watch = config && watches.get(config);
    watch?.end();
    // Not as axios says it: of what was cancelled the driver thinks that nobody wants it any more.
    if (watch?.signal.aborted) {
      throw Object.assign(new Error(`Nothing of an answer came for ${STALL_MS / 1000} s`), { code: "ETIMEDOUT" });
    }
    throw error;
  });
}
