// Where `simulate` sends records: into the topic, or over HTTP to a running Freshet.
import type { Config } from "../config/mod.ts";
import type { Log, NewRecord } from "../log/log.ts";
import type { Domain } from "../domains/domain.ts";
import { provideTopics } from "../parts.ts";
import { type Context, UsageError } from "./context.ts";
import { HttpPoster, type PostTotals, totalsLine } from "./http_poster.ts";
import type { SimulateFlags } from "./simulate_plan.ts";

/** Where simulated records go. */
export interface Target extends AsyncDisposable {
  readonly name: string;
  /** The log, where it is open. */
  readonly log?: Log;
  send(records: readonly NewRecord[]): Promise<unknown>;
  /** More lines for people, when all is sent. */
  summary(): string;
  /** The same as numbers, of what was posted. */
  totals?(): PostTotals;
}

/** Into the domain's topic. */
export async function producingTo({ host, parts, config }: TargetContext, domain: Domain): Promise<Target> {
  const log = await parts.openLog(config, host.clock);
  await provideTopics(log, [domain], config);
  return {
    name: domain.topic,
    log,
    send: (records) => log.produce(domain.topic, records),
    summary: () => "",
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

/** To a running Freshet. */
export function postingTo(
  { host, config }: TargetContext,
  domain: Domain,
  { http, connections = 8 }: SimulateFlags,
): Target {
  if (!domain.ingest && http!.pathname === "/") {
    throw new UsageError(`The domain "${domain.name}" takes nothing over HTTP: give the whole address with its path`);
  }
  const url = http!.pathname === "/" ? new URL(domain.ingest!.path, http) : http!;
  const { clock, signal } = host;
  const poster = new HttpPoster({ url, token: config.apiToken ?? config.ingestToken, connections, clock, signal });
  return {
    name: url.href,
    send: (records) => poster.post(records),
    summary: () => `${totalsLine(poster.totals)}\n`,
    totals: () => poster.totals,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

export interface TargetContext extends Pick<Context, "host" | "parts"> {
  readonly config: Config;
}

/** Parser of an option that is an address. */
export function addressOption(text: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw new UsageError(`"${text}" is not an address such as http://localhost:8000`);
}
