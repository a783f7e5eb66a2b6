// Calls over a message port: each has a number, one answer or error, and may be given up by a signal. Must not know what is called.

import { WarehouseUnavailableError } from "../../errors.ts";
import { receivedError, type SentError, sentError } from "../../sent_errors.ts";

/** Methods by name, as one end calls them and the other answers. */
// deno-lint-ignore no-explicit-any -- whatever the methods take and give
type Methods<M> = { readonly [Name in keyof M]: (...args: any[]) => unknown };

interface Request {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The caller does not want the answer any more. */
interface GivenUp {
  readonly givenUp: number;
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError }
  /** It ended because it was given up. */
  | { readonly id: number; readonly isGivenUp: true };

export interface CallOptions {
  /** Memory in the arguments that goes over. */
  readonly transfer?: readonly ArrayBuffer[];
  /** When it is aborted the other end is told, and the call rejects with its reason as soon as the other end has ended it. */
  readonly signal?: AbortSignal;
}

/** The end that calls. */
export class Caller<M extends Methods<M>> implements Disposable {
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown> & { readonly signal?: AbortSignal }>();
  #calls = 0;
  #isClosed = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<Answer>) => this.#answered(data);
  }

  /** Rejects with what the method has thrown, or with `WarehouseUnavailableError` when this end is closed. */
  async call<N extends keyof M & string>(
    method: N,
    args: Parameters<M[N]>,
    { transfer = [], signal }: CallOptions = {},
  ): Promise<Awaited<ReturnType<M[N]>>> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw closed();
    const id = ++this.#calls;
    const answer = { ...Promise.withResolvers<unknown>(), signal };
    this.#waiting.set(id, answer);
    const giveUp = () => this.#port.postMessage({ givenUp: id } satisfies GivenUp);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      this.#port.postMessage({ id, method, args } satisfies Request, [...transfer]);
      return await answer.promise as Awaited<ReturnType<M[N]>>;
    } finally {
      this.#waiting.delete(id);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if ("value" in answer) waiting?.resolve(answer.value);
    else if ("error" in answer) waiting?.reject(receivedError(answer.error));
    else waiting?.reject(waiting.signal?.aborted ? waiting.signal.reason : closed());
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(closed());
    this.#port.close();
  }
}

const closed = () => new WarehouseUnavailableError("The warehouse of this thread is closed");

/** What a method gives when memory of its answer goes over. */
export class WithMemory<T> {
  constructor(readonly value: T, readonly transfer: readonly ArrayBuffer[]) {}
}

/** A method gets its arguments, and a signal for when it is given up. */
export type Answers<M extends Methods<M>> = {
  readonly [Name in keyof M]: (
    args: Parameters<M[Name]>,
    signal: AbortSignal,
  ) => Promise<Awaited<ReturnType<M[Name]>> | WithMemory<Awaited<ReturnType<M[Name]>>>>;
};

/** The end that answers. To dispose of it waits for the methods that are under way, and closes the port. */
export function answerCalls<M extends Methods<M>>(port: MessagePort, answers: Answers<M>): AsyncDisposable {
  const running = new Map<number, { readonly controller: AbortController; readonly done: Promise<void> }>();
  let isClosed = false;
  const send = (answer: Answer, transfer: readonly ArrayBuffer[] = []) => {
    if (!isClosed) port.postMessage(answer, [...transfer]);
  };
  const answer = async ({ id, method, args }: Request, signal: AbortSignal): Promise<void> => {
    try {
      const given = await answers[method as keyof M](args as Parameters<M[keyof M]>, signal);
      if (given instanceof WithMemory) send({ id, value: given.value }, given.transfer);
      else send({ id, value: given });
    } catch (error) {
      send(signal.aborted && error === signal.reason ? { id, isGivenUp: true } : { id, error: sentError(error) });
    } finally {
      running.delete(id);
    }
  };
  port.onmessage = ({ data }: MessageEvent<Request | GivenUp>) => {
    if ("givenUp" in data) return running.get(data.givenUp)?.controller.abort();
    const controller = new AbortController();
    running.set(data.id, { controller, done: answer(data, controller.signal) });
  };
  return {
    async [Symbol.asyncDispose]() {
      port.onmessage = null;
      for (const { controller } of running.values()) controller.abort();
      await Promise.all([...running.values()].map(({ done }) => done));
      isClosed = true;
      port.close();
    },
  };
}
