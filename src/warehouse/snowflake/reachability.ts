// Whether a login that takes long can succeed at all: the driver itself gives up only after a minute or more.
// Must not know accounts or credentials.

import { Deadline, endedWithin } from "../../deadline.ts";
import { connectFailure, messageIn } from "../../errors.ts";

/** How long a login may take before anybody asks whether there is a server at all, milliseconds. */
const PATIENCE_MS = 3_000;
/** How long its server may take for any answer, milliseconds. */
const ANSWER_MS = 5_000;

/** Nobody answers at the address. */
export class UnreachableError extends Error {
  constructor(readonly address: string, why: string) {
    super(`${new URL(address).host}: ${why}`);
    this.name = "UnreachableError";
  }
}

/**
 * As `login`, but rejects with `UnreachableError` within some 8 s where nobody answers at the address. What then becomes of the
 * login is up to `late`, which is handed what it resolves with.
 */
export async function ifReachable<T>(
  login: Promise<T>,
  { address, late }: { readonly address: string; readonly late: (result: T) => unknown },
): Promise<T> {
  let settled = false;
  const settling = login.then(() => settled = true, () => settled = true);
  await endedWithin(settling, PATIENCE_MS);
  if (!settled) {
    const why = await whyUnreachable(address);
    if (why !== undefined && !settled) {
      login.then(late, () => {});
      throw new UnreachableError(address, why);
    }
  }
  return await login;
}

/** Any answer will do, also one that says no, or a certificate: which of them are trusted is the driver's to say. */
async function whyUnreachable(address: string): Promise<string | undefined> {
  using deadline = new Deadline({
    timeoutMs: ANSWER_MS,
    late: () => new Error(`no answer within ${ANSWER_MS / 1000} s`),
  });
  try {
    const response = await fetch(address, { redirect: "manual", signal: deadline.signal });
    await response.body?.cancel();
    return undefined;
  } catch (error) {
    const why = connectFailure(error) ?? messageIn(error);
    return /certificate/i.test(why) ? undefined : why;
  }
}
