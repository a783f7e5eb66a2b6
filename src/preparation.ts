// What must be there before domains run: topics and tables. A log or a warehouse that is away is waited for, and what is wrong
// with one domain holds up no other.
import { ExponentialBackoff } from "cockatiel";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/mod.ts";
import { isRetriable } from "./errors.ts";
import { asProduced } from "./keyed_copy.ts";
import type { Log } from "./log/log.ts";
import { loggerFor } from "./logging.ts";
import type { Domain } from "./domains/domain.ts";
import { provideTopics, scriptsOf } from "./parts.ts";
import type { Warehouse } from "./warehouse/warehouse.ts";

const WAIT_MS = { initialDelay: 500, maxDelay: 5_000 };
const TELL_AGAIN_MS = 60_000;

export interface PreparationOptions {
  readonly domains: readonly Domain[];
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly warehouse: Warehouse;
  /** A run that ends by itself does not wait. */
  readonly untilEnd: unknown;
  /** Called when something has to be waited for. */
  readonly onWait: () => Promise<void>;
}

/** What was prepared. */
export interface Prepared {
  /** Makes the tables of a domain whose could not be made before. Rejects with why they cannot. */
  domain(name: string): Promise<void>;
}

/** Makes topics and tables. Rejects when that fails for all domains; returns early when the signal is aborted. */
export async function prepare(options: PreparationOptions, signal: AbortSignal): Promise<Prepared> {
  const { domains, config, log } = options;
  const logger = loggerFor("run");
  // Keyed copies are made by what copies.
  const created = await patiently(() => provideTopics(log, domains.map(asProduced), config), options, signal);
  if (created && created.length > 0) logger.info("Created topics", { topics: created.join(",") });
  const waiting = await patiently(() => makeTables(options), options, signal) ?? new Set();
  return {
    async domain(name) {
      if (!waiting.has(name)) return;
      await migrate(options, domains.filter((domain) => domain.name === name));
      waiting.delete(name);
    },
  };
}

/** Makes the tables of all domains; resolves with those whose cannot be made. */
async function makeTables(options: PreparationOptions): Promise<Set<string>> {
  const { domains } = options;
  try {
    await migrate(options, domains);
    return new Set();
  } catch (error) {
    if (isRetriable(error) || domains.length === 1) throw error;
    // Each by itself: the supervision says of each what is wrong with it.
    await migrate(options, []);
    return new Set(domains.map(({ name }) => name));
  }
}

async function migrate({ warehouse }: PreparationOptions, domains: readonly Domain[]): Promise<void> {
  const steps = await warehouse.migrate(scriptsOf(domains));
  for (const { name, version, title } of steps) loggerFor("run").debug("Migrated", { name, version, title });
}

/** What the call gives, called until what is away is back; `undefined` when the signal is aborted first. */
async function patiently<T>(
  call: () => Promise<T>,
  { clock, untilEnd, onWait }: PreparationOptions,
  signal: AbortSignal,
): Promise<T | undefined> {
  let backoff = new ExponentialBackoff(WAIT_MS).next();
  let toldAt = -Infinity;
  while (!signal.aborted) {
    try {
      return await call();
    } catch (error) {
      if (untilEnd || !isRetriable(error)) throw error;
      if (clock.monotonic() - toldAt >= TELL_AGAIN_MS) {
        toldAt = clock.monotonic();
        loggerFor("run").warn("Waiting to begin: {error}", { error: (error as Error).message });
        await onWait();
      }
    }
    await clock.sleep(backoff.duration, signal).catch(() => {});
    backoff = backoff.next({});
  }
}
