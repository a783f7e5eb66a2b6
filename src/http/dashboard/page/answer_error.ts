// Why the server said no.
import type { Failure } from "../protocol.ts";

/** The server answered, and not with what was asked for. */
export class AnswerError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export async function errorOf(response: Response): Promise<AnswerError> {
  const failure = await response.json().catch(() => undefined) as Failure | undefined;
  return new AnswerError(response.status, failure?.detail ?? `The server answered ${response.status}`);
}
