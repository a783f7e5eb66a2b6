// Domains beside one another: what a failure does, when it is tried again, and what the run ends with.

import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import type { DomainStatus } from "../src/engine/mod.ts";
import { supervise } from "../src/supervision.ts";
import { Random } from "./support/simulation/random.ts";
import { Turns } from "./support/simulation/turns.ts";
import { domainStatus, partitionStatus } from "./support/status.ts";

/** A domain whose runs do one after the other what `tries` say; the last is done again and again. */
function domainOf(tries: readonly ((signal: AbortSignal, runs: () => void) => Promise<void>)[]) {
  let phase: DomainStatus["phase"] = "starting";
  let tried = 0;
  let lastError: string | null = null;
  const runner = {
    status: () => domainStatus({ phase, lastError, partitions: [partitionStatus({ lag: 0 })] }),
    failed: (error: unknown) => void (lastError = String(error)),
    retriesAt() {},
    run: (signal: AbortSignal) => {
      phase = "restarting";
      return tries[Math.min(tried++, tries.length - 1)]!(signal, () => phase = "running");
    },
  };
  return { name: "domain", runner, prepare: () => Promise.resolve(), tried: () => tried };
}

const untilStopped = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
const fails = () => Promise.reject(new Error("no"));

/** Runs the domain, lets `ms` pass once it has been tried `tries` times, and stops it; resolves with its failures. */
async function stopped(domain: ReturnType<typeof domainOf>, { tries, ms }: { tries: number; ms: number }) {
  const turns = new Turns(new Random(1), 0);
  const { clock } = turns.gate({});
  const stop = new AbortController();
  const good = { ...domainOf([untilStopped]), name: "another" };
  const domains = [domain, good];
  const ended = supervise({ domains, clock, onFailure: "continue", retryMs: 500, ends: false, stop });
  while (domain.tried() < tries) await turns.next();
  let hasPassed = false;
  clock.sleep(ms).then(() => hasPassed = true);
  while (!hasPassed) await turns.next();
  stop.abort();
  let failures: readonly unknown[] | undefined;
  ended.then((errors) => failures = errors);
  while (await turns.next() || failures === undefined) await setImmediate();
  return failures.map((error) => (error as Error).message);
}

Deno.test("a domain that is stopped in the middle of another try ends with the failure before", async () => {
  assertEquals(await stopped(domainOf([fails, untilStopped]), { tries: 2, ms: 1_000 }), ["no"]);
});

Deno.test("a domain whose other try reads on ends well", async () => {
  const readsOn = (signal: AbortSignal, runs: () => void) => {
    runs();
    return untilStopped(signal);
  };
  assertEquals(await stopped(domainOf([fails, fails, readsOn]), { tries: 3, ms: 0 }), []);
});
