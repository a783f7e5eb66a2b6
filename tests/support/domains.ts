// Domains as they are configured by default, or with some settings.

import { defineDomains, type Domain, domainModules } from "../../src/domains/mod.ts";
import { z } from "zod";

const shape = Object.assign({}, ...domainModules.map((module) => module.settings)) as z.ZodRawShape;

/** Every setting of the domains, as it is when nothing is set. */
export function defaultSettings(): Readonly<Record<string, unknown>> {
  return z.object(shape).parse({});
}

/** The domain of that name; `settings` as in the environment. */
export function domainOf(name: string, settings: Readonly<Record<string, string>> = {}): Domain {
  const found = defineDomains(z.object(shape).parse(settings)).find((domain) => domain.name === name);
  if (!found) throw new Error(`There is no domain "${name}"`);
  return found;
}
