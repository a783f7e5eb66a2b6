// What must hold of a domain's tables: rules for each domain, by its name, and those that any domain's tables keep.
import { actions } from "./actions.ts";
import type { Domain } from "../domains/domain.ts";
import { circadian } from "./circadian.ts";
import { rides } from "./rides.ts";
import type { Rules, Settings } from "./rules.ts";
import { trains } from "./trains.ts";
import { wine } from "./wine.ts";

export * from "./general.ts";
export type { Rules, Settings };

type OwnRules = (settings: Settings, domain: Domain) => Rules;
const RULES: Readonly<Record<string, OwnRules>> = { trains, rides, wine, actions, circadian };

/** What a domain's derived tables are, recomputed from its raw table; none for a domain that has no rules. */
export function ownRules(domain: Domain, settings: Settings): Rules {
  return RULES[domain.name]?.(settings, domain) ?? {};
}
