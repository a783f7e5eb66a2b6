// The list of domains. A new one is a line here.

import { actions } from "./actions.ts";
import { circadian } from "./circadian.ts";
import type { Domain, DomainModule } from "./domain.ts";
import { rides } from "./rides.ts";
import { trains } from "./trains.ts";
import { wine } from "./wine.ts";

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
