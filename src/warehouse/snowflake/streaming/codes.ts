// What the service's answers mean. Everything that leans on its codes is here.
// https://docs.snowflake.com/en/user-guide/snowpipe-streaming/snowpipe-streaming-high-performance-error-handling

import { WarehouseRefusedError, WarehouseUnavailableError } from "../../../errors.ts";

/** An answer that is not what was asked for. `status` 0: there was none. */
export class StreamingError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "StreamingError";
    this.retryAfterMs = options.retryAfterMs;
  }

  /** How long the service asks to be left alone. */
  readonly retryAfterMs: number | undefined;
}

/** Whether the channel must be opened again before it takes rows, by the code of an answer or of a channel's status. */
export function mustReopen(code: string): boolean {
  return /^(STALE_|ERR_CHANNEL_)/.test(code) && code !== "ERR_CHANNEL_HAS_UNCOMMITTED_DATA";
}

/** Whether an append was refused for its channel. */
export function refusesChannel({ status, code }: StreamingError): boolean {
  return mustReopen(code) || status === 409;
}

/** Whether the same request may go through later. */
export function isPassing({ status, code }: StreamingError): boolean {
  return !mustReopen(code) && (status === 0 || status === 408 || status === 429 || status >= 500);
}

/** Whether the login is what was refused. A scoped token that is expired is, too. */
export function isLoginRefused({ status }: StreamingError): boolean {
  return status === 401 || status === 403;
}

/** The port's error for what went wrong; others pass through. */
export function translateStreaming(error: unknown, table: string): Error {
  if (!(error instanceof StreamingError)) return error instanceof Error ? error : new Error(String(error));
  const { status, code, message } = error;
  const said = `(${message})`;
  if (isLoginRefused(error)) {
    return new WarehouseRefusedError(
      "Snowpipe Streaming refuses the login: check that DESCRIBE USER shows the key's fingerprint, that the user's " +
        `DEFAULT_ROLE is the writer's role, which may INSERT into "${table}", and this machine's clock, or set ` +
        `SNOWFLAKE_RAW_INGEST=sql ${said}`,
      { cause: error },
    );
  }
  if (status === 404 || /^ERR_(PIPE|TABLE)_DOES_NOT_EXIST/.test(code)) {
    return new WarehouseRefusedError(
      `Snowpipe Streaming finds no table "${table}", or the user's DEFAULT_ROLE may not INSERT into it: GRANT it, or set ` +
        `SNOWFLAKE_RAW_INGEST=sql ${said}`,
      { cause: error },
    );
  }
  if (isPassing(error) || refusesChannel(error)) {
    return new WarehouseUnavailableError(`Snowpipe Streaming cannot be used right now: try again ${said}`, {
      cause: error,
    });
  }
  return new WarehouseRefusedError(`Snowpipe Streaming refused a request: ${message}`, { cause: error });
}
