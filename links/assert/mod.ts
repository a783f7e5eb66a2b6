// Stand-in for jsr:@std/assert, over node:assert/strict, with the functions that the tests use.
// Delete the "links" line of the root deno.json to use the real package.
import strict from "node:assert/strict";

// `message as string` below: the types of node:assert know two kinds of messages and none that may be missing.

/** Throws unless `condition` is true. */
export function assert(condition: unknown, message = "Expected the condition to be true"): asserts condition {
  strict.ok(condition, message);
}

/** Throws unless the two are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  strict.deepStrictEqual(actual, expected, message as string);
}

/** Throws when the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  strict.notDeepStrictEqual(actual, expected, message as string);
}

/** Throws unless the two are within `tolerance` (a ten-millionth of `expected` by default). */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, message?: string): void {
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Object.is(actual, expected) || Math.abs(actual - expected) <= allowed) return;
  strict.fail(message ?? `Expected ${actual} to be within ${allowed} of ${expected}`);
}

/** Throws unless `text` contains `expected`. */
export function assertStringIncludes(text: string, expected: string, message?: string): void {
  strict.ok(
    text.includes(expected),
    message ?? `Expected ${JSON.stringify(text)} to contain ${JSON.stringify(expected)}`,
  );
}

/** Throws unless `text` matches `expected`. */
export function assertMatch(text: string, expected: RegExp, message?: string): void {
  strict.match(text, expected, message as string);
}

/** Throws unless `value` is neither null nor undefined. */
export function assertExists<T>(value: T, message = "Expected a value"): asserts value is NonNullable<T> {
  strict.ok(value !== null && value !== undefined, message);
}

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

function checkError<E extends Error>(error: unknown, type?: ErrorClass<E>, messageIncludes?: string): E {
  if (type) strict.ok(error instanceof type, `Expected ${type.name}, got ${error}`);
  if (messageIncludes) assertStringIncludes((error as Error).message, messageIncludes);
  return error as E;
}

/** Throws unless `run` throws; returns what it threw. */
export function assertThrows<E extends Error = Error>(
  run: () => unknown,
  type?: ErrorClass<E>,
  messageIncludes?: string,
): E {
  try {
    run();
  } catch (error) {
    return checkError(error, type, messageIncludes);
  }
  strict.fail("Expected the function to throw");
}

/** Rejects unless `run` rejects; resolves with what it rejected with. */
export async function assertRejects<E extends Error = Error>(
  run: () => PromiseLike<unknown>,
  type?: ErrorClass<E>,
  messageIncludes?: string,
): Promise<E> {
  try {
    await run();
  } catch (error) {
    return checkError(error, type, messageIncludes);
  }
  strict.fail("Expected the promise to be rejected");
}
