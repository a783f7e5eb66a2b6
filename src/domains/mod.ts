// The list of domains, from which all others are made. A new domain is a line here, beside its import.

import { actions } from "./actions/mod.ts";
import { circadian } from "./circadian/mod.ts";
import type { Domain, DomainModule } from "./domain.ts";
import { rides } from "./rides/mod.ts";
import { trains } from "./trains/mod.ts";
import { wine } from "./wine/mod.ts";

export * from "./domain.ts";

/** Every domain there is. */
export const domainModules: readonly DomainModule[] = [
  trains,
  rides,
  wine,
  actions,
  circadian,
];

/** All domains, with their settings as read from the configuration. */
export function defineDomains(settings: Readonly<Record<string, unknown>>): readonly Domain[] {
  return domainModules.map((module) => module.define(settings));
}
