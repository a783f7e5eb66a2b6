// Who means well: records of every domain at a steady rate into the log, events over HTTP, and a probe. What was acknowledged
// is remembered.

import type { Log } from "../../../src/log/log.ts";
import { domainModules } from "../../../src/domains/mod.ts";
import { domainOf } from "../domains.ts";
import type { Answered } from "./prober.ts";
import { simulatorOf } from "../simulators.ts";
import type { Simulator } from "../../../simulators/mod.ts";

const SEND_EVERY_MS = 50;
const HTTP_PAUSE_MS = 20;

/** Records by which it is found out how fast a simulator's time goes. */
const SAMPLE = 20_000;
/** A simulator whose time goes this much faster than the clock is slowed down, by somewhat more: its day goes on. */
const AHEAD = 1.02;
const MARGIN = 1.3;

type Plan = Parameters<Simulator["generate"]>[0];

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends records of the domain into its topic until the signal is aborted, as a producer beside the run. Returns how many. */
export async function sendRecords(
  log: Log,
  { domain, perSecond, seed }: { readonly domain: string; readonly perSecond: number; readonly seed: number },
  signal: AbortSignal,
): Promise<number> {
  const { topic } = domainOf(domain);
  const simulator = simulatorOf(domain);
  const begun = Date.now();
  const records = generateInStep(simulator, { seed, start: begun, intervalMs: 1000 * simulator.sources / perSecond });
  let sent = 0;
  while (!signal.aborted) {
    const due = Math.floor((Date.now() - begun) * perSecond / 1000) - sent;
    await log.produce(
      topic,
      Array.from({ length: due }, () => {
        const { key, value } = records.next().value;
        return { key, value };
      }),
    );
    sent += due;
    await sleep(SEND_EVERY_MS);
  }
  return sent;
}

/** Records of a simulator whose time of day is a quiet one would run ahead of the clock, and be refused as of the future. */
function generateInStep(simulator: Simulator, plan: Plan): ReturnType<Simulator["generate"]> {
  let last = plan.start;
  for (const { timestamp } of simulator.generate(plan).take(SAMPLE)) last = timestamp;
  const ahead = (last - plan.start) / (SAMPLE * plan.intervalMs / simulator.sources);
  const intervalMs = ahead < AHEAD ? plan.intervalMs : plan.intervalMs / (ahead * MARGIN);
  return simulator.generate({ ...plan, intervalMs });
}

/** Names of all domains. */
export const DOMAINS: readonly string[] = domainModules.map(({ name }) => name);

export interface Posted {
  /** Users of the events that were acknowledged. */
  readonly acknowledged: string[];
  /** Answers other than 200 by status, and connections that were closed before one. */
  readonly refused: Map<string, number>;
}

/** Posts user actions one after the other until the signal is aborted. */
export async function postEvents(
  { api, token, name }: { readonly api: string; readonly token: string; readonly name: string },
  posted: Posted,
  signal: AbortSignal,
): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  for (let n = 0; !signal.aborted; n++) {
    const user = `${name}_${n}`;
    const body = JSON.stringify({ user_id: user, action: "click", page: "/", timestamp: new Date().toISOString() });
    let answer: string;
    try {
      const response = await fetch(`${api}/events`, { method: "POST", headers, body });
      answer = String(response.status);
      await response.body?.cancel();
    } catch {
      answer = "cut off";
    }
    if (answer === "200") posted.acknowledged.push(user);
    else posted.refused.set(answer, (posted.refused.get(answer) ?? 0) + 1);
    await sleep(HTTP_PAUSE_MS);
  }
}

/** What `/readyz` said, and how long it took, milliseconds. */
export interface Probed {
  readonly status: number;
  readonly domains: readonly string[];
  readonly warehouse: string | undefined;
  readonly tookMs: number;
  readonly text: string;
}

/** Asks `/readyz` now and then until the signal is aborted. Fails where it is not answered. */
export async function probe(api: string, probed: Probed[], signal: AbortSignal): Promise<void> {
  const prober = new Worker(import.meta.resolve("./prober.ts"), { type: "module" });
  const done = Promise.withResolvers<void>();
  prober.onmessage = ({ data }: MessageEvent<Answered | string>) => {
    if (typeof data === "string") return done.reject(new Error(`A probe was not answered: ${data}`));
    const { domains = [], warehouse } = JSON.parse(data.text);
    probed.push({ ...data, domains, warehouse });
  };
  signal.addEventListener("abort", () => done.resolve(), { once: true });
  prober.postMessage(api);
  try {
    await done.promise;
  } finally {
    prober.terminate();
  }
}
