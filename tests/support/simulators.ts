// The domains' simulators, loaded.

import type { Simulator } from "../../simulators/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";

const loaded = await Promise.all(domainModules.map(async ({ name, simulator }) => [name, await simulator()] as const));
const simulators: ReadonlyMap<string, Simulator> = new Map(loaded);

/** The simulator of the domain of that name. */
export function simulatorOf(domain: string): Simulator {
  const found = simulators.get(domain);
  if (!found) throw new Error(`There is no domain "${domain}"`);
  return found;
}
