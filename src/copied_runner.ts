// The runner of a domain that reads a keyed copy: makes the copy beside it. What is wrong with the copy is the domain's failure,
// and no other's. Knows nothing of how records are copied.

import type { DomainStatus } from "./engine/status.ts";
import type { KeyedCopy } from "./keyed_copy.ts";
import type { Runner } from "./parts.ts";

export class CopiedRunner implements Runner, AsyncDisposable {
  /** The copying that is under way: it goes on while the domain has failed and waits for its next try. */
  #copying: Promise<void> | undefined;
  readonly #closing = new AbortController();

  /** `untilEnd`: what there is now is copied before the domain begins. */
  constructor(
    private readonly runner: Runner,
    private readonly copy: KeyedCopy,
    private readonly options: { readonly untilEnd: boolean },
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    await this.copy.provide(signal, this.options);
    if (this.options.untilEnd) return await this.#runUntilEnd(signal);
    const failing = new AbortController();
    this.#copying ??= this.copy.run(AbortSignal.any([signal, this.#closing.signal]))
      .finally(() => this.#copying = undefined);
    const copying = this.#copying;
    copying.catch((error) => failing.abort(error));
    await this.runner.run(AbortSignal.any([signal, failing.signal]));
    await copying;
  }

  status(): DomainStatus {
    const status = this.runner.status();
    const copy = this.copy.status();
    const standstill = status.phase === "running" ? this.copy.standstill : null;
    return { ...status, copy, standstill: status.standstill ?? standstill };
  }

  failed(error: unknown): void {
    this.runner.failed(error);
  }

  retriesAt(at: number): void {
    this.runner.retriesAt(at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#copying?.catch(() => {});
  }

  /** Where a partition could not be copied to its end, the domain does not begin: at its end it would close what is not whole. */
  async #runUntilEnd(signal: AbortSignal): Promise<void> {
    await this.copy.run(signal, { untilEnd: true });
    if (this.copy.error) throw this.copy.error;
    await this.runner.run(signal);
  }
}
