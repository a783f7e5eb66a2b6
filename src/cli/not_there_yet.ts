// Whether a question to a table failed because the table was not made yet.
import { FreshetError } from "../errors.ts";

/** A view that cannot be expanded is there, and what it reads was dropped: Snowflake says so with the same words behind. */
export function isNotThereYet(error: unknown): error is FreshetError {
  return error instanceof FreshetError && /does not exist/i.test(error.message) &&
    !/expansion of view/i.test(error.message);
}
