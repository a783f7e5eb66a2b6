// What the double was asked: every statement with its size, rows and time, and every request of any kind.

export interface LoggedStatement {
  /** Epoch milliseconds when it came. */
  readonly at: number;
  readonly session: string;
  readonly user: string;
  readonly requestId: string;
  readonly queryId: string;
  readonly sql: string;
  readonly textBytes: number;
  /** Size of the request body less the statement: about the binds. */
  readonly bindBytes: number;
  /** Size of the request body as it came, maybe compressed. */
  readonly sentBytes: number;
  /** How often the driver had sent this request before: 0 for the first time. */
  readonly retry: number;
  /** The fault that it met. */
  fault?: string;
  /** Whether it reached the database; a retry that is answered with the first try's result did not. */
  executed: boolean;
  /** Rows returned, or affected by DML. */
  rows: number;
  /** From coming to the answer, or to the cut. */
  ms: number;
  /** The SQL error, empty when it went well; undefined while it runs or when no answer was given. */
  code?: string;
}

export interface LoggedRequest {
  readonly at: number;
  readonly path: string;
  readonly session?: string | undefined;
}

export class StatementLog {
  #statements: LoggedStatement[] = [];
  #requests: LoggedRequest[] = [];

  statement(entry: LoggedStatement): LoggedStatement {
    this.#statements.push(entry);
    return entry;
  }

  request(entry: LoggedRequest): void {
    this.#requests.push(entry);
  }

  statements(): readonly LoggedStatement[] {
    return this.#statements;
  }

  requests(): readonly LoggedRequest[] {
    return this.#requests;
  }

  clear(): void {
    this.#statements = [];
    this.#requests = [];
  }
}

/** The statement of a query request, without parsing megabytes of binds. */
export function sqlTextOf(body: string): string {
  const key = body.indexOf('"sqlText":"');
  if (key < 0) return "";
  const start = key + '"sqlText":'.length;
  let end = start + 1;
  while (end < body.length && body[end] !== '"') end += body[end] === "\\" ? 2 : 1;
  return JSON.parse(body.slice(start, end + 1)) as string;
}
