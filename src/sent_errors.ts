// Errors as they go from thread to thread: plain data, and the same classes again at the other end.

import * as errors from "./errors.ts";

/** An error as plain data. */
export interface SentError {
  /** Its class, where that is one of errors.ts. */
  readonly class?: string;
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** What its class adds: code, rows and the like. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: SentError;
}

const classes: ReadonlyMap<unknown, string> = new Map(
  Object.entries(errors).filter(([, value]) => typeof value === "function").map(([name, made]) => [made, name]),
);

/** What was thrown, as plain data. Of an error that is not one of ours, name, message and stack. */
export function sentError(thrown: unknown): SentError {
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown), fields: {} };
  const { name, message, stack, cause } = thrown;
  const known = classes.get(thrown.constructor);
  const own = Object.entries(thrown).filter(([field]) => known !== undefined && field !== "cause" && field !== "name");
  const fields = Object.fromEntries(own);
  return { class: known, name, message, stack, fields, ...cause !== undefined && { cause: sentError(cause) } };
}

/** The error again, as an instance of its class. */
export function receivedError({ class: known, name, message, stack, fields, cause }: SentError): Error {
  const error = new Error(message, cause && { cause: receivedError(cause) });
  const made = known === undefined ? undefined : (errors as Readonly<Record<string, unknown>>)[known];
  if (typeof made === "function") Object.setPrototypeOf(error, made.prototype);
  return Object.assign(error, fields, { name, stack });
}
