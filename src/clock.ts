// Time as a dependency, so that tests decide what time it is.

/**
 * Two clocks and waiting. The wall clock is for what is compared with event time and for times that are stored or shown: it
 * may be set back or forward at any moment. Ages and waits are measured by the monotonic clock.
 */
export interface Clock {
  /** The wall clock: epoch milliseconds. */
  now(): number;
  /** Milliseconds since some moment of this process. Never goes back, whatever happens to the wall clock. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Gives what time it is for a domain's events, epoch milliseconds, where that is not what the wall clock says. */
export type EventNow = (domain: { readonly name: string }) => (() => number) | undefined;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
};
