// Keeps the domains running beside one another: one that fails is set apart and tried again now and then, and the others go
// on. Knows runners by their port and what their status says.
import { ExponentialBackoff } from "cockatiel";
import type { Clock } from "./clock.ts";
import { isWell } from "./engine/mod.ts";
import { isRetriable } from "./errors.ts";
import { loggerFor } from "./logging.ts";
import type { Runner } from "./parts.ts";

/** Each try may wake a warehouse that costs money: the longer it fails, the rarer they become, up to so many times the first wait. */
const MAX_WAITS = 30;

export interface SupervisedDomain {
  readonly name: string;
  readonly runner: Runner;
  /** What must be there before it runs. Rejects when it cannot be had. */
  readonly prepare: () => Promise<void>;
}

export interface SupervisionOptions {
  readonly domains: readonly SupervisedDomain[];
  readonly clock: Clock;
  /** What a failed domain does to the others. */
  readonly onFailure: "continue" | "exit";
  /** How long a failed domain waits for its first other try, milliseconds. */
  readonly retryMs: number;
  /** A run that ends by itself: what fails in it is not tried again. */
  readonly ends: boolean;
  /** Aborted to end the run; a failure that ends it aborts it, too. */
  readonly stop: AbortController;
}

/**
 * Runs the domains until each has ended. Resolves with the failures that they ended with: none, when the run was stopped and
 * all was well. The run ends by itself when no domain is left that could still do something: all have failed, and not
 * because something is away.
 */
export async function supervise(options: SupervisionOptions): Promise<unknown[]> {
  const failed = new Map<string, unknown>();
  const results = await Promise.allSettled(options.domains.map((domain) => keep(domain, failed, options)));
  return results.filter((result) => result.status === "rejected").map((result) => result.reason);
}

/** Runs one domain, again and again when it fails. `failed` has the errors of those that are set apart. */
async function keep(
  domain: SupervisedDomain,
  failed: Map<string, unknown>,
  options: SupervisionOptions,
): Promise<void> {
  const { clock, stop, retryMs } = options;
  const { runner, name } = domain;
  const freshBackoff = () => new ExponentialBackoff({ initialDelay: retryMs, maxDelay: MAX_WAITS * retryMs }).next();
  let backoff = freshBackoff();
  let failure: { readonly error: unknown } | undefined;
  while (true) {
    const { checkpoints } = runner.status().totals;
    let isWellAtStop = true;
    // Before the runner hears of it, which then says no more what it was doing.
    const onStop = () => isWellAtStop = isWell(runner.status());
    stop.signal.addEventListener("abort", onStop, { once: true });
    try {
      await domain.prepare();
      await runner.run(stop.signal);
      // Stopped in the middle of another try: nothing says that this one would have gone well, unless it has committed.
      if (failure && !isWellAtStop && runner.status().totals.checkpoints === checkpoints) throw failure.error;
      return;
    } catch (error) {
      runner.failed(error);
      if (stop.signal.aborted) throw error;
      failed.set(name, error);
      if (endsTheRun(failed, options)) {
        say(name, error, options.domains.length > 1 ? "the others write a last checkpoint" : "");
        stop.abort(error);
        throw error;
      }
      if (options.ends) {
        say(name, error, "the others work off what there is");
        throw error;
      }
      failure = { error };
      if (runner.status().totals.checkpoints > checkpoints) backoff = freshBackoff();
      const waitMs = Math.round(backoff.duration);
      say(name, error, `the others go on, and it is tried again in ${Math.round(waitMs / 1000)} s`);
      runner.retriesAt(clock.now() + waitMs);
      await clock.sleep(waitMs, stop.signal).catch(() => {});
      if (stop.signal.aborted) throw error;
      failed.delete(name);
      backoff = backoff.next({});
    } finally {
      stop.signal.removeEventListener("abort", onStop);
    }
  }
}

function endsTheRun(failed: ReadonlyMap<string, unknown>, { domains, onFailure }: SupervisionOptions): boolean {
  if (onFailure === "exit") return true;
  return failed.size === domains.length && failed.values().every((error) => !isRetriable(error));
}

function say(domain: string, error: unknown, consequence: string): void {
  loggerFor("run").error(`{domain} cannot go on${consequence && `, ${consequence}`}: {error}`, {
    domain,
    error: error instanceof Error ? error.message : String(error),
  });
}
